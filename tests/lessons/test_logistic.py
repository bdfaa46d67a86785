"""Logistic regression against scikit-learn and autograd, and its two paths against each other."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression as Logistic

from d4sci.data import load_iris, to_tensors
from d4sci.estimator import ConvergenceWarning
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def close(ours, peer, rtol=1e-5):
    """Whether two sets of coefficients differ by at most rtol of the largest."""
    ours, peer = ours.double().numpy(), np.asarray(peer)
    return ours.shape == peer.shape and np.abs(ours - peer).max() <= rtol * np.abs(peer).max()


IRIS, SPECIES = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[:2]
IRIS = IRIS.double()
X3 = normal(200, 3)
TWO = (SPECIES != 0).long(), (SPECIES == 1).long()
CLASSIFY = {
    "iris, three": (IRIS, SPECIES),
    "iris, separable": (IRIS, TWO[0]),
    "iris, overlapping": (IRIS, TWO[1]),
    "far from the origin": (IRIS + 1e3, SPECIES),
    "more features than rows": (normal(20, 50), torch.arange(20) % 3),
    "imbalanced": (X3, (torch.arange(200) < 5).long()),
    "a column twice": (X3[:, [0, 1, 2, 0]], (X3[:, 0] + normal(200, 1, 1)[:, 0] > 0).long()),
    "two rows": (normal(2, 3), torch.arange(2)),
}


@pytest.mark.parametrize("C", [1e-2, 1.0, 10.0])
@pytest.mark.parametrize("name", CLASSIFY)
def test_logistic_regression_agrees_with_scikit_learn(name, C):
    X, y = CLASSIFY[name]
    ours, mean = LogisticRegression(C=C).fit(X, y), X.mean(0).numpy()
    peer = Logistic(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    peer.fit(X.numpy() - mean, y.numpy())
    assert close(ours.coef_, peer.coef_)
    assert np.allclose(ours.predict_proba(X), peer.predict_proba(X.numpy() - mean), atol=1e-6)
    assert ours.predict(X).tolist() == peer.predict(X.numpy() - mean).tolist()
    assert all(b <= a * (1 + 1e-14) for a, b in pairwise(ours.loss_history_))


@pytest.mark.parametrize("name", ["iris, three", "iris, overlapping"])
@pytest.mark.parametrize("factor", [1.0, 1e3])
def test_the_gradient_vanishes_and_nothing_overflows(name, factor):
    """By autograd, of scikit-learn's objective C Σ loss + ½ ‖w‖²."""
    X, y = factor * CLASSIFY[name][0], CLASSIFY[name][1]
    for dtype, atol in ((torch.float64, 1e-7), (torch.float32, 0.5)):
        model = LogisticRegression().fit(X.to(dtype), y)
        w, b = (p.double().requires_grad_() for p in (model.coef_, model.intercept_))
        z = X @ w.T + b
        z = torch.cat([torch.zeros_like(z), z], 1) if len(w) == 1 else z
        J = torch.nn.functional.cross_entropy(z, y, reduction="sum") + w.square().sum() / 2
        assert torch.autograd.grad(J, w)[0].abs().max() <= atol * factor
        assert model.coef_.dtype == dtype
        assert model.predict_proba(X.to(dtype)).isfinite().all()


@pytest.mark.parametrize("name", ["iris, three", "imbalanced"])
def test_gradient_descent_meets_lbfgs(name):
    X, y = CLASSIFY[name]
    X = (X - X.mean(0)) / X.std(0)
    fast = LogisticRegression(C=0.1).fit(X, y)
    slow = LogisticRegression(C=0.1, solver="gd", max_iter=5000, tol=1e-9).fit(X, y)
    assert torch.allclose(slow.coef_, fast.coef_, atol=1e-6)
    assert torch.allclose(slow.intercept_, fast.intercept_, atol=1e-6)
    assert slow.loss_history_[0] == pytest.approx(math.log(len(fast.classes_)))
    assert fast.n_iter_ < slow.n_iter_


