"""Run the peers' own tests on d4sci, and write docs/peers.md: `make peers`."""

import os
import sys
from pathlib import Path

import pytest

from tests.peers import page
from tests.peers.plugin import FAULT, STALE
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
    code, recorder = run(["-n", "2"])
    faults = [v for v in recorder.verdicts.values() if v[1] in (FAULT, STALE)]
    if code == 0 and not faults:
        page.write(recorder.verdicts)
    return code


if __name__ == "__main__":
    sys.exit(main())
