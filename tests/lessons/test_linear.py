"""Linear and logistic regression against scikit-learn: coefficients within 1e-5 relative."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression as LeastSquares
from sklearn.linear_model import LogisticRegression as Logistic
from sklearn.linear_model import Ridge

from d4sci.data import load_iris, to_tensors
from d4sci.linear import LinearRegression, LogisticRegression


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
DATA = {
    "many rows": X3,
    "more rows than a block": normal(5000, 4),
    "far from the origin": X3 + 1e4,
    "duplicated rows": X3.repeat(3, 1),
    "one feature": normal(30, 1),
    "one row": normal(1, 3),
    "two rows": normal(2, 1),
    "more features than rows": normal(10, 40),
    "a column twice": X3[:, [0, 1, 2, 0]],
    "a constant column": torch.cat([X3, torch.full((200, 1), 0.1).double()], 1),
    "nothing but a constant": torch.full((20, 1), 0.1).double(),
    "scales of their own": X3 * torch.tensor([1e4, 1.0, 1e-4]).double(),
    "nearly collinear": X3 @ torch.tensor([[1.0, 1, 0], [0, 1e-6, 0], [0, 0, 1]]).double(),
    "a value that is the mean": torch.tensor([[1.0, 4, 0], [2, 0, 7], [3, 1, 1]]).double(),
    "iris": IRIS,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("t", [None, 2])
def test_least_squares_agrees_with_scikit_learn(name, t):
    X = DATA[name]
    y = 2 + X[:, :1] / X[:, :1].abs().max() + normal(len(X), t or 1, seed=1)  # (n, t)
    y = y[:, 0] if t is None else y
    # By default it drops what is below 1e-6 of the largest singular value.
    ours, peer = LinearRegression().fit(X, y), LeastSquares(tol=1e-12).fit(X.numpy(), y.numpy())
    if name in ("one row", "nothing but a constant"):
        assert ours.coef_.abs().max() < 1e-12
    else:
        assert close(ours.coef_, peer.coef_, 1e-4 if name == "nearly collinear" else 1e-7)
    assert np.allclose(ours.predict(X), peer.predict(X.numpy()), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("l2", [1e-3, 1.0, 100.0])
def test_ridge_agrees_with_scikit_learn(name, l2):
    X = DATA[name]
    y = normal(len(X), 1, seed=1)[:, 0] + 3
    ours = LinearRegression(l2=l2).fit(X, y)
    peer = Ridge(alpha=l2, solver="svd").fit(X.numpy(), y.numpy())
    assert np.allclose(ours.coef_, peer.coef_, rtol=1e-6, atol=1e-9 * (1 + abs(peer.coef_).max()))
    assert np.allclose(ours.predict(X), peer.predict(X.numpy()), rtol=1e-7)


def test_a_line_by_hand():
    """x̄ = 1.5, ȳ = 4.75, Σ (x − x̄)(y − ȳ) = 14.5, Σ (x − x̄)² = 5: slope 2.9, intercept 0.4."""
    X, y = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([1.0, 3.0, 5.0, 10.0])
    model = LinearRegression().fit(X, y)
    assert model.coef_.tolist() == pytest.approx([2.9], rel=1e-6)
    assert model.intercept_.item() == pytest.approx(0.4, rel=1e-5)
    residual = y - model.predict(X)
    assert residual.sum().abs() < 1e-5
    assert (X.T @ residual).abs() < 1e-5


def test_gradient_descent_takes_the_steps_of_the_slide():
    X, y = X3, X3 @ torch.tensor([1.0, -2.0, 0.5]).double() + 3 + normal(200, 1, seed=1)[:, 0]
    model = LinearRegression(solver="gd", l2=2.0, alpha=0.1, max_iter=7, tol=0).fit(X, y)
    w, b = torch.zeros(3).double().requires_grad_(), torch.zeros(()).double().requires_grad_()
    for J_model in model.loss_history_:
        J = ((X @ w + b - y).square().sum() + 2 * w.square().sum()) / (2 * len(X))
        assert J.item() == pytest.approx(J_model, rel=1e-12)
        dw, db = torch.autograd.grad(J, (w, b))
        last, w, b = (w, b), w - 0.1 * dw, b - 0.1 * db
    assert torch.allclose(model.coef_, last[0], rtol=1e-10)
    assert torch.allclose(model.intercept_, last[1], rtol=1e-10)
    exact = LinearRegression(l2=2.0).fit(X, y)
    long = LinearRegression(solver="gd", l2=2.0, tol=1e-10).fit(X, y)
    assert torch.allclose(long.coef_, exact.coef_, rtol=1e-8)
    assert long.n_iter_ == len(long.loss_history_) - 1 < 1000


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


MODELS = {
    "lstsq": lambda: LinearRegression(),
    "ridge": lambda: LinearRegression(l2=1.0),
    "linear gd": lambda: LinearRegression(solver="gd", max_iter=5),
    "lbfgs": lambda: LogisticRegression(max_iter=5),
    "logistic gd": lambda: LogisticRegression(solver="gd", max_iter=5),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_follows_its_input_and_leaves_it_alone(name, dtype, meta_default):
    X = IRIS.to(dtype)
    y = SPECIES if isinstance(MODELS[name](), LogisticRegression) else X[:, 0]
    before, state = X.clone(), torch.get_rng_state()
    model = MODELS[name]().fit(X[::2], y[::2])
    assert model.fit(X, y) is model
    once = MODELS[name]().fit(X, y)
    assert vars(model).keys() == vars(once).keys()
    assert torch.equal(model.coef_, once.coef_)
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.coef_.dtype == model.intercept_.dtype == dtype
    assert {
        t.device.type for t in (*vars(model).values(), model.predict(X)) if hasattr(t, "device")
    } == {"cpu"}


@pytest.mark.parametrize(
    ("model", "X", "y", "error", "message"),
    [
        (LogisticRegression(), X3, torch.zeros(200).long(), ValueError, r"or more, got \[0\]"),
        (LogisticRegression(C=0), X3, torch.arange(200) % 2, ValueError, "C must be positive"),
        (LogisticRegression(solver="sgd"), X3, torch.arange(200) % 2, ValueError, "'lbfgs', 'gd'"),
        (LogisticRegression(), X3, X3[:, 0], TypeError, "integer class labels"),
        (LogisticRegression(), X3.log(), torch.arange(200) % 2, ValueError, "NaN"),
        (LinearRegression(solver="x"), X3, X3[:, 0], ValueError, "'lstsq', 'gd'"),
        (LinearRegression(l2=-1), X3, X3[:, 0], ValueError, "l2 must lie"),
        (LinearRegression(tol=-1), X3, X3[:, 0], ValueError, "tol must lie"),
        (LinearRegression(alpha=0.0), X3, X3[:, 0], ValueError, "alpha must be positive"),
        (LinearRegression(solver="gd", alpha=9.0), X3, X3[:, 0], ValueError, "uphill for ever"),
        (LinearRegression(), X3, torch.arange(200), TypeError, r"use y.float\(\)"),
        (LinearRegression(), X3, X3[:9, 0], ValueError, "200 and 9"),
        (LinearRegression(), X3, X3[:, 0].log(), ValueError, "y holds"),
        (LinearRegression(), X3, [1.0], TypeError, "torch.as_tensor"),
        (LinearRegression(), X3[:, 0], X3[:, 0], ValueError, "reshape"),
    ],
)  # fmt: skip
def test_bad_input_is_named(model, X, y, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, y)


@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()])
def test_predict_wants_a_fit_and_the_same_columns(model):
    with pytest.raises(RuntimeError, match="not fitted yet"):
        model.predict(X3)
    model.fit(X3, torch.arange(200) % 2 if isinstance(model, LogisticRegression) else X3[:, 0])
    with pytest.raises(ValueError, match="X has 2 features, but fit saw 3"):
        model.predict(X3[:, :2])


@pytest.mark.parametrize(("k", "bound"), [(1, 1), (2, 1 / 4), (3, 1 / 2)])
def test_without_alpha_a_step_is_one_over_the_largest_curvature(k, bound):
    """After one step from 0, w = −∇J(0) / λ, λ the largest eigenvalue of b (1, X)ᵀ(1, X) / m."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(60, 3, generator=generator, dtype=torch.float64) + 1
    ones = torch.cat([torch.ones(60, 1), X], 1)
    alpha = 1 / torch.linalg.eigvalsh(bound * ones.T @ ones / 60)[-1].item()
    y = torch.arange(60) % k
    if k == 1:
        model, y = LinearRegression(solver="gd", max_iter=1), X @ torch.ones(3).double() + 2
    else:
        model = LogisticRegression(C=1e12, solver="gd", max_iter=1)
    free = model.fit(X, y).coef_
    model.alpha = alpha
    assert torch.allclose(free, model.fit(X, y).coef_, rtol=1e-9)