def test_any_labels():
    one = LogisticRegression().fit(IRIS, SPECIES)
    other = LogisticRegression().fit(IRIS, torch.tensor([-5, 2, 40])[SPECIES])
    assert torch.equal(one.coef_, other.coef_)
    assert other.classes_.tolist() == [-5, 2, 40]
    assert torch.equal(other.predict(IRIS), other.classes_[one.predict(IRIS)])


quiet = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")
MODELS = {
    "newton-lbfgs": lambda: LogisticRegression(max_iter=5),
    "gd": lambda: LogisticRegression(solver="gd", max_iter=5),
}


def objective(model, X, y):
    """Return C Σ loss + ½ ‖w‖² by scikit-learn's formula, from the probabilities' logits."""
    z = X @ model.coef_.T + model.intercept_
    if len(model.coef_) == 1:
        z = torch.cat([torch.zeros_like(z), z], 1)
    codes = torch.searchsorted(model.classes_, y)
    loss = torch.nn.functional.cross_entropy(z, codes, reduction="sum")
    return (model.C * loss + model.coef_.square().sum() / 2).item()


@pytest.mark.parametrize("C", [1e-2, 1.0])
@pytest.mark.parametrize("name", CLASSIFY)
def test_the_plain_path_comes_within_one_per_cent_on_scaled_data(name, C):
    X, y = CLASSIFY[name]
    X = (X - X.mean(0)) / X.std(0)
    best = objective(LogisticRegression(C=C).fit(X, y), X, y)
    plain = LogisticRegression(C=C, solver="gd", max_iter=5000, tol=3e-5).fit(X, y)
    assert best * (1 - 1e-9) <= objective(plain, X, y) <= 1.01 * best


@pytest.mark.parametrize("name", ["iris, three", "imbalanced"])
def test_gradient_descent_takes_the_steps_of_the_slide(name):
    """By autograd, from the formula of J."""
    X, y = CLASSIFY[name]
    options = {"C": 0.5, "solver": "gd", "lr": 0.02, "max_iter": 6, "tol": 0}
    with pytest.warns(
        ConvergenceWarning, match="gd stopped after 6 steps with a gradient of .*, above tol"
    ):
        model = LogisticRegression(**options).fit(X, y)
    k = len(model.coef_)
    w = torch.zeros(k, X.shape[1]).double().requires_grad_()
    b = torch.zeros(k).double().requires_grad_()
    for J_model in model.loss_history_:
        z = X @ w.T + b
        if k == 1:
            h = 1 / (1 + (-z[:, 0]).exp())
            loss = -(y * h.log() + (1 - y) * (1 - h).log()).sum()
        else:
            h = z.exp() / z.exp().sum(1, keepdim=True)
            loss = -h[torch.arange(len(y)), y].log().sum()
        J = (loss + w.square().sum() / (2 * 0.5)) / len(X)
        assert J.item() == pytest.approx(J_model, rel=1e-12)
        dw, db = torch.autograd.grad(J, (w, b))
        last, w, b = (w, b), w - 0.02 * dw, b - 0.02 * db
    assert torch.allclose(model.coef_, last[0], rtol=1e-10)
    assert torch.allclose(model.intercept_, last[1], rtol=1e-10)


