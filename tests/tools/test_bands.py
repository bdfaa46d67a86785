"""The stored bands of ten seeds are those that notebook 4 claims."""

import re

import pytest
import torch

from benchmarks import bands
from tests.support.notebooks import ROOT
from tools.notebooks import read


def test_digits_are_scored_seed_by_seed():
    seen = []

    def always(X, y, X_test, seed):
        seen.append((tuple(X.shape), len(y), seed))
        return torch.full((len(X_test),), seed)

    (claim, shares), *more = bands.measure_digits({"constant": always}, seeds=2).items()
    assert (claim, more) == ("notebook 4, constant on the test set", [])
    assert shares == pytest.approx([0.0980, 0.1135])  # of the test set's digits: zeros, ones
    assert seen == [((60_000, 784), 60_000, seed) for seed in (0, 1)]


def test_notebook_claims_what_was_measured():
    table = (ROOT / "benchmarks" / "results" / "bands.md").read_text(encoding="utf-8")
    row = "notebook 4, MLP by hand on the test set"
    (values,) = re.findall(rf"^\| {row} \|(.*)\|$", table, re.MULTILINE)
    least, _, most = (f"{100 * float(value):.1f}" for value in values.split("|"))
    cells = read(ROOT / "notebooks" / "4-neural-networks.ipynb").cells
    assert any(f"low, high = {least}, {most}  # % right" in cell.source for cell in cells)
