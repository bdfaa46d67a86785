"""Start programs, bound their time, and stop them with all that they started."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil

from tests.notebooks import ROOT

KEPT = ROOT / ".trust"  # logs and screenshots; git ignores it
STRICT = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
STRICT += ["--nbval-cell-timeout=300", "notebooks"]


def stop(process):
    """End a process and its descendants: kernels lead sessions of their own."""
    family = [process]
    if psutil.pid_exists(process.pid):
        family += psutil.Process(process.pid).children(recursive=True)
    for end in (signal.SIGTERM, signal.SIGKILL):
        for member in family:
            if psutil.pid_exists(member.pid):
                member.send_signal(end)  # psutil checks that the id still means that process
        _, family[1:] = psutil.wait_procs(family[1:], timeout=10)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue


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
