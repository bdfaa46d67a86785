"""Laws of what learns from labels: how models move when the rows, columns, axes or labels move.

All in float64. KNN votes exactly; what is solved directly is compared to 1e-8, what descends to
where the gradient is 1e-12, to 1e-6, and the SVM, whose gap closes to 1e-9 of the objective, to
1e-4 (the root of it, and some room). Rows are drawn from a normal distribution, so that no two
distances are equal, and classes overlap, so that one plane is the best.
"""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.svm import LinearSVM
from tests.support.properties import (
    classes,
    few,
    normal,
    seeds,
    shift,
    shuffled,
    sizes,
    turn,
    widths,
)

# A few steps of a descent are enough for these laws.
pytestmark = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")


def same(a, b, tol=1e-8):
    return a.shape == b.shape and torch.allclose(a, b, rtol=tol, atol=tol)


@few
@given(seeds, sizes, widths, st.integers(1, 6), st.sampled_from(["uniform", "distance"]),
       st.sampled_from(["screened", "brute"]))  # fmt: skip
def test_neighbors(seed, n, d, k, weights, algorithm):
    """Neighbours stay neighbours, by each metric's own moves; names of classes carry no meaning."""
    X, y, Q = normal(n, d, seed), classes(n, 3, seed), normal(9, d, seed + 9)
    columns, flips = shuffled(d, seed), 2 * classes(d, 2, seed) - 1
    any_metric = [lambda A: A[:, columns], lambda A: A * flips, lambda A: 5 * A]
    own = {
        "euclidean": [lambda A: A + shift(d, seed), lambda A: A @ turn(d, seed)],
        "manhattan": [lambda A: A + shift(d, seed)],
        "cosine": [lambda A: A @ turn(d, seed), lambda A: A * (1 + A.square().sum(1))[:, None]],
    }
    for metric, moves in own.items():

        def model(X, y, metric=metric):
            chosen = {"metric": metric, "weights": weights, "algorithm": algorithm}
            return KNeighborsClassifier(k, **chosen).fit(X, y)

        if metric == "cosine" and d == 1:
            continue  # all rows point the same way, or the other: nothing but ties
        D, near = model(X, y).kneighbors(Q)
        shares = model(X, y).predict_proba(Q)
        for f in any_metric + moves:
            assert torch.equal(model(f(X), y).kneighbors(f(Q))[1], near)
            assert same(model(f(X), y).predict_proba(f(Q)), shares)
        rows = shuffled(n, seed)
        assert torch.equal(rows[model(X[rows], y[rows]).kneighbors(Q)[1]], near)
        assert same(model(X[rows], y[rows]).kneighbors(Q)[0], D)
        assert same(model(X, y).predict_proba(Q.flip(0)), shares.flip(0))
        assert same(model(X, 2 - y).predict_proba(Q), shares.flip(1))


@few
@given(
    seeds, sizes, widths, st.sampled_from([0.0, 0.5, 20.0]), st.sampled_from(["normal", "lstsq"])
)
def test_least_squares(seed, n, d, l2, solver):
    """w turns with the axes; b takes up shifts; without a penalty the units of X are free."""
    X, y, Q = normal(n, d, seed), normal(n, 1, seed + 8)[:, 0], turn(d, seed)
    model = LinearRegression(l2=l2, solver=solver).fit(X, y)
    w, b = model.coef_, model.intercept_
    rows, columns, a = shuffled(n, seed), shuffled(d, seed), shift(d, seed)
    for Z, t, w2, b2 in (
        (X[rows], y[rows], w, b),
        (X[:, columns], y, w[columns], b),
        (X @ Q, y, w @ Q, b),
        (X + a, y, w, b - a @ w),
        (X, 3 * y - 7, 3 * w, 3 * b - 7),
    ):
        moved = LinearRegression(l2=l2, solver=solver).fit(Z, t)
        assert same(moved.coef_, w2)
        assert same(moved.intercept_, b2)
    scaled = LinearRegression(l2=9 * l2, solver=solver).fit(3 * X, y)
    assert same(scaled.coef_, w / 3)
    units = normal(1, d, seed + 5)[0].exp()
    if l2 == 0:
        assert same(LinearRegression(solver=solver).fit(units * X, y).coef_, w / units)
    both = LinearRegression(l2=l2, solver=solver).fit(X, torch.stack([y, -2 * y], 1))
    assert same(both.coef_, torch.stack([w, -2 * w]))
    twice = LinearRegression(l2=2 * l2, solver=solver).fit(X.repeat(2, 1), y.repeat(2))
    assert same(twice.coef_, w)


@few
@given(seeds, sizes, widths, st.integers(1, 30))
def test_gradient_descent(seed, n, d, steps):
    """From 0, each step of a descent turns with the axes and follows the columns."""
    X, y, Q = normal(n, d, seed), normal(n, 1, seed + 8)[:, 0], turn(d, seed)
    svm = partial(LinearSVM, C=0.1)
    for model, solver, t in (
        (LinearRegression, "gd", y),
        (LogisticRegression, "gd", classes(n, 3, seed)),
        (svm, "subgradient", classes(n, 2, seed)),
    ):
        options = {"solver": solver, "max_iter": steps, "tol": 0.0}
        one = model(**options).fit(X, t)
        rows, columns = shuffled(n, seed), shuffled(d, seed)
        assert same(model(**options).fit(X @ Q, t).coef_, one.coef_ @ Q)
        assert same(model(**options).fit(X[:, columns], t).coef_, one.coef_[..., columns])
        assert same(model(**options).fit(X[rows], t[rows]).coef_, one.coef_)


