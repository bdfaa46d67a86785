"""The interior-point method: its intercept against a search, and its plane against the proof."""

import pytest
import torch

from d4sci.engines.interior_point import best_intercept, fit_plane


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("n_positive", [1, 2, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_no_other_intercept_is_better(seed, n_positive):
    z = normal(9, 1, seed)[:, 0]
    sign = torch.where(torch.arange(9) < n_positive, 1.0, -1.0).double()

    def hinge(b):
        return (1 - sign * (z + b)).clamp(min=0).sum().item()

    b = best_intercept(z, sign)
    for other in torch.linspace(-5, 5, 401).double():
        assert hinge(b) <= hinge(other) + 1e-12


def test_of_several_best_intercepts_the_middle_is_taken():
    """z = −1 and 1: every |b| ≤ 2 − 1 leaves no slack beyond the least when z is doubled."""
    z, sign = torch.tensor([-2.0, 2.0]).double(), torch.tensor([-1.0, 1.0]).double()
    assert best_intercept(z + 7, sign).item() == -7


@pytest.mark.parametrize("C", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize(("n", "d"), [(60, 2), (10, 40), (5000, 3)])
def test_the_gap_proves_the_plane(n, d, C):
    """P − D from the formulas, with an α that is allowed."""
    X = normal(n, d) + 1.5 * (torch.arange(n) % 2)[:, None] + 100
    sign = 2.0 * (torch.arange(n) % 2).double() - 1
    plane = fit_plane(X, sign, C)
    alpha = plane.alpha
    assert alpha.min() >= 0
    assert alpha.max() <= C * (1 + 1e-9)
    assert (alpha @ sign).abs() <= 1e-8 * alpha.sum()
    P = plane.w @ plane.w / 2 + C * (1 - sign * (X @ plane.w + plane.b)).clamp(min=0).sum()
    v = (alpha * sign) @ (X - X.mean(0))
    D = alpha.sum() - v @ v / 2
    assert 0 <= (P - D).item() <= 1e-7 * P.item()
    assert plane.share <= 1e-9
    assert plane.gaps[-1] == min(plane.gaps)
