"""Least squares by normal equations, and by singular values, against NumPy in float64."""

import numpy as np
import pytest
import torch

from d4sci.engines import normal_equations
from d4sci.engines.normal_equations import least_squares, rank_tolerances


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def by_numpy(X, Y, l2):
    """Return w and b of the centred X with rows √l2 I below."""
    A, B = (T.double().numpy() - T.double().numpy().mean(0) for T in (X, Y))
    d = A.shape[1]
    rows = np.vstack([A, l2**0.5 * np.eye(d)])
    w = np.linalg.lstsq(rows, np.vstack([B, np.zeros((d, B.shape[1]))]), rcond=1e-12)[0]
    return w, Y.double().numpy().mean(0) - X.double().numpy().mean(0) @ w


X5 = normal(200, 5)
DATA = {
    "many rows": X5,
    "more rows than a block": normal(4000, 3),
    "far from the origin": X5 + 1e4,
    "a column twice": X5[:, [0, 1, 2, 0]],
    "a constant column": torch.cat([X5, torch.full((200, 1), 0.1).double()], 1),
    "more features than rows": normal(10, 40),
    "scales of their own": X5 * torch.logspace(-3, 3, 5).double(),
}


@pytest.mark.parametrize("l2", [0.0, 0.5])
@pytest.mark.parametrize("name", DATA)
def test_against_numpy(name, l2):
    X = DATA[name]
    Y = normal(len(X), 2, seed=1) + 3
    before = X.clone()
    w, b = least_squares(X, Y, l2)
    true_w, true_b = by_numpy(X, Y, l2)
    assert np.allclose(w, true_w, rtol=1e-7, atol=1e-8 * np.abs(true_w).max())
    assert np.allclose(b, true_b, rtol=1e-7, atol=1e-7)
    assert torch.equal(X, before)


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_both_ways_agree(l2, monkeypatch):
    Y = normal(200, 1, seed=1)
    fast = least_squares(X5, Y, l2)
    monkeypatch.setattr(normal_equations, "WORST_CONDITION", 0.0)
    slow = least_squares(X5, Y, l2)
    assert torch.allclose(fast[0], slow[0], rtol=1e-10)
    assert torch.allclose(fast[1], slow[1], rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_which_directions_are_rounding_does_not_depend_on_the_units(scale):
    """A column twice, in float32, beside one of another scale: two weights alike, one right."""
    X = normal(60, 2).float()
    A = torch.cat([X[:, :1], X[:, :1], scale * X[:, 1:]], 1)
    Y = (X[:, :1] - 2 * X[:, 1:]) + 1
    w, b = least_squares(A, Y, 0.0)
    assert w.flatten().tolist() == pytest.approx([0.5, 0.5, -2 / scale], rel=1e-5)
    assert b.item() == pytest.approx(1, rel=1e-5)


def test_the_tolerances_are_those_of_the_sums_and_of_the_entries():
    X = torch.ones(7, 3)
    assert rank_tolerances(X) == (30 * 2.0**-52, 3**0.5 * torch.finfo(torch.float32).eps)
    assert rank_tolerances(X.double()) == (30 * 2.0**-52, 30 * 2.0**-52)