@few
@given(seeds, sizes, widths, st.integers(2, 4), st.sampled_from([0.1, 1.0, 10.0]))
def test_logistic_regression(seed, n, d, k, C):
    """w turns with the axes, b takes up shifts; with X · 3 and C / 9 it is the same problem."""
    X, y, Q = normal(n, d, seed), classes(n, k, seed), turn(d, seed)

    def fit(X, y, C=C):
        return LogisticRegression(C=C, tol=1e-12).fit(X, y)

    model = fit(X, y)
    W, b = model.coef_, model.intercept_
    rows, columns, a = shuffled(n, seed), shuffled(d, seed), shift(d, seed)
    mirrored = (-W, -b) if k == 2 else (W.flip(0), b.flip(0))
    for moved, W2, b2 in (
        (fit(X[rows], y[rows]), W, b),
        (fit(X[:, columns], y), W[:, columns], b),
        (fit(X @ Q, y), W @ Q, b),
        (fit(X + a, y), W, b - W @ a),
        (fit(3 * X, y, C / 9), W / 3, b),
        (fit(X, k - 1 - y), *mirrored),
        (fit(X.repeat(2, 1), y.repeat(2), C / 2), W, b),
    ):
        assert same(moved.coef_, W2, 1e-6)
        assert same(moved.intercept_, b2, 1e-6)


@few
@given(seeds, sizes, widths, st.sampled_from([0.1, 1.0, 10.0]))
def test_svm(seed, n, d, C):
    """The plane turns, moves, shrinks, mirrors with the data; rows given twice cost half each."""
    X, y, Q = normal(n, d, seed), classes(n, 2, seed), turn(d, seed)
    svm = LinearSVM(C).fit(X, y)
    w, b = svm.coef_, svm.intercept_
    rows, columns, a = shuffled(n, seed), shuffled(d, seed), shift(d, seed)
    for moved, w2, b2 in (
        (LinearSVM(C).fit(X[rows], y[rows]), w, b),
        (LinearSVM(C).fit(X[:, columns], y), w[:, columns], b),
        (LinearSVM(C).fit(X @ Q, y), w @ Q, b),
        (LinearSVM(C).fit(X + a, y), w, b - w @ a),
        (LinearSVM(C).fit(X, 1 - y), -w, -b),
        (LinearSVM(C / 9).fit(3 * X, y), w / 3, b),
        (LinearSVM(C / 2).fit(X.repeat(2, 1), y.repeat(2)), w, b),
    ):
        assert same(moved.coef_, w2, 1e-4)
        assert same(moved.intercept_, b2, 1e-4)
        norm = torch.linalg.vector_norm(w2).item()
        assert math.isclose(1 / moved.margin_, norm, rel_tol=1e-4, abs_tol=1e-4)


@few
@given(seeds, sizes, widths, st.sampled_from(["relu", "sigmoid", "tanh"]))
def test_mlp(seed, n, d, activation):
    """Neurons and rows have no order; W and b undo any direction, origin and unit of the axes."""
    X, y, Q = normal(n, d, seed), classes(n, 3, seed), turn(d, seed)
    model = MLP((5, 4), activation=activation, weight_decay=0.1, epochs=2, seed=seed).fit(X, y)
    P, rows, order = model.predict_proba(X), shuffled(n, seed), shuffled(5, seed)
    dW, db = model.gradients(X, y)
    assert same(model.predict_proba(X[rows]), P[rows])
    for moved in (model.gradients(X[rows], y[rows]), model.gradients(X.repeat(3, 1), y.repeat(3))):
        assert all(map(same, moved[0] + moved[1], dW + db))
    whole = [MLP((5,), batch_size=n, epochs=3).fit(X[i], y[i]) for i in (slice(None), rows)]
    assert all(map(same, whole[0].weights_, whole[1].weights_))
    W = model.weights_
    model.weights_ = [Q.T @ W[0][:, order], W[1][order], W[2]]
    model.biases_ = [model.biases_[0][order], *model.biases_[1:]]
    assert same(model.predict_proba(X @ Q), P)
    turned, turned_b = model.gradients(X @ Q, y)
    assert same(turned[0], Q.T @ dW[0][:, order])
    assert same(turned[1], dW[1][order])
    assert same(turned_b[0], db[0][order])
    model.biases_[-1] = model.biases_[-1] + 7  # softmax sees differences only
    assert same(model.predict_proba(X @ Q), P)
    a = shift(d, seed)
    model.biases_[0] = model.biases_[0] - a @ model.weights_[0]
    assert same(model.predict_proba(X @ Q + a), P)  # the bias takes up a shift
    model.weights_[0] = model.weights_[0] / 3
    assert same(model.predict_proba(3 * (X @ Q + a)), P)  # and W a unit
