"""Run unit tests and notebooks on other versions, and keep the table of what was really run.

    matrix.py [--quick] [WORD...]   rows with a WORD in their name, or all, into docs/matrix.md

Each row gets an environment under .matrix/ (up to 6 GB, removed afterwards), made by uv from what
pyproject.toml asks for: the oldest versions that it allows, or the newest there are.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK, TABLE = ROOT / ".matrix", ROOT / "docs" / "matrix.md"
PYTHONS = ("3.11", "3.12", "3.13")
ROWS = {
    f"{age}, Python {python}": (python, resolution)
    for age, resolution in (("oldest", "lowest-direct"), ("newest", "highest"))
    for python in PYTHONS
} | {"pinned, avx2": None}
PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "scikit-learn")
HEAD = ("row", "Python", *PACKAGES, "unit tests", "notebook cells", "minutes", "date")
INTRODUCTION = f"""\
# What was run on other versions

Written by `make matrix`: the oldest and the newest versions that `pyproject.toml` allows, resolved
on the day of the run, and the pinned ones with PyTorch's AVX2 kernels. "Unit tests" is all of
`tests/`; "notebook cells" is every code cell of the five notebooks, where an error or a warning
fails. Outputs are compared with the stored ones on the pinned versions only; elsewhere it does not
count that one library calls what another has deprecated. "Quick" means without the tests of plots,
exercises and commands, and without notebooks 3 to 5.

| {" | ".join(HEAD)} |
{"|---" * len(HEAD)}|
"""

# An old matplotlib with a new pyparsing warns on import, and an old scikit-learn hands a new SciPy
# an option that it has no more: no fault of ours.
OPTIONS = ["-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"]
OPTIONS += ["-W", "ignore:Unknown solver options"]
CELLS = ["--nbval-current-env", "--nbval-cell-timeout=600", "notebooks"]
STRICT = {"tests": ["tests"], "notebooks": ["--nbval", *CELLS]}
LAX = {"tests": ["tests", *OPTIONS], "notebooks": ["--nbval-lax", *CELLS]}
SLOW = ["command", "doctor", "exercises", "interrupted", "main", "plotting", "tool", "train_mnist"]
QUICK = {
    "tests": ["-k", f"not ({' or '.join(SLOW)})"],
    "notebooks": ["--ignore-glob=*/[3-5]-*"],
}


def find_uv():
    """Return the uv of this machine, or one of our own."""
    beside = Path(sysconfig.get_path("scripts"), "uv")
    if found := shutil.which("uv") or (beside.exists() and beside):
        return str(found)
    subprocess.run([sys.executable, "-m", "venv", WORK / "uv"], check=True)
    python = WORK / "uv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(WORK / "uv" / "bin" / "uv")


def install(folder, python, resolution):
    """Make an environment; raise CalledProcessError, with uv's reason, where it cannot be made."""
    uv, log = find_uv(), {"check": True, "capture_output": True, "text": True, "cwd": ROOT}
    pyenv = sorted(Path.home().glob(".pyenv/versions/*/bin"))  # its shims start one version only
    paths = os.pathsep.join([*map(str, pyenv), os.environ["PATH"]])
    env = os.environ | {"PATH": paths, "UV_CACHE_DIR": str(WORK / "cache")}
    subprocess.run([uv, "venv", "--clear", "--python", python, folder], env=env, **log)
    command = [uv, "pip", "install", "--python", folder / "bin" / "python", "-e", ".[dev]"]
    command += ["--resolution", resolution, "--only-binary", ":all:", "--no-binary", "d4sci"]
    subprocess.run(command, env=env, **log)


def versions(python):
    """Return the version of an environment's Python and of its main packages."""
    code = "import platform, sys; from importlib.metadata import version as v; "
    code += "print(platform.python_version(), *map(v, sys.argv[1:]))"
    command = [python, "-c", code, *PACKAGES]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def count(text):
    """Return 'passed, failed, skipped' from the last line of pytest that has them."""
    lines = re.findall(r"^.*\d+ (?:passed|failed|error).* in .*$", text, re.MULTILINE)
    found = dict(re.findall(r"(\d+) (\w+)", lines[-1]) if lines else [])
    numbers = {word.rstrip("s"): number for number, word in found.items()}
    parts = [f"{numbers.get(word, 0)} {word}" for word in ("passed", "failed", "skipped")]
    parts += [f"{numbers[word]} {word}s" for word in ("error",) if word in numbers]
    return ", ".join(parts) if lines else "did not finish: see the log"


def pytest(python, arguments, name, variables):
    """Run pytest in an environment, keep what it prints in .matrix/; return the counts."""
    log = WORK / f"{name}.log"
    with log.open("w") as file:
        subprocess.run(
            [python, "-m", "pytest", *arguments], cwd=ROOT, env=os.environ | variables,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return count(log.read_text(errors="replace"))


def run(name, quick):
    """Return the cells of one row of the table after its name."""
    start, today = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
    slug = re.sub(r"\W+", "-", name)
    folder, variables, runs = WORK / slug, {"PYTHONPATH": str(ROOT)}, LAX
    try:
        if ROWS[name]:
            install(folder, *ROWS[name])
            python = folder / "bin" / "python"
        else:
            python, variables["ATEN_CPU_CAPABILITY"], runs = sys.executable, "avx2", STRICT
        found = versions(python)
        results = [
            pytest(python, [*arguments, *(quick and QUICK[kind])], f"{slug}-{kind}", variables)
            for kind, arguments in runs.items()
        ]
        results = [f"{result}{' (quick)' * bool(quick)}" for result in results]
    except (subprocess.CalledProcessError, OSError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        found, results = (
            ["–"] * (1 + len(PACKAGES)),
            [f"not installed: {reason[-1].replace('|', '/')}", "–"],
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [*found, *results, f"{(time.monotonic() - start) / 60:.0f}", today]


def stored():
    """Return the rows of the table so far, {name: the other cells}."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    rows = [re.split(r" *\| *", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    return {name: cells for name, *cells in rows if name in ROWS}


def store(rows):
    """Write the table, whole or not at all: a row that was never run says so."""
    blank = ["–"] * (len(HEAD) - 1)
    lines = [[name, *rows.get(name, ["not run yet", *blank[1:]])] for name in ROWS]
    temporary = TABLE.with_suffix(".tmp")
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    temporary.write_text(INTRODUCTION + body, encoding="utf-8")
    os.replace(temporary, TABLE)


def main(words):
    """Run the rows that were asked for; return 1 if one failed or could not be installed."""
    quick = [word for word in words if word == "--quick"]
    words = [word for word in words if word != "--quick"]
    chosen = [name for name in ROWS if not words or any(word in name for word in words)]
    WORK.mkdir(exist_ok=True)
    for name in chosen:
        rows = stored() | {name: run(name, quick)}
        store(rows)
        print(f"{name}: {', '.join(rows[name])}", flush=True)
    bad = re.compile(r"[1-9]\d* (failed|error)|not ")
    return int(not chosen or any(bad.search(" ".join(stored()[name])) for name in chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
