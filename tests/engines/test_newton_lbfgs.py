"""The two minimisers on functions whose least value is known."""

import itertools

import pytest
import torch

from d4sci.engines.newton_lbfgs import gradient_descent, lbfgs, require_descent


class Bowl:
    """J = ½ wᵀ A w − cᵀ w, least at A⁻¹ c; λ = 1, 10, 100."""

    A = torch.diag(torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64))
    c = torch.tensor([[1.0], [-20.0], [300.0]], dtype=torch.float64)

    def __call__(self, w):
        return (w * (self.A @ w) / 2 - self.c * w).sum().item(), self.A @ w - self.c

    def curvature(self, w=None):
        return self.A.clone()


class Valley(Bowl):
    """J = Σ log cosh(A w − c), convex, its curvature from 0 to AᵀA: steps overshoot at the rim."""

    def __call__(self, w):
        z = self.A @ w - self.c
        return (z.abs() + torch.log1p(torch.exp(-2 * z.abs()))).sum().item(), self.A @ z.tanh()

    def curvature(self, w=None):
        return self.A @ self.A


START = torch.zeros(3, 1, dtype=torch.float64)
LEAST = torch.tensor([[1.0], [-2.0], [3.0]], dtype=torch.float64)


def test_gradient_descent_takes_the_steps_of_the_formula():
    w, history = gradient_descent(Bowl(), START, 0.01, max_iter=3, tol=0)
    by_hand = LEAST * (1 - (1 - 0.01 * Bowl.A.diagonal()[:, None]) ** 3)
    assert torch.allclose(w, by_hand, rtol=1e-12)
    assert len(history) == 4


@pytest.mark.parametrize(("alpha", "falls"), [(None, True), (0.0199, True), (0.0201, False)])
def test_two_over_lambda_is_the_limit(alpha, falls):
    _, history = gradient_descent(Bowl(), START, alpha, max_iter=200, tol=0)
    assert (history[-1] < history[0]) is falls


def test_no_end_to_the_rise_is_named():
    with pytest.raises(ValueError, match=r"alpha=1 goes uphill for ever; use alpha < 2/λ = 0.02"):
        gradient_descent(Bowl(), START, 1.0, max_iter=1000, tol=0)


def test_the_gradient_ends_both():
    for solve in (gradient_descent, lbfgs):
        w, history = solve(Bowl(), START, max_iter=10_000, tol=1e-9)
        assert torch.allclose(w, LEAST, rtol=1e-8)
        assert Bowl()(w)[1].abs().max() <= 1e-9
        assert len(history) < 3000


def test_lbfgs_is_quick_where_the_curvature_changes():
    w, history = lbfgs(Valley(), START, max_iter=500, tol=1e-9)
    assert torch.allclose(w, LEAST, rtol=1e-7)
    assert len(history) < 200
    assert all(b <= a * (1 + 1e-14) for a, b in itertools.pairwise(history))


def test_lbfgs_rests_at_the_rounding():
    _, history = lbfgs(Valley(), START, max_iter=10_000, tol=0)
    assert len(history) < 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0.0, 1, 0), "alpha"), ((-1.0, 1, 0), "alpha"), ((None, 0, 0), "max_iter"),
     ((None, 1, -1), "tol"), ((float("nan"), 1, 0), "alpha")],
)  # fmt: skip
def test_bad_options_are_named(arguments, message):
    require_descent(0.1, 10, 0.0)
    with pytest.raises(ValueError, match=message):
        require_descent(*arguments)


class Slope(Bowl):
    """J = log(1 + e^w) − w / 5, in one dimension: steep on the right, nearly flat on the left."""

    def __call__(self, w):
        J = torch.nn.functional.softplus(w) - w / 5
        return J.sum().item(), w.sigmoid() - 0.2

    def curvature(self, w=None):
        return w.sigmoid() * (1 - w.sigmoid())


class Quartic(Bowl):
    """J = Σ w⁴: no step of Newton's ends it. Notes where the curvature is asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, w):
        return (w**4).sum().item(), 4 * w**3

    def curvature(self, w=None):
        self.asked.append(self(w)[0])
        return torch.diag(12 * w.flatten() ** 2)


def test_lbfgs_ends_a_bowl_in_one_step_and_looks_at_two_points():
    bowl, seen = Bowl(), []
    counted = lambda w: seen.append(w) or bowl(w)  # noqa: E731
    counted.curvature = bowl.curvature
    w, history = lbfgs(counted, START, max_iter=10, tol=1e-4)
    assert torch.allclose(w, LEAST, rtol=1e-7)
    assert len(history) == len(seen) == 2
    assert history[1] == pytest.approx(bowl(LEAST)[0], rel=1e-12)


def test_the_same_column_twice_does_no_harm():
    class Twice(Bowl):
        A = torch.ones(2, 2, dtype=torch.float64)
        c = torch.ones(2, 1, dtype=torch.float64)

    w, _ = lbfgs(Twice(), torch.zeros(2, 1, dtype=torch.float64), max_iter=20, tol=1e-7)
    assert torch.allclose(w, torch.full_like(w, 0.5), rtol=1e-6)


def test_lbfgs_never_rises_where_a_step_is_far_too_long():
    w, history = lbfgs(Slope(), torch.full((1, 1), 3.0, dtype=torch.float64), max_iter=50, tol=1e-9)
    assert all(b <= a * (1 + 1e-14) for a, b in itertools.pairwise(history))
    assert w.item() == pytest.approx(-torch.log(torch.tensor(4.0)).item(), rel=1e-6)


def test_the_curvature_is_found_at_steps_0_5_50_and_500():
    quartic = Quartic()
    start = torch.tensor([[1.0], [0.1]], dtype=torch.float64)
    _, history = lbfgs(quartic, start, max_iter=70, tol=0)
    assert len(history) == 71
    assert [history.index(J) for J in quartic.asked] == [0, 5, 50]


def test_lbfgs_rests_after_twenty_steps_that_gain_nothing():
    class High(Quartic):
        """So high up that J, rounded, is the same everywhere, though each step comes closer."""

        def __call__(self, w):
            return 1e16 + (w**4).sum().item(), 4 * w**3

    start = torch.tensor([[0.5], [0.1]], dtype=torch.float64)
    _, history = lbfgs(High(), start, max_iter=500, tol=0)
    assert history == [1e16] * 21


def test_lbfgs_rests_where_the_slope_is_too_small_for_a_number():
    class Faint(Bowl):
        def __call__(self, w):
            return 1.0, torch.full_like(w, 1e-200)  # its square is 0

    _, history = lbfgs(Faint(), START, max_iter=10, tol=0)
    assert history == [1.0]
