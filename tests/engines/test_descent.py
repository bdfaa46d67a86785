"""What every descent needs: options, the largest curvature, and what is rounding."""

import pytest
import torch

from d4sci.engines.descent import (
    above_rounding,
    largest_curvature,
    require_descent,
    require_downhill,
)

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0.0, 1, 0), "lr"), ((-1.0, 1, 0), "lr"), ((None, 0, 0), "max_iter"),
     ((None, 1, -1), "tol"), ((float("nan"), 1, 0), "lr")],
)  # fmt: skip
def test_bad_options_are_named(arguments, message):
    require_descent(0.1, 10, 0.0)
    with pytest.raises(ValueError, match=message):
        require_descent(*arguments)


def test_no_end_to_the_rise_is_named():
    require_downhill(1e300, 1.0, 0.02)
    for J in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"diverged with lr=1; use lr < 0.02, or lr=None"):
            require_downhill(J, 1.0, 0.02)


@pytest.mark.parametrize("l2", [0.0, 30.0, 1e4])
def test_the_largest_curvature_is_that_of_autograd(l2):
    def J(w):
        return ((X @ w[1:] + w[0] - 1).square().sum() + l2 * w[1:].square().sum()) / 100

    H = torch.autograd.functional.hessian(J, torch.zeros(4).double())
    assert largest_curvature(X, 1.0, l2) == pytest.approx(torch.linalg.eigvalsh(H)[-1].item())
    assert largest_curvature(X, 0.25, 0.0) == pytest.approx(largest_curvature(X, 1.0, 0.0) / 4)


def test_rounding_is_a_few_units_in_the_last_place():
    Y = torch.ones(9, 1)
    assert above_rounding(1e-7, Y, 1.0) == 0
    assert above_rounding(1e-6, Y, 1.0) == 1e-6
    assert above_rounding(1e-7, Y.double(), 1.0) == 1e-7
    assert above_rounding(1e-7, Y / 1e3, 1.0) == 1e-7