@pytest.mark.parametrize("solver", ["newton-lbfgs", "gd"])
def test_a_descent_that_stops_short_says_so(solver):
    X, y = CLASSIFY["iris, three"]
    with pytest.warns(ConvergenceWarning, match=f"{solver} stopped after 3 steps") as caught:
        LogisticRegression(solver=solver, max_iter=3).fit(X, y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("C", [1e-2, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_only_rounding_is_left_nothing_is_said(C, dtype):
    for name in ("iris, three", "iris, separable", "iris, overlapping", "far from the origin"):
        X, y = CLASSIFY[name]
        LogisticRegression(C=C, tol=0.0).fit(X.to(dtype), y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["a large column", "a large penalty"])
def test_what_is_large_hides_no_gradient(case, dtype):
    """The steps that suit it leave the intercept, or the weight of a dummy, near 0."""
    g = torch.Generator().manual_seed(0)
    dummy = torch.randint(0, 2, (200, 1), generator=g)
    large, C = torch.rand(200, 1, generator=g) * 5e6, 1.0
    if case == "a large penalty":
        large, C = large / 5e6, 1e-20
    X = torch.cat([large, dummy], 1).to(dtype)
    y = dummy[:, 0] if C == 1.0 else (torch.arange(200) < 20).long()
    with pytest.warns(ConvergenceWarning, match=r"gd stopped after 1000 steps .*; scale X"):
        model = LogisticRegression(C=C, solver="gd").fit(X, y)
    assert model.loss_history_[-1] > 1.5 * LogisticRegression(C=C).fit(X, y).loss_history_[-1]


@pytest.mark.parametrize("solver", ["newton-lbfgs", "gd"])
@pytest.mark.parametrize(("C", "dtype"), [(1e-50, torch.float32), (1e-320, torch.float64)])
def test_a_C_whose_inverse_is_no_number_is_named(C, dtype, solver):
    X, y = CLASSIFY["iris, three"]
    with pytest.raises(ValueError, match=f"1 / C must be at most .* in {dtype}.*; use a larger C"):
        LogisticRegression(C=C, solver=solver).fit(X.to(dtype), y)


@pytest.mark.parametrize(("C", "dtype"), [(1e-32, torch.float32), (1e-100, torch.float64)])
@pytest.mark.parametrize("name", CLASSIFY)
def test_the_smallest_C_leave_nothing_but_the_intercept(name, C, dtype):
    """Then h is the share of each class."""
    X, y = CLASSIFY[name]
    model = LogisticRegression(C=C).fit(X.to(dtype), y)
    share = y.bincount() / len(y)
    assert torch.allclose(model.predict_proba(X.to(dtype)).float(), share, atol=1e-4)


@pytest.mark.parametrize("solver", ["newton-lbfgs", "gd"])
def test_a_fit_that_raises_leaves_the_earlier_one_whole(solver):
    model = LogisticRegression(C=0.1, solver=solver, tol=1e-3).fit(
        X3, SPECIES[:150].repeat(2)[:200]
    )
    before = dict(vars(model))
    huge = 1e25 * X3[:, :2].float()
    with pytest.raises(ValueError, match="overflow"):
        model.fit(huge, torch.arange(200) % 2)
    assert vars(model) == before


def test_a_step_too_long_is_named():
    X, y = 100 * CLASSIFY["iris, three"][0], SPECIES
    model = LogisticRegression(C=1e-3, solver="gd", lr=1e4)
    with pytest.raises(ValueError, match=r"diverged with lr=1e\+04; use lr < .*, or lr=None"):
        model.fit(X, y)


@quiet
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_follows_its_input_and_leaves_it_alone(name, dtype, meta_default):
    X, y = IRIS.to(dtype), SPECIES
    before, state = X.clone(), torch.get_rng_state()
    model = MODELS[name]().fit(X[::2], y[::2])
    assert model.fit(X, y) is model
    once = MODELS[name]().fit(X, y)
    assert vars(model).keys() == vars(once).keys()
    assert torch.equal(model.coef_, once.coef_)
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.coef_.dtype == model.intercept_.dtype == dtype
    assert model.n_features_in_ == 4
    assert {
        t.device.type for t in (*vars(model).values(), model.predict(X)) if hasattr(t, "device")
    } == {"cpu"}


@pytest.mark.parametrize(
    ("model", "X", "y", "error", "message"),
    [
        (LogisticRegression(), X3, torch.zeros(200).long(), ValueError, r"or more, got \[0\]"),
        (LogisticRegression(C=0), X3, torch.arange(200) % 2, ValueError, "C must be positive"),
        (LogisticRegression(solver="sgd"), X3, torch.arange(200) % 2, ValueError,
         "'newton-lbfgs', 'gd'"),
        (LogisticRegression(lr=-1.0), X3, torch.arange(200) % 2, ValueError, "lr must be positive"),
        (LogisticRegression(), X3, X3[:, 0], TypeError, "integer class labels"),
        (LogisticRegression(), X3.log(), torch.arange(200) % 2, ValueError, "NaN"),
    ],
)  # fmt: skip
def test_bad_input_is_named(model, X, y, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, y)


def test_predict_wants_a_fit_and_the_same_columns():
    model = LogisticRegression()
    with pytest.raises(RuntimeError, match="not fitted yet"):
        model.predict(X3)
    model.fit(X3, torch.arange(200) % 2)
    with pytest.raises(ValueError, match="X has 2 features, but fit saw 3"):
        model.predict(X3[:, :2])


@quiet
@pytest.mark.parametrize(("k", "bound"), [(2, 1 / 4), (3, 1 / 2)])
def test_without_lr_a_step_is_one_over_the_largest_curvature(k, bound):
    """After one step from 0, w = −∇J(0) / λ, λ the largest eigenvalue of b (1, X)ᵀ(1, X) / n."""
    X = normal(60, 3) + 1
    ones = torch.cat([torch.ones(60, 1), X], 1)
    lr = 1 / torch.linalg.eigvalsh(bound * ones.T @ ones / 60)[-1].item()
    model = LogisticRegression(C=1e12, solver="gd", max_iter=1)
    free = model.fit(X, torch.arange(60) % k).coef_
    model.lr = lr
    assert torch.allclose(free, model.fit(X, torch.arange(60) % k).coef_, rtol=1e-9)


@pytest.mark.parametrize(("scale", "what"), [(1e-30, "vanish"), (1e25, "overflow")])
@pytest.mark.parametrize("solver", ["gd", "newton-lbfgs"])
def test_squares_that_float32_cannot_hold_are_refused(scale, what, solver):
    X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * scale
    with pytest.raises(ValueError, match=what):
        LogisticRegression(solver=solver).fit(X, (X[:, 0] > 0).long())


@quiet
def test_a_descent_ends_after_a_thousand_steps_unless_told_otherwise():
    X, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    assert LogisticRegression(solver="gd", lr=1e-4, tol=0.0).fit(X, y).n_iter_ == 1000


def test_a_row_on_the_boundary_is_of_the_lower_class():
    model = LogisticRegression().fit(torch.tensor([[-1.0], [1.0]]), torch.tensor([4, 9]))
    model.coef_, model.intercept_ = torch.ones(1, 1), torch.zeros(1)
    assert model.predict(torch.tensor([[-1e-30], [0.0], [1e-30]])).tolist() == [4, 4, 9]


def test_powers_of_x_in_float32():
    """Nine columns that nearly depend on each other: J stood 1 % above its least, unnoticed."""
    generator = torch.Generator().manual_seed(16)
    x = 10 * torch.rand(120, 1, generator=generator)
    X = torch.cat([x**i for i in range(1, 10)], 1)
    y = ((x[:, 0] - 5).cos() + torch.randn(120, generator=generator) > 0).long()
    ours, exact = LogisticRegression().fit(X, y), LogisticRegression().fit(X.double(), y)
    assert ours.loss_history_[-1] == pytest.approx(exact.loss_history_[-1], rel=1e-4)
    z = X.double() @ ours.coef_[0].double() + ours.intercept_.double()
    J = torch.nn.functional.binary_cross_entropy_with_logits(z, y.double())
    J += ours.coef_.double().square().sum() / 2 / len(y)
    assert J.item() == pytest.approx(exact.loss_history_[-1], rel=1e-4)


@pytest.mark.parametrize("model", [LogisticRegression(solver="gd"), LinearRegression(solver="gd")])
def test_gradient_descent_far_from_the_origin_says_that_it_has_not_converged(model):
    """Rounding hides the gradient there, which is why it was taken for 0."""
    X = 1e6 + torch.randn(250, 4, generator=torch.Generator().manual_seed(14))
    z = 2 * (X - 1e6).sum(1)
    y = 5 + z if isinstance(model, LinearRegression) else (z > 0).long()
    with pytest.warns(ConvergenceWarning, match="scale X with StandardScaler"):
        model.fit(X, y)
