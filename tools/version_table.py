"""The table of docs/matrix.md: what `make matrix` ran on other versions, a row a session of nox."""

import os
import re
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "matrix.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ROWS = [f"{age}-{python}" for age in ("oldest", "newest") for python in PYTHONS] + ["pinned-avx2"]
PACKAGES = ("torch", "numpy", "pandas", "matplotlib", "scikit-learn")
HEAD = ("session", "Python", *PACKAGES, "unit tests", "notebook cells", "minutes", "date")
INTRODUCTION = f"""\
# What was run on other versions

Written by `make matrix` (nox, with environments made by uv): the oldest and the newest versions
that `pyproject.toml` allows, resolved on the day of the run, and the pinned ones with PyTorch's
AVX2 kernels. "Unit tests" is all of `tests/`; "notebook cells" is every code cell of the five
notebooks, where an error or a warning fails. Outputs are compared with the stored ones on the
pinned versions only; elsewhere it does not count that one library calls what another has
deprecated. "Quick" means without the tests of plots, exercises, commands and tools, and without
notebooks 3 to 5.

| {" | ".join(HEAD)} |
{"|---" * len(HEAD)}|
"""


def count(text):
    """Return 'passed, failed, skipped' from the last line of pytest that has them."""
    lines = re.findall(r"^.*\d+ (?:passed|failed|error).* in .*$", text, re.MULTILINE)
    if not lines:
        return "did not finish: see the log"
    numbers = {word: number for number, word in re.findall(r"(\d+) ([a-z]+)", lines[-1])}
    parts = [f"{numbers.get(word, 0)} {word}" for word in ("passed", "failed", "skipped")]
    for word in ("error", "errors"):
        if word in numbers:
            parts.append(f"{numbers[word]} errors")
    return ", ".join(parts)


def row(versions, results, start):
    """Return the cells of a row after its name; start: time.monotonic() when it began."""
    minutes = (time.monotonic() - start) / 60
    return [*versions, *results, f"{minutes:.0f}", time.strftime("%Y-%m-%d", time.gmtime())]


def row_not_installed(reason, start):
    """Return the cells of a row whose environment could not be made, with the reason."""
    lines = reason.strip().splitlines() or ["no reason given"]
    blank = ["–"] * (1 + len(PACKAGES))
    return row(blank, [f"not installed: {lines[-1].replace('|', '/')}", "–"], start)


def stored():
    """Return the rows of the table so far, {name: the other cells}."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    rows = [re.split(r" *\| *", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return {name: cells for name, *cells in rows if name in ROWS}


def store(rows):
    """Write the table, whole or not at all: a row that was never run says so."""
    blank = ["–"] * (len(HEAD) - 2)
    lines = [[name, *rows.get(name, ["not run yet", *blank])] for name in ROWS]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    temporary = TABLE.with_suffix(".tmp")
    temporary.write_text(INTRODUCTION + body, encoding="utf-8")
    os.replace(temporary, TABLE)
