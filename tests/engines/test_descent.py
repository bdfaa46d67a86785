"""What every descent needs: options, the largest curvature, and what is rounding."""

import pytest
import torch

from d4sci.engines.descent import (
    above_rounding,
    largest_curvature,
    require_descent,
    require_finite_loss,
    require_moderate_targets,
    require_representable,
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


def test_a_loss_that_is_no_number_is_named():
    require_finite_loss(1e300, 1.0, 0.02)
    for J in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"diverged with lr=1; use lr < 0.02, or lr=None"):
            require_finite_loss(J, 1.0, 0.02)


def test_a_parameter_beyond_the_dtype_is_named():
    require_representable("l2", 1e30, torch.float32, "use less")
    require_representable("l2", 1e50, torch.float64, "use less")
    for value in (1e50, float("inf"), float("nan")):
        with pytest.raises(
            ValueError, match=r"l2 must be at most 3e\+32 in torch.float32.*; use l"
        ):
            require_representable("l2", value, torch.float32, "use less")


@pytest.mark.parametrize(("scale", "what"), [(1e30, "overflow"), (1e-30, "vanish")])
def test_targets_whose_squares_float32_cannot_hold_are_named(scale, what):
    Y = scale * X.float()
    with pytest.raises(ValueError, match=f"that {what}; divide y by"):
        require_moderate_targets(Y)
    require_moderate_targets(Y.double())
    require_moderate_targets(0 * Y)


@pytest.mark.parametrize("l2", [0.0, 30.0, 1e4])
def test_the_largest_curvature_is_that_of_autograd(l2):
    def J(w):
        return ((X @ w[1:] + w[0] - 1).square().sum() + l2 * w[1:].square().sum()) / 100

    H = torch.autograd.functional.hessian(J, torch.zeros(4).double())
    assert largest_curvature(X, 1.0, l2) == pytest.approx(torch.linalg.eigvalsh(H)[-1].item())
    assert largest_curvature(X, 0.25, 0.0) == pytest.approx(largest_curvature(X, 1.0, 0.0) / 4)


def test_rounding_is_a_few_units_in_the_last_place():
    def left(size, Y, scale=1.0):
        """Of ∂J/∂w = size, beside ∂J/∂b = 0."""
        X = torch.full((9, 1), scale).to(Y)
        return above_rounding(torch.full((1, 1), size).to(Y), torch.zeros(1).to(Y), X, Y)

    Y = torch.ones(9, 1)
    assert left(1e-7, Y) == 0
    assert left(1e-6, Y) == pytest.approx(1e-6)
    assert left(1e-7, Y.double()) == pytest.approx(1e-7)
    assert left(1e-7, Y / 1e3) == pytest.approx(1e-7)
    assert left(1e-6, Y, 10.0) == 0


def test_a_large_column_or_target_hides_no_other():
    """4 ε = 4.8e-7 in float32: of x = 5e6 and y = 1, 2.4 is rounding; of x = 1 it is 4.8e-7."""
    X, Y = torch.tensor([[5e6, 1.0]] * 9), torch.tensor([[1.0, 1e3]] * 9)
    dJ_dw = torch.tensor([[2.0, 2e3], [0.01, 1e-5]])
    assert above_rounding(dJ_dw, torch.tensor([0.0, 0.0]), X, Y) == pytest.approx(0.01)
    assert above_rounding(0 * dJ_dw, torch.tensor([-1e-6, 1e-5]), X, Y) == pytest.approx(1e-6)


def test_a_column_far_from_0_does_not_hide_what_it_tells():
    """ε rms(x) = 0.1 at x = 1e6 ± 1: the gradient there is lost, so it counts, however small."""
    X = torch.tensor([[1e6 - 1, 1e6], [1e6 + 1, 1e6]])
    Y = torch.tensor([[0.0], [1.0]])
    zero = torch.zeros(1)
    assert above_rounding(torch.tensor([[0.2], [0.0]]), zero, X, Y) == pytest.approx(0.2)
    assert above_rounding(torch.tensor([[0.0], [0.2]]), zero, X, Y) == 0  # constant: as b, it waits
