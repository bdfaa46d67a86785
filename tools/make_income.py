#!/usr/bin/env python3
"""Make data/income.csv, the synthetic twin of the income and happiness survey on the slides.

    python tools/make_income.py [FILE]

The 498 people are invented; the figures published for the real survey are not: the sample's mean
and spread of income, its regression line and its residual standard error are imposed exactly, so
a notebook that fits a line or a principal axis prints the numbers of the slides.

1. Draw incomes evenly from 1.5 to 7.5, then shift and stretch them to MEAN and SD.
2. Draw bell-shaped residuals that keep happiness between LOW and HIGH.
3. Make them orthogonal to (1, income), stretch them to RESIDUAL_SE, and add the line.

Standard library only, and of it only what is exact: `random()` (the one method whose sequence
Python promises to keep), `fsum`, `sqrt` and + - * /. So every machine writes the same bytes.
"""

import math
import os
import random
import sys
import tempfile
from pathlib import Path

SEED = 5  # of 0 to 9, the one whose smallest and largest values come nearest to the survey's
N = 498
MEAN = 4.467  # of income, in units of 10,000 dollars
SD = 1.737652  # of income, n - 1 degrees of freedom; printed 1.7377
INTERCEPT, SLOPE = 0.20427, 0.71383
RESIDUAL_SE = 0.718148  # n - 2 degrees of freedom; printed 0.7181
# Four digits leave SD and RESIDUAL_SE some room; the published t value, 38.505, puts both here.
LOW, HIGH = 0.25, 6.9  # happiness before step 3, which moves it a little


def mean(values):
    return math.fsum(values) / len(values)


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def draw_incomes(rng):
    """Return N incomes with exactly MEAN and SD, all between 1.5 and 7.5."""
    drawn = [1.5 + 6 * rng.random() for _ in range(N)]
    centre = mean(drawn)
    deviations = [x - centre for x in drawn]
    scale = SD / math.sqrt(dot(deviations, deviations) / (N - 1))
    incomes = [MEAN + scale * d for d in deviations]
    if not (min(incomes) >= 1.5 and max(incomes) <= 7.5):
        raise ValueError(f"seed {SEED} draws incomes outside 1.5 to 7.5; take another")
    return incomes


def draw_residual(rng, expected):
    """Return one residual that keeps expected + residual between LOW and HIGH."""
    while True:
        # Twelve uniform numbers have variance 1 together: a bell curve without a logarithm.
        residual = RESIDUAL_SE * (math.fsum(rng.random() for _ in range(12)) - 6)
        if LOW <= expected + residual <= HIGH:
            return residual


def draw_residuals(rng, incomes):
    """Return N residuals orthogonal to (1, income), with exactly RESIDUAL_SE."""
    drawn = [draw_residual(rng, INTERCEPT + SLOPE * x) for x in incomes]
    centre, middle = mean(drawn), mean(incomes)
    x = [value - middle for value in incomes]
    r = [value - centre for value in drawn]
    tilt = dot(x, r) / dot(x, x)
    r = [b - tilt * a for a, b in zip(x, r, strict=True)]
    scale = RESIDUAL_SE / math.sqrt(dot(r, r) / (N - 2))
    return [scale * value for value in r]


def make_csv():
    """Return the file's text."""
    rng = random.Random(SEED)
    incomes = draw_incomes(rng)
    residuals = draw_residuals(rng, incomes)
    rows = [
        f"{x:.6f},{INTERCEPT + SLOPE * x + r:.6f}" for x, r in zip(incomes, residuals, strict=True)
    ]
    return "\n".join(["income,happiness", *rows, ""])


def write(path):
    """Write the file whole or not at all: to a temporary neighbour first, then into its place."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(make_csv().encode("ascii"))
        Path(temporary).chmod(0o644)  # mkstemp lets nobody else read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    write(sys.argv[1] if len(sys.argv) > 1 else here / "data" / "income.csv")
