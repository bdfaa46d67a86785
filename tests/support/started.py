"""Start programs, bound their time, and stop them with all that they started."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import psutil

from tests.support.notebooks import ROOT

KEPT = ROOT / ".trust"  # logs and screenshots; git ignores it
STRICT = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
STRICT += ["--nbval-cell-timeout=300", "notebooks"]


def stop(process):
    """End a process and its descendants: kernels lead sessions of their own."""
    family = []
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
    for end in (signal.SIGTERM, signal.SIGKILL):
        for member in family:
            with suppress(psutil.NoSuchProcess):  # an id that means another process by now counts
                member.send_signal(end)
        _, family = psutil.wait_procs(family, timeout=10)
    process.wait(timeout=10)


@contextmanager
def started(command, log, **variables):
    """Yield the process of a command that writes into `.trust/log`; stop it at the end."""
    KEPT.mkdir(exist_ok=True)
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    with (KEPT / log).open("w") as file:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            stop(process)


def demand(command, log, *, timeout, **variables):
    """Run a command to its end; fail with the last lines of its log unless it succeeds."""
    with started(command, log, **variables) as process:
        try:
            status = process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            status = f"still running after {timeout} s"
    lines = (KEPT / log).read_text(errors="replace").splitlines()
    assert status == 0, f"{status}: {' '.join(map(str, command))}\n" + "\n".join(lines[-60:])
    print(f"\n{log}: " + (lines or ["done"])[-1])
    return lines
