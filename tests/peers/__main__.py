"""Run the peers' own tests on d4sci, and write docs/peers.md: `make peers`."""

import os
import sys
from pathlib import Path

import pytest

from tests.peers import page
from tests.peers.differences import DIFFERENCES
from tests.peers.plugin import DIFFERENCE
from tests.peers.suites import HOME, SUITES

HERE = Path(__file__).parent


class Recorder:
    """Keep the verdict about each case: {name: (subject, verdict, why)}."""

    def __init__(self):
        self.verdicts = {}

    def pytest_runtest_logreport(self, report):
        for key, verdict in report.user_properties:
            if key == "peers" and report.when != "teardown":
                name, *rest = verdict
                self.verdicts[name] = tuple(rest)


def run(arguments):
    """Return pytest's exit code and what was recorded."""
    files = [str(HOME / name) for name in SUITES] + sorted(map(str, HERE.glob("test_*.py")))
    options = ["-c", str(HERE / "peers.ini"), "--rootdir", os.path.commonpath([HOME, HERE])]
    options += ["-p", "tests.peers.plugin", *arguments]
    recorder = Recorder()
    return pytest.main([*options, *files], plugins=[recorder]), recorder


def main():
    """Return 0, and write the page, only if nothing is left unexplained and no reason is stale."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the two processes
    os.environ["PYTHONHASHSEED"] = "0"  # some tests go through a set: in the same order each time
    code, recorder = run(["-n", "2"])
    seen = {why for _, verdict, why in recorder.verdicts.values() if verdict == DIFFERENCE}
    unused = [pattern for pattern in DIFFERENCES if pattern not in seen]
    for pattern in unused:
        print(f"no case fails that matches {pattern}: remove it from tests/peers/differences.py")
    if code != 0 or unused:
        return 1
    page.write(recorder.verdicts)
    print(f"wrote {page.PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
