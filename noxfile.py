"""Run unit tests and notebooks on other versions: `make matrix`, or `nox -k newest -- --quick`.

Each session gets an environment of its own under .matrix/, made by uv from what pyproject.toml asks
for: the oldest versions that it allows, or the newest there are (up to 6 GB, removed afterwards).
What was run goes into docs/matrix.md, which tools/version_table.py writes.
"""

import shutil
import sys
import time
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from tools import version_table  # noqa: E402

WORK = ROOT / ".matrix"
nox.options.envdir = WORK
nox.options.default_venv_backend = "uv"

# An old matplotlib with a new pyparsing warns on import, and an old scikit-learn hands a new SciPy
# an option that it has no more: no fault of ours.
FORGIVEN = ["-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"]
FORGIVEN += ["-W", "ignore:Unknown solver options"]
CELLS = ["--nbval-current-env", "--nbval-cell-timeout=600", "notebooks"]
STRICT = {"tests": ["tests"], "notebooks": ["--nbval", *CELLS]}
LAX = {"tests": ["tests", *FORGIVEN], "notebooks": ["--nbval-lax", *CELLS]}
LEFT_OUT = ["contracts/test_interrupted.py", "exercises", "plotting", "project", "tools"]
QUICK = {
    "tests": [f"--ignore=tests/{name}" for name in LEFT_OUT],
    "notebooks": ["--ignore-glob=*/[3-5]-*"],
}
PRINT_VERSIONS = (
    "import platform, sys; from importlib.metadata import version; "
    "print(platform.python_version(), *map(version, sys.argv[1:]))"
)


@nox.session(python=version_table.PYTHONS)
def oldest(session):
    """Test with the oldest versions that pyproject.toml allows."""
    install_and_test(session, "lowest-direct")


@nox.session(python=version_table.PYTHONS)
def newest(session):
    """Test with the newest versions there are."""
    install_and_test(session, "highest")


@nox.session(name="pinned-avx2", venv_backend="none")
def pinned(session):
    """Test with the pinned versions in .venv, with PyTorch's AVX2 kernels."""
    python = str(ROOT / ".venv" / "bin" / "python")
    test(session, python, STRICT, {"ATEN_CPU_CAPABILITY": "avx2"}, time.monotonic())


def install_and_test(session, resolution):
    """Make the environment, test in it, remove it; a failed installation is a row of the table."""
    start = time.monotonic()
    wheels = ["--only-binary", ":all:", "--no-binary", "d4sci"]
    WORK.mkdir(exist_ok=True)
    log = WORK / f"{session.name}-install.log"
    try:
        with log.open("w") as file:
            session.install(
                "-e", ".[dev]", "--resolution", resolution, *wheels,
                silent=False, stdout=file, stderr=file,
            )  # fmt: skip
        test(session, "python", LAX, {}, start)
    except nox.command.CommandFailed:
        record(session, version_table.row_not_installed(log.read_text(), start))
        raise
    finally:
        shutil.rmtree(session.virtualenv.location, ignore_errors=True)


def test(session, python, runs, variables, start):
    """Run tests and notebooks, record the counts, and fail the session where one failed."""
    found = session.run(python, "-c", PRINT_VERSIONS, *version_table.PACKAGES, silent=True)
    quick = "--quick" in session.posargs
    results = []
    for kind, arguments in runs.items():
        log = WORK / f"{session.name}-{kind}.log"
        chosen = [*arguments, *QUICK[kind]] if quick else arguments
        with log.open("w") as file:
            session.run(
                python, "-m", "pytest", *chosen, env={"PYTHONPATH": str(ROOT), **variables},
                success_codes=range(6), external=True, stdout=file, stderr=file,
            )  # fmt: skip
        result = version_table.count(log.read_text(errors="replace"))
        results.append(f"{result} (quick)" if quick else result)
    record(session, version_table.row(found.split(), results, start))
    for result in results:
        if " 0 failed" not in result or "error" in result:
            session.error(f"{result}: see the logs in {WORK}")


def record(session, cells):
    """Put the row into docs/matrix.md, and print it."""
    version_table.store(version_table.stored() | {session.name: cells})
    session.log(", ".join(cells))
