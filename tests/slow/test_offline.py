"""`python -m d4sci test`, all of it, with the network cut and one thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.started import demand

HERE = Path(__file__).parent
UNSHARE = {"as root": ["unshare", "--net"], "as any user": ["unshare", "--map-root-user", "--net"]}
# Where namespaces are not allowed, each Python process blocks its own sockets.
BLOCK = {"PYTHONPATH": HERE / "no_network", "NETWORK_CUT_BY": "sitecustomize"}


def ways_to_cut():
    """Return {way: (prefix of a command, variables)} of what this machine allows, best first."""
    ways = {}
    for who, prefix in UNSHARE.items():
        try:
            allowed = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
        except OSError:
            allowed = False
        if allowed:
            ways[f"a network namespace, {who}"] = prefix, {"NETWORK_CUT_BY": "namespace"}
    ways["sitecustomize, which blocks the sockets of Python"] = [], BLOCK
    return ways


def offline(prefix, *command):
    return [*prefix, sys.executable, HERE / "offline.py", *command]


def test_everything_offline_with_one_thread():
    way, (prefix, variables) = next(iter(ways_to_cut().items()))
    print(f"\nthe network is cut by {way}")
    command = offline(prefix, sys.executable, "-m", "d4sci", "test")
    demand(command, "offline.log", timeout=2400, OMP_NUM_THREADS=1, MKL_NUM_THREADS=1, **variables)


@pytest.mark.parametrize("way", ways_to_cut())
def test_each_way_cuts_kernels_too(way, tmp_path):
    """A child process, as kernels are, reaches the loopback and nothing else."""
    prefix, variables = ways_to_cut()[way]
    child = [sys.executable, HERE / "offline.py", sys.executable, "-c", "print('reached the end')"]
    lines = demand(offline(prefix, *child), "cut.log", timeout=60, **variables)
    assert lines[-1] == "reached the end"
    assert sum(line.startswith("cut after") for line in lines) == 6


def test_an_open_network_is_seen():
    """`offline.py` refuses to go on where a connection succeeds, here by a pretended one."""
    code = "import socket; socket.create_connection = lambda *a, **k: None; import offline; "
    code += "offline.show_cut()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "not cut" in done.stderr
