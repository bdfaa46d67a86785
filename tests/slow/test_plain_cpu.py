"""The notebooks print the same on a processor without vector instructions."""

import sys

from tests.support.started import STRICT, demand

PLAIN = {"ATEN_CPU_CAPABILITY": "default"}


def test_torch_takes_the_hint():
    code = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    lines = demand([sys.executable, "-c", code], "plain-cpu-hint.log", timeout=120, **PLAIN)
    assert lines[-1] in ("DEFAULT", "NO AVX")


def test_notebooks():
    demand(STRICT, "plain-cpu.log", timeout=1800, **PLAIN)
