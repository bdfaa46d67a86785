"""The command line: `python -m d4sci` for the doctor, and its commands `lab` and `test`."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from d4sci import __version__

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit status when the options leave nothing to run
USAGE = """\
usage: python -m d4sci [command]

  (no command)      the doctor: is this machine ready for the course?
  lab [options]     open JupyterLab on the notebooks; options go to JupyterLab
  test [options]    run the unit tests, then all notebooks; options go to pytest
  --help            show this
  --version         show the version of d4sci"""


def lab(*options: str) -> int:
    """Run JupyterLab on notebooks/ until it ends; return its exit status.

    No other machine gets in, and this one only with JupyterLab's token. One Ctrl-C ends it.
    """
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks"]
    command += ["--ServerApp.answer_yes=True"]
    # Our settings, which the user's own override: no question about news, which need a network.
    settings = [str(ROOT / "d4sci" / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, settings))}
    process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # JupyterLab heard the Ctrl-C too: let it shut its kernels down
            continue


def test(*options: str) -> int:
    """Run the unit tests, then the notebooks; return 0 only if both pass."""
    side_by_side = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]
    statuses = [run_pytest("tests", *side_by_side, *options), run_notebooks(*options)]
    if options and 0 in statuses:  # `-k kmeans` may leave one of the two without a test
        statuses = [status for status in statuses if status != NO_TESTS]
    return next(filter(None, statuses), 0)  # the first that is not 0


def run_notebooks(*options: str) -> int:
    """Execute every notebook and compare what it prints with what is stored."""
    nbval = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
    return run_pytest(*nbval, "notebooks", *options)


def run_pytest(*arguments: str) -> int:
    """Run pytest with this interpreter in the root of the repository; return its exit status."""
    return subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; return the exit status."""
    command, *options = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command in ("--help", "-h", "--version"):
        print(f"d4sci {__version__}" if command == "--version" else USAGE)
        return 0
    if command == "":
        from d4sci import doctor  # here, because the other commands do not need it

        return doctor.main()
    if command not in COMMANDS:
        print(f"d4sci: no such command: {command}\n\n{USAGE}", file=sys.stderr)
        return 2
    if not (ROOT / "notebooks").is_dir():
        fix = "clone the course and run this in its folder"
        print(f"d4sci: {ROOT} holds no notebooks; {fix}", file=sys.stderr)
        return 1
    return COMMANDS[command](*options)


COMMANDS = {"lab": lab, "test": test}


if __name__ == "__main__":
    sys.exit(main())
