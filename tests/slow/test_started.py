"""What a pass starts ends with it, in time, whatever it is."""

import sys
import time

import psutil
import pytest

from tests.support.started import KEPT, demand

STUBBORN = """
import signal, subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
print(child.pid, flush=True)
time.sleep(99)
"""


def test_a_command_out_of_time_ends_with_its_children():
    start = time.monotonic()
    with pytest.raises(AssertionError, match="still running after 2 s"):
        demand([sys.executable, "-c", STUBBORN], "stubborn.log", timeout=2)
    assert time.monotonic() - start < 30
    child = int((KEPT / "stubborn.log").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_failure_shows_its_last_lines():
    with pytest.raises(AssertionError, match="the reason"):
        demand([sys.executable, "-c", "print('the reason'); 1 / 0"], "failure.log", timeout=30)
