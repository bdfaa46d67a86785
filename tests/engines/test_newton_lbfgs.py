"""The minimiser on functions whose least value is known; the objective against autograd."""

import itertools

import pytest
import torch

from d4sci.engines.newton_lbfgs import LogisticObjective, minimise


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


def test_the_gradient_ends_it():
    w, history, slope, _ = minimise(Bowl(), START, max_iter=10_000, tol=1e-9)
    assert torch.allclose(w, LEAST, rtol=1e-8)
    assert Bowl()(w)[1].abs().max() == slope <= 1e-9
    assert len(history) < 3000


def test_what_is_left_of_the_slope_is_told_where_the_steps_run_out():
    w, history, slope, _ = minimise(Valley(), START, max_iter=3, tol=1e-9)
    assert len(history) == 4
    assert slope == Valley()(w)[1].abs().max().item() > 1e-3


def test_lbfgs_is_quick_where_the_curvature_changes():
    w, history, _, _ = minimise(Valley(), START, max_iter=500, tol=1e-9)
    assert torch.allclose(w, LEAST, rtol=1e-7)
    assert len(history) < 200
    assert all(b <= a * (1 + 1e-14) for a, b in itertools.pairwise(history))


def test_lbfgs_rests_at_the_rounding():
    _, history, slope, _ = minimise(Valley(), START, max_iter=10_000, tol=0)
    assert len(history) < 1000
    assert slope == 0


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
    w, history, _, _ = minimise(counted, START, max_iter=10, tol=1e-4)
    assert torch.allclose(w, LEAST, rtol=1e-7)
    assert len(history) == len(seen) == 2
    assert history[1] == pytest.approx(bowl(LEAST)[0], rel=1e-12)


def test_the_same_column_twice_does_no_harm():
    class Twice(Bowl):
        A = torch.ones(2, 2, dtype=torch.float64)
        c = torch.ones(2, 1, dtype=torch.float64)

    w, _, _, pivot = minimise(
        Twice(), torch.zeros(2, 1, dtype=torch.float64), max_iter=20, tol=1e-7
    )
    assert torch.allclose(w, torch.full_like(w, 0.5), rtol=1e-6)
    assert pivot < 1e-6
    assert minimise(Bowl(), START, max_iter=20, tol=1e-7).pivot == pytest.approx(1)


def test_lbfgs_never_rises_where_a_step_is_far_too_long():
    w, history, _, _ = minimise(
        Slope(), torch.full((1, 1), 3.0, dtype=torch.float64), max_iter=50, tol=1e-9
    )
    assert all(b <= a * (1 + 1e-14) for a, b in itertools.pairwise(history))
    assert w.item() == pytest.approx(-torch.log(torch.tensor(4.0)).item(), rel=1e-6)


def test_the_curvature_is_found_at_steps_0_5_50_and_500():
    quartic = Quartic()
    start = torch.tensor([[1.0], [0.1]], dtype=torch.float64)
    _, history, slope, _ = minimise(quartic, start, max_iter=70, tol=0)
    assert len(history) == 71
    assert slope > 0
    assert [history.index(J) for J in quartic.asked] == [0, 5, 50]


def test_lbfgs_rests_after_twenty_steps_that_gain_nothing():
    class High(Quartic):
        """So high up that J, rounded, is the same everywhere, though each step comes closer."""

        def __call__(self, w):
            return 1e16 + (w**4).sum().item(), 4 * w**3

    start = torch.tensor([[0.5], [0.1]], dtype=torch.float64)
    _, history, slope, _ = minimise(High(), start, max_iter=500, tol=0)
    assert history == [1e16] * 21
    assert slope == 0


def test_lbfgs_rests_where_the_slope_is_too_small_for_a_number():
    class Faint(Bowl):
        def __call__(self, w):
            return 1.0, torch.full_like(w, 1e-200)  # its square is 0

    _, history, slope, _ = minimise(Faint(), START, max_iter=10, tol=0)
    assert history == [1.0]
    assert slope == 0


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 50.0])
def test_the_objective_against_autograd(k, shift):
    """J and ∇J, of 2,500 rows: three blocks.  The curvature of one output is exact."""
    g = torch.Generator().manual_seed(0)
    X = torch.randn(2500, 4, generator=g, dtype=torch.float64) + shift
    y = torch.randint(0, max(k, 2), (2500,), generator=g)
    Y = torch.stack([y == c for c in range(k)]).double()  # (k, n)
    origin = torch.full((4,), shift, dtype=torch.float64)
    w = torch.randn(5, k, generator=g, dtype=torch.float64) / 5

    def J(w):
        z = (X - origin) @ w[1:] + w[0]  # (n, k)
        if k == 1:
            loss = torch.nn.functional.binary_cross_entropy(z.sigmoid(), Y.T, reduction="sum")
        else:
            loss = -(z.softmax(1).log() * Y.T).sum()
        return (loss + 0.7 * w[1:].square().sum() / 2) / 2500

    objective = LogisticObjective(X, origin, Y, 0.7)
    value, gradient = objective(w)
    assert value == pytest.approx(J(w).item(), rel=1e-12)
    assert torch.allclose(gradient, torch.autograd.functional.jacobian(J, w), rtol=1e-10)
    H = objective.curvature(w)
    if k == 1:
        exact = torch.autograd.functional.hessian(J, w).view(5, 5)
        assert torch.allclose(H, exact, rtol=1e-10)
    assert torch.linalg.eigvalsh(H)[0] > 0
