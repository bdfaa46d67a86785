"""How much memory a runner of a race needs, weighed in a fresh process."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.race import ROOT
from benchmarks.rows import ROWS


def peak_memory(build, name, **size):
    """Return the bytes that a runner needs beyond its data, measured in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", build, name, json.dumps(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{build}, {name}: {done.stderr[-2000:]}")
    return int(done.stdout.split()[-1])


def _weigh(build, name, size):
    """Run one runner on small data, so that all is loaded, then weigh it on the real ones."""
    row = ROWS[build]
    small = row.build(**{**size, "n": row.warm}).runners
    if name in small:
        small[name]()
    work = row.build(**size).runners[name]
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        raise RuntimeError("peak memory is read from Linux's /proc; run this on Linux")
    clear.write_text("5")  # from now on VmHWM is the peak
    before = _resident()
    work()
    after = _resident()
    # Pages of the libraries' files come and go as the system likes: they are left out.
    return max(0, after["VmHWM"] - after["RssFile"] - before["RssAnon"] - before["RssShmem"])


def _resident():
    """Return what the system says of this process's memory, {name: bytes}."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line[-2:] == "kB"}


if __name__ == "__main__":
    print(_weigh(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