def test_one_row_is_enough_for_a_descent():
    model = LinearRegression(solver="gd").fit(torch.tensor([[2.0, 1.0]]), torch.tensor([3.0]))
    assert model.predict(torch.tensor([[2.0, 1.0]])).item() == pytest.approx(3, rel=1e-5)


@pytest.mark.parametrize(("scale", "what"), [(1e-30, "vanish"), (1e25, "overflow")])
@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
def test_squares_that_float32_cannot_hold_are_refused(scale, what, solver):
    X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * scale
    with pytest.raises(ValueError, match=what):
        LogisticRegression(solver=solver).fit(X, (X[:, 0] > 0).long())


@pytest.mark.parametrize("model", [LinearRegression, LogisticRegression])
def test_a_descent_ends_after_a_thousand_steps_unless_told_otherwise(model):
    X, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    y = y if model is LogisticRegression else y.float()
    assert model(solver="gd", alpha=1e-4, tol=0.0).fit(X, y).n_iter_ == 1000


def test_a_row_on_the_boundary_is_of_the_lower_class():
    model = LogisticRegression().fit(torch.tensor([[-1.0], [1.0]]), torch.tensor([4, 9]))
    model.coef_, model.intercept_ = torch.ones(1, 1), torch.zeros(1)
    assert model.predict(torch.tensor([[-1e-30], [0.0], [1e-30]])).tolist() == [4, 4, 9]


def test_of_few_directions_in_many_columns_the_shortest_w_is_found():
    X, y = normal(50, 5) @ normal(5, 100, seed=1), normal(50, 1, seed=2)[:, 0]
    A = X - X.mean(0)
    expected = torch.linalg.pinv(A, rtol=1e-10) @ (y - y.mean())
    assert torch.allclose(LinearRegression().fit(X, y).coef_, expected, rtol=1e-8, atol=1e-10)
