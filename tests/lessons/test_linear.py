"""Linear regression against scikit-learn, and its three paths against each other."""

import contextlib

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression as LeastSquares
from sklearn.linear_model import Ridge

from d4sci.data import load_iris, to_tensors
from d4sci.estimator import ConvergenceWarning
from d4sci.linear import LinearRegression


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
    with pytest.warns(ConvergenceWarning, match="stopped after 7 steps"):
        model = LinearRegression(solver="gd", l2=2.0, lr=0.1, max_iter=7, tol=0).fit(X, y)
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


quiet = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")
MODELS = {
    "normal": lambda: LinearRegression(),
    "lstsq": lambda: LinearRegression(solver="lstsq"),
    "ridge": lambda: LinearRegression(l2=1.0),
    "ridge, lstsq": lambda: LinearRegression(l2=1.0, solver="lstsq"),
    "gd": lambda: LinearRegression(solver="gd", max_iter=5),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("l2", [0.0, 1e-3, 1.0, 100.0])
def test_the_plain_path_finds_what_the_engine_finds(name, l2):
    X = DATA[name]
    y = 2 + X[:, :1] / X[:, :1].abs().max() + normal(len(X), 2, seed=1)  # (n, 2)
    engine = LinearRegression(l2=l2).fit(X, y)
    plain = LinearRegression(l2=l2, solver="lstsq").fit(X, y)
    if name == "nothing but a constant":
        assert plain.coef_.abs().max() < 1e-12
    else:
        rtol = 1e-4 if name == "nearly collinear" and l2 == 0 else 1e-7
        assert torch.allclose(plain.coef_, engine.coef_, rtol=rtol, atol=rtol)
    assert torch.allclose(plain.predict(X), engine.predict(X), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("l2", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("name", ["many rows", "duplicated rows", "one feature", "iris"])
def test_gradient_descent_comes_within_one_per_cent_on_scaled_data(name, l2):
    X = DATA[name]
    X = (X - X.mean(0)) / X.std(0)
    y = X[:, 0] - 2 + normal(len(X), 1, seed=1)[:, 0]

    def objective(model):
        miss = X @ model.coef_ + model.intercept_ - y
        return (miss.square().sum() + l2 * model.coef_.square().sum()).item()

    best = objective(LinearRegression(l2=l2).fit(X, y))
    plain = LinearRegression(l2=l2, solver="gd", max_iter=5000, tol=1e-6).fit(X, y)
    assert best * (1 - 1e-9) <= objective(plain) <= 1.01 * best


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_in_float32_dummies_beside_incomes_keep_their_weights(solver):
    """All of the dummies add up to 1, as the intercept does: many w are best."""
    n, g = 3000, torch.Generator().manual_seed(0)
    group = torch.randint(0, 40, (n,), generator=g)
    income = 3e5 + 1e5 * torch.randn(n, generator=g)
    effect = torch.randn(40, generator=g)
    X = torch.cat([torch.nn.functional.one_hot(group, 40).float(), income[:, None]], 1)
    y = effect[group] + income / 1e5
    model = LinearRegression(solver=solver).fit(X, y)
    assert model.score(X, y) > 1 - 1e-9
    assert model.coef_[-1].item() == pytest.approx(1e-5, rel=1e-5)
    assert model.coef_[:-1].sum().abs() < 1e-4  # of the shortest w, where no group is the first
    peer = LeastSquares(tol=1e-12).fit(X.double().numpy(), y.double().numpy())
    assert np.allclose(model.coef_, peer.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_in_float32_more_powers_of_x_fit_better(solver):
    """The last directions are small, but none of them is rounding: the fit needs them all."""
    x = 10 * torch.rand(60, generator=torch.Generator().manual_seed(0))
    for degree, least in ((5, 0.91), (7, 0.998), (9, 0.99999)):
        powers = torch.stack([x**p for p in range(1, degree + 1)], 1)
        model = LinearRegression(solver=solver).fit(powers, x.sin())
        assert model.score(powers, x.sin()) > least


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
@pytest.mark.parametrize("column", [slice(None), slice(2, 3)])
def test_in_float32_a_row_of_sentinels_hides_no_other_row(solver, column):
    """999,999 stands for "missing": scaled by it, the other rows differ in the sixth digit."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(100, 8, generator=generator)
    y = X @ torch.randn(8, generator=generator)
    X[3, column] = -999_999
    model = LinearRegression(solver=solver).fit(X, y)
    truth = LinearRegression(solver="lstsq").fit(X.double(), y.double())
    others = torch.arange(100) != 3
    R2 = truth.score(X[others].double(), y[others].double())
    assert R2 > 0.9
    assert model.score(X[others], y[others]) == pytest.approx(R2, abs=1e-4)


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_in_float32_one_length_in_two_units_gets_no_huge_weights(solver):
    """Kilometres and miles depend on each other up to the rounding of their entries."""
    km = 100 * torch.rand(200, 1, generator=torch.Generator().manual_seed(0))
    X, y = torch.cat([km, km * 0.621371], 1), 2 * km[:, 0]
    model = LinearRegression(solver=solver).fit(X, y)
    assert model.coef_.abs().max() < 2
    assert torch.allclose(model.predict(X), y, rtol=1e-5)


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_a_ridge_needs_no_cut_off(solver):
    """float32, no more rows than columns, and columns of scales from 1 to a million."""
    g = torch.Generator().manual_seed(0)
    X, y = torch.randn(8, 8, generator=g) * torch.logspace(0, 6, 8), torch.randn(8, generator=g)

    def objective(w, b):
        miss = X.double() @ w + b - y.double()
        return (miss.square().sum() + 1e-3 * w.square().sum()).item()

    model = LinearRegression(l2=1e-3, solver=solver).fit(X, y)
    peer = Ridge(alpha=1e-3, solver="svd").fit(X.double().numpy(), y.double().numpy())
    best = objective(torch.tensor(peer.coef_), peer.intercept_)
    assert objective(model.coef_.double(), model.intercept_.double()) <= best * (1 + 1e-5)


def test_a_descent_that_stops_short_says_so():
    X = X3 * torch.tensor([1e-2, 1e-2, 1.0]).double()
    y = X @ torch.tensor([1.0, 2.0, 3.0]).double()
    with pytest.warns(
        ConvergenceWarning, match=r"after 1000 steps with a gradient of .*, above tol; scale"
    ):
        model = LinearRegression(solver="gd").fit(X, y)
    assert model.coef_[0].item() < 0.5  # 1 is right
    with pytest.warns(ConvergenceWarning) as caught:
        LinearRegression(solver="gd", max_iter=1).fit(X3, X3[:, 0])
    assert caught[0].filename == __file__


@pytest.mark.parametrize("seed", range(3))
def test_in_float32_the_rounding_of_the_slope_is_no_reason_to_warn(seed):
    X = normal(500, 5, seed).float()
    y = X.sum(1) + normal(500, 1, seed + 9)[:, 0].float()
    model = LinearRegression(solver="gd", tol=0.0).fit(X, y)
    assert torch.allclose(model.coef_, LinearRegression().fit(X, y).coef_, atol=1e-5)


@pytest.mark.parametrize("l2", [0.0, 1e16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_large_column_or_penalty_hides_no_gradient(dtype, l2):
    """Steps that suit a column of 5e6, or this penalty, leave the other weights near 0."""
    g = torch.Generator().manual_seed(0)
    dummy = torch.randint(0, 2, (200, 1), generator=g)
    large = torch.rand(200, 1, generator=g) * (5e6 if l2 == 0 else 1.0)
    X = torch.cat([large, dummy], 1).to(dtype)
    y = 3 * X[:, 1] + 1
    with pytest.warns(ConvergenceWarning, match=r"stopped after 1000 steps .*; scale X"):
        model = LinearRegression(solver="gd", l2=l2).fit(X, y)
    assert model.score(X, y) < 0
    assert l2 > 0 or LinearRegression().fit(X, y).score(X, y) > 0.999


def test_what_gradient_descent_cannot_hold_in_float32_is_named():
    X, y = X3.float(), X3[:, 0].float()
    model = LinearRegression(solver="gd")
    with pytest.raises(ValueError, match=r"y must have squares .* overflow; divide y by its st"):
        model.fit(X, 1e30 * y)
    model.l2 = 1e50
    with pytest.raises(ValueError, match=r"l2 must be at most .*, got 1e\+50; use a smaller l2"):
        model.fit(X, y)
    engine = LinearRegression().fit(X, 1e30 * y)  # in float64
    assert (engine.coef_ / 1e30).tolist() == pytest.approx([1, 0, 0], abs=1e-6)


@pytest.mark.parametrize(("factor", "falls"), [(0.5, True), (0.995, True), (1.005, False)])
def test_two_over_lambda_is_the_limit(factor, falls):
    """J = ½ w² λ along the steepest direction."""
    X = X3 * torch.tensor([1.0, 3.0, 10.0]).double()
    A = torch.cat([torch.ones(200, 1).double(), X], 1)
    lr = factor * 2 / torch.linalg.eigvalsh(A.T @ A / 200)[-1].item()
    options = {"solver": "gd", "max_iter": 1500, "tol": 1e-3}
    model = LinearRegression(**options, lr=lr)
    with pytest.warns(ConvergenceWarning) if not falls else contextlib.nullcontext():
        history = model.fit(X, X[:, 2] + 1).loss_history_
    assert (history[-1] < history[0]) is falls


@pytest.mark.parametrize("solver", ["normal", "lstsq", "gd"])
def test_a_fit_that_raises_leaves_the_earlier_one_whole(solver):
    model = LinearRegression(solver=solver).fit(X3, X3[:, 0])
    before = dict(vars(model))
    model.lr = 1e3
    with pytest.raises(ValueError, match=r"NaN|diverged"):
        model.fit(X3[:, :2], X3[:, 0] if solver == "gd" else X3[:, 0].log())
    model.lr = None
    assert vars(model) == before


@pytest.mark.parametrize("solver", ["normal", "lstsq", "gd"])
def test_several_targets_and_what_fit_sets(solver):
    Y = X3 @ normal(3, 2, seed=4) + torch.tensor([1.0, -1.0]).double()
    model = LinearRegression(solver=solver).fit(X3, Y)
    assert model.coef_.shape == (2, 3)
    assert model.intercept_.shape == (2,)
    assert model.n_features_in_ == 3
    assert model.score(X3, Y) == pytest.approx(1)
    one = LinearRegression(solver=solver).fit(X3, Y[:, 1])
    assert torch.allclose(one.coef_, model.coef_[1], atol=1e-6)
    assert (model.loss_history_ is None) is (model.n_iter_ is None) is (solver != "gd")
    again = model.set_params(solver="normal").fit(X3, Y)
    assert again.loss_history_ is None  # not that of another solver


@quiet
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_follows_its_input_and_leaves_it_alone(name, dtype, meta_default):
    X = IRIS.to(dtype)
    y = X[:, 0]
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
        (LinearRegression(solver="x"), X3, X3[:, 0], ValueError, "'normal', 'lstsq', 'gd'"),
        (LinearRegression(l2=-1), X3, X3[:, 0], ValueError, "l2 must lie"),
        (LinearRegression(tol=-1), X3, X3[:, 0], ValueError, "tol must lie"),
        (LinearRegression(lr=0.0), X3, X3[:, 0], ValueError, "lr must be positive"),
        (LinearRegression(solver="gd", lr=9.0), X3, X3[:, 0], ValueError,
         r"gradient descent diverged with lr=9; use lr < 1\.\d+, or lr=None"),
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


def test_predict_wants_a_fit_and_the_same_columns():
    model = LinearRegression()
    with pytest.raises(RuntimeError, match="not fitted yet"):
        model.predict(X3)
    model.fit(X3, X3[:, 0])
    with pytest.raises(ValueError, match="X has 2 features, but fit saw 3"):
        model.predict(X3[:, :2])


@quiet
def test_without_lr_a_step_is_one_over_the_largest_curvature():
    """After one step from 0, w = −∇J(0) / λ, λ the largest eigenvalue of (1, X)ᵀ(1, X) / n."""
    X = normal(60, 3) + 1
    ones = torch.cat([torch.ones(60, 1), X], 1)
    lr = 1 / torch.linalg.eigvalsh(ones.T @ ones / 60)[-1].item()
    y = X @ torch.ones(3).double() + 2
    model = LinearRegression(solver="gd", max_iter=1)
    free = model.fit(X, y).coef_
    model.lr = lr
    assert torch.allclose(free, model.fit(X, y).coef_, rtol=1e-9)


def test_one_row_is_enough_for_a_descent():
    model = LinearRegression(solver="gd").fit(torch.tensor([[2.0, 1.0]]), torch.tensor([3.0]))
    assert model.predict(torch.tensor([[2.0, 1.0]])).item() == pytest.approx(3, rel=1e-5)


@quiet
def test_a_descent_ends_after_a_thousand_steps_unless_told_otherwise():
    X, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0.0, 1.0])
    assert LinearRegression(solver="gd", lr=1e-4, tol=0.0).fit(X, y).n_iter_ == 1000


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_of_few_directions_in_many_columns_the_shortest_w_is_found(solver):
    X, y = normal(50, 5) @ normal(5, 100, seed=1), normal(50, 1, seed=2)[:, 0]
    A = X - X.mean(0)
    expected = torch.linalg.pinv(A, rtol=1e-10) @ (y - y.mean())
    model = LinearRegression(solver=solver).fit(X, y)
    assert torch.allclose(model.coef_, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("solver", ["normal", "lstsq"])
def test_numbers_beyond_squares_or_weights_beyond_the_dtype_are_refused(solver):
    X, y = torch.tensor([[1.0], [2.0], [4.0]]).double(), torch.tensor([1.0, 2.0, 3.0]).double()
    model = LinearRegression(solver=solver)
    for factor in (1e160, 1e-160):
        with pytest.raises(ValueError, match="X must have squares that float64 can hold"):
            model.fit(factor * X, y)
    for factor in (1e150, 1e-150):
        assert model.fit(factor * X, y).score(factor * X, y) == pytest.approx(27 / 28)
    with pytest.raises(ValueError, match=r"the weights must be numbers .*, got up to 6e-61; scale"):
        model.fit(1e30 * X.float(), 1e-30 * y.float())
    with pytest.raises(ValueError, match="got up to 6e"):
        model.fit(1e-30 * X.float(), 1e30 * y.float())
    with pytest.raises(ValueError, match="y in the dtype of X holds 3 values that are"):
        model.fit(X.float(), 1e300 * y)


def test_logistic_regression_is_found_here_too():
    import d4sci.linear
    import d4sci.logistic

    assert d4sci.linear.LogisticRegression is d4sci.logistic.LogisticRegression
    with pytest.raises(AttributeError, match="no attribute 'Lasso'"):
        d4sci.linear.Lasso  # noqa: B018
