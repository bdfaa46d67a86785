"""LinearSVM against scikit-learn's SVC, and against the proof that the gap is; its two paths."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from d4sci.estimator import ConvergenceWarning
from d4sci.svm import LinearSVM


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def two_groups(n, d, apart, n_positive=None, seed=0):
    y = (torch.arange(n) < (n // 2 if n_positive is None else n_positive)).long()
    return normal(n, d, seed) + apart * y[:, None], y


def objective(w, b, X, y, C):
    """Return P(w, b), in float64, from the formula; the larger label is y = +1."""
    sign = torch.where(y == y.max(), 1.0, -1.0).double()
    slack = (1 - sign * (X.double() @ w.double().flatten() + b.double())).clamp(min=0)
    return (w.double().square().sum() / 2 + C * slack.sum()).item()


DATA = {
    "overlapping": two_groups(200, 2, 1.0),
    "separable": two_groups(200, 2, 7.0),
    "imbalanced": two_groups(300, 3, 2.5, n_positive=30),
    "so imbalanced that w = 0": two_groups(300, 3, 0.5, n_positive=4),
    "far from the origin": (two_groups(150, 2, 1.5)[0] + 1e3, two_groups(150, 2, 1.5)[1]),
    "duplicated rows": tuple(t.repeat(4, *[1] * (t.ndim - 1)) for t in two_groups(30, 2, 1.0)),
    "one feature": two_groups(80, 1, 1.0),
    "more features than rows": two_groups(20, 60, 0.2),
    "two rows": two_groups(2, 3, 1.0),
    "constant features": (torch.ones(10, 2).double(), (torch.arange(10) < 4).long()),
    "scales of their own": (two_groups(200, 2, 1.5)[0] * torch.tensor([30.0, 0.1]).double(),
                            two_groups(200, 2, 1.5)[1]),
}  # fmt: skip


@pytest.mark.parametrize("C", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", DATA)
def test_no_objective_of_scikit_learn_is_better(name, C):
    """P is at most SVC's (tol 1e-4), to 1e-8 relative; the gap proves it, and bounds SVC's too."""
    X, y = DATA[name]
    ours, mean = LinearSVM(C).fit(X, y), X.mean(0)
    peer = SVC(kernel="linear", C=C, tol=1e-4).fit((X - mean).numpy(), y.numpy())
    w = torch.tensor(peer.coef_)
    P = objective(ours.coef_, ours.intercept_, X, y, C)
    P_peer = objective(w, torch.tensor(peer.intercept_) - w @ mean, X, y, C)
    assert P_peer * (1 + 1e-8) >= P
    assert P_peer == pytest.approx(P, rel=1e-3, abs=1e-4 * C * len(X))  # as far as its tol allows
    assert 0 < ours.duality_gap_ <= 2e-9 * P
    assert P - ours.duality_gap_ <= P_peer


@pytest.mark.parametrize("C", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", ["overlapping", "separable", "imbalanced"])
def test_intercept_and_support_vectors_agree_with_scikit_learn(name, C):
    X, y = DATA[name]
    ours = LinearSVM(C).fit(X, y)
    peer = SVC(kernel="linear", C=C, tol=1e-8).fit(X.numpy(), y.numpy())
    assert np.allclose(ours.coef_, peer.coef_, rtol=1e-4, atol=1e-4)
    assert ours.intercept_.item() == pytest.approx(peer.intercept_[0], rel=1e-4, abs=1e-4)
    assert ours.support_.tolist() == sorted(peer.support_.tolist())
    assert torch.equal(ours.predict(X), torch.from_numpy(peer.predict(X.numpy())))
    assert ours.margin_ == pytest.approx(1 / np.linalg.norm(peer.coef_), rel=1e-4)


def test_a_case_by_hand():
    """x = 0, 1 | 3, 9: the street is 1 to 3, so w = 1, b = −2, half-width 1, α = ½ twice."""
    X, y = torch.tensor([[0.0], [1.0], [3.0], [9.0]]), torch.tensor([4, 4, 7, 7])
    svm = LinearSVM(100.0).fit(X, y)
    assert svm.coef_.tolist() == [[pytest.approx(1, rel=1e-5)]]
    assert svm.intercept_.tolist() == [pytest.approx(-2, rel=1e-5)]
    assert svm.margin_ == pytest.approx(1, rel=1e-5)
    assert svm.support_.tolist() == [1, 2]
    assert svm.dual_coef_.tolist() == [
        [pytest.approx(-0.5, rel=1e-4), pytest.approx(0.5, rel=1e-4)]
    ]
    assert svm.classes_.tolist() == [4, 7]
    assert svm.predict(torch.tensor([[-5.0], [1.9], [2.1]])).tolist() == [4, 4, 7]
    assert svm.decision_function(X).tolist() == pytest.approx([-2, -1, 1, 7], rel=1e-4)


def test_where_no_row_fixes_the_intercept_the_middle_is_taken():
    """x = −1 and 1 at C = 0.01: w = 0.02, and every |b| ≤ 0.98 gives the same P."""
    X, y = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1])
    svm = LinearSVM(0.01).fit(X + 5, y)
    w = svm.coef_.item()
    assert w == pytest.approx(0.02, rel=1e-6)
    assert svm.intercept_.item() == pytest.approx(-5 * w, abs=1e-9)
    ends = [objective(svm.coef_, torch.tensor([b - 5 * w]), X + 5, y, 0.01) for b in (-0.98, 0.98)]
    assert ends == pytest.approx([objective(svm.coef_, svm.intercept_, X + 5, y, 0.01)] * 2)
    peer = SVC(kernel="linear", C=0.01, tol=1e-9).fit(X.numpy() + 5, y.numpy())
    assert peer.intercept_[0] == pytest.approx(svm.intercept_.item(), abs=1e-6)


@pytest.mark.parametrize("name", DATA)
def test_support_vectors_alone_make_w(name):
    X, y = DATA[name]
    svm = LinearSVM().fit(X, y)
    w = svm.dual_coef_ @ X[svm.support_]  # (1, d)
    assert torch.allclose(w, svm.coef_, rtol=1e-3, atol=1e-4)
    assert svm.dual_coef_.abs().max() <= 1
    sign = torch.where(y == 1, 1.0, -1.0).double()
    others = torch.ones_like(y).bool()
    others[svm.support_] = False
    assert (sign * svm.decision_function(X))[others].min().item() >= 1 - 1e-4 if others.any() else 1


@pytest.mark.parametrize("name", ["overlapping", "separable", "imbalanced"])
def test_no_other_plane_is_better(name):
    X, y = DATA[name]
    for C in (1e-2, 1e-1, 1.0, 10.0, 1e2):
        svm = LinearSVM(C).fit(X, y)
        P = objective(svm.coef_, svm.intercept_, X, y, C)
        for seed in range(20):
            w, b = (svm.coef_ + 0.01 * normal(1, X.shape[1], seed)), normal(1, 1, seed)[0] * 0.01
            assert objective(w, svm.intercept_ + b, X, y, C) >= P * (1 - 1e-8)


def test_the_gap_closes_in_few_steps_at_any_C():
    for name in ("overlapping", "separable", "imbalanced", "scales of their own"):
        for C in (1e-2, 1e-1, 1.0, 10.0, 1e2):
            gaps = LinearSVM(C).fit(*DATA[name]).gap_history_
            assert len(gaps) <= 36
            assert all(gap > 0 for gap in gaps)
            assert gaps[-1] < 1e-6 * gaps[0]


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_scaling_the_features_scales_the_plane(factor):
    """X · f with C / f² is the same problem, with w / f."""
    X, y = DATA["overlapping"]
    one, other = LinearSVM(1.0).fit(X, y), LinearSVM(1 / factor**2).fit(factor * X, y)
    assert torch.allclose(one.coef_, factor * other.coef_, rtol=1e-6)
    assert torch.allclose(one.intercept_, other.intercept_, rtol=1e-6)
    assert LinearSVM().fit(1e3 * X, y).coef_.isfinite().all()


def test_float32_far_from_the_origin():
    X, y = two_groups(200, 2, 2.0)
    near, far = LinearSVM().fit(X.float(), y), LinearSVM().fit(X.float() + 1000, y)
    assert near.coef_.dtype == near.intercept_.dtype == torch.float32
    assert torch.allclose(near.coef_, far.coef_, rtol=1e-2)
    assert (near.predict(X.float()) == far.predict(X.float() + 1000)).float().mean() >= 0.99


@pytest.mark.parametrize("labels", [(-1, 1), (-7, 3), (False, True), (250, 251)])
def test_any_two_labels(labels):
    X, y = DATA["overlapping"]
    named = torch.tensor(labels)[y]
    one, other = LinearSVM().fit(X, y), LinearSVM().fit(X, named)
    assert torch.equal(one.coef_, other.coef_)
    assert torch.equal(other.predict(X), torch.tensor(labels)[one.predict(X)])


def test_rows_that_are_all_the_same_have_no_plane():
    X, y = DATA["constant features"]
    svm = LinearSVM().fit(X, y)
    assert svm.coef_.tolist() == [[0, 0]]
    assert svm.margin_ == math.inf
    assert (svm.predict(X) == 0).all()  # six of ten


@pytest.mark.parametrize("name", ["overlapping", "more features than rows"])
def test_follows_its_input_and_leaves_it_alone(name, meta_default):
    X, y = DATA[name]
    before, state, svm = X.clone(), torch.get_rng_state(), LinearSVM().fit(X[::2], y[::2])
    assert svm.fit(X, y) is svm
    once = LinearSVM().fit(X, y)
    assert vars(svm).keys() == vars(once).keys()
    assert torch.equal(svm.coef_, once.coef_)
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    made = [*vars(svm).values(), svm.predict(X)]
    assert {t.device.type for t in made if hasattr(t, "device")} == {"cpu"}


X2, y2 = DATA["overlapping"]


@pytest.mark.parametrize(
    ("C", "X", "y", "error", "message"),
    [
        (1.0, X2, y2 * 0 + 3, ValueError, r"two classes, got \[3\]; give rows"),
        (1.0, X2, torch.arange(200) % 3, ValueError, r"got \[0, 1, 2\]; fit one per class"),
        (0.0, X2, y2, ValueError, "C must be positive and finite, got 0.0"),
        (-1.0, X2, y2, ValueError, "C must be positive"),
        (math.inf, X2, y2, ValueError, "C must be positive and finite"),
        (math.nan, X2, y2, ValueError, "C must be positive and finite"),
        (1.0, X2, y2.double(), TypeError, "integer class labels"),
        (1.0, X2, y2[:9], ValueError, "expected 200, got 9"),
        (1.0, X2.log(), y2, ValueError, "NaN"),
        (1.0, X2[:, 0], y2, ValueError, "reshape"),
        (1.0, X2.numpy(), y2, TypeError, "torch.as_tensor"),
    ],
)
def test_bad_input_is_named(C, X, y, error, message):
    with pytest.raises(error, match=message):
        LinearSVM(C).fit(X, y)


def test_predict_wants_a_fit_and_the_same_columns():
    with pytest.raises(RuntimeError, match="not fitted yet"):
        LinearSVM().predict(X2)
    with pytest.raises(ValueError, match="X has 1 features, but fit saw 2"):
        LinearSVM().fit(X2, y2).predict(X2[:, :1])


def test_a_row_on_the_plane_is_of_the_lower_class():
    X, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([4, 9])
    model = LinearSVM(C=10.0).fit(X, y)
    model.coef_, model.intercept_ = torch.ones(1, 1), torch.zeros(1)
    assert model.predict(torch.tensor([[-1e-30], [0.0], [1e-30]])).tolist() == [4, 4, 9]


def test_where_rounding_ends_the_descent_the_best_plane_is_kept():
    """Rows of both classes are the same, and slack costs 1e8: the matrix is all but singular."""
    X, y = normal(40, 3)[:5].repeat(8, 1), (torch.arange(40) == 0).long()
    model = LinearSVM(1e8).fit(X, y)
    assert objective(model.coef_, model.intercept_, X, y, 1e8) == pytest.approx(2e8, rel=1e-5)
    assert model.duality_gap_ == model.gap_history_[-1] == min(model.gap_history_) < 1e-5 * 2e8


def test_where_rounding_hides_the_plane_the_fix_is_named():
    X, y = two_groups(40, 3, 0.0)
    with pytest.raises(ValueError, match="% of the objective; scale X with StandardScaler, or use"):
        LinearSVM().fit(1e25 * X, y)


# --- the plain path


def scaled(name):
    X, y = DATA[name]
    std = X.std(0)
    return (X - X.mean(0)) / torch.where(std > 0, std, 1), y


def descend(C, X, y, **options):
    """Return the model of the plain path, and whether it warned."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LinearSVM(C, solver="subgradient", **options).fit(X, y)
    assert {warning.category for warning in caught} <= {ConvergenceWarning}
    assert all(warning.filename == __file__ for warning in caught)
    return model, bool(caught)


SURE = [  # where it must arrive; elsewhere it may say that it does not know
    "overlapping", "separable", "imbalanced", "far from the origin", "duplicated rows",
    "one feature", "scales of their own",
]  # fmt: skip


@pytest.mark.parametrize("C", [1e-2, 1.0])
@pytest.mark.parametrize("name", DATA)
def test_the_plain_path_comes_within_one_per_cent_on_scaled_data_or_warns(name, C):
    X, y = scaled(name)
    engine, (plain, warned) = LinearSVM(C).fit(X, y), descend(C, X, y, max_iter=4000)
    best = objective(engine.coef_, engine.intercept_, X, y, C)
    found = objective(plain.coef_, plain.intercept_, X, y, C)
    assert found >= best - engine.duality_gap_ - 1e-9 * best
    assert min(plain.loss_history_) == pytest.approx(found, rel=1e-6)
    assert warned or found <= 1.01 * best
    assert not (warned and name in SURE)


@pytest.mark.parametrize("C", [1e-5, 1e-4, 1e-3, 1e-1])
@pytest.mark.parametrize("name", DATA)
def test_at_a_small_C_the_plain_path_is_never_silently_wrong(name, C):
    """w is next to nothing, and P a matter of b, which the shrinking steps hardly move."""
    X, y = scaled(name)
    engine, (plain, warned) = LinearSVM(C).fit(X, y), descend(C, X, y, max_iter=2000)
    best = objective(engine.coef_, engine.intercept_, X, y, C)
    assert warned or objective(plain.coef_, plain.intercept_, X, y, C) <= 1.01 * best


def test_an_intercept_that_has_not_arrived_is_told():
    """The least P, 2e-4, has b = −1. The first step takes b to −0.75, and it hardly moves on."""
    X, y = normal(8, 1), (torch.arange(8) == 7).long()
    model, warned = descend(1e-4, (X - X.mean()) / X.std(), y, max_iter=2000)
    assert warned
    assert len(model.loss_history_) == 2001


def test_a_C_too_small_for_the_dtype_is_named():
    X, y = scaled("overlapping")
    with pytest.raises(ValueError, match=r"lr must be at most .*; use a larger C"):
        descend(1e-50, X.float(), y)
    for solver in ("subgradient", "interior-point"):
        with pytest.raises(ValueError, match=r"1 / C must be at most .*; use a larger C"):
            LinearSVM(1e-320, solver=solver).fit(X, y)


@pytest.mark.parametrize("name", ["scales of their own", "separable", "more features than rows"])
def test_the_plain_path_warns_on_data_of_several_scales_and_at_a_large_C(name):
    X, y = DATA[name]
    C = 1.0 if name == "scales of their own" else 100.0
    assert descend(C, X, y, max_iter=2000)[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_plain_path_takes_the_steps_of_the_formula(dtype):
    """By autograd, of P on the centred rows; no row lies just on the edge of the margin."""
    X, y = DATA["overlapping"][0].to(dtype), DATA["overlapping"][1]
    model, warned = descend(0.5, X, y, lr=0.01, max_iter=5)
    assert warned
    A, sign = X.double() - X.double().mean(0), 2.0 * y - 1
    w, b = torch.zeros(2).double().requires_grad_(), torch.zeros(()).double().requires_grad_()
    for t, P_model in enumerate(model.loss_history_):
        P = w.square().sum() / 2 + 0.5 * (1 - sign * (A @ w + b)).clamp(min=0).sum()
        assert P.item() == pytest.approx(P_model, rel=1e-5)
        dw, db = torch.autograd.grad(P, (w, b))
        step = 0.01 / (1 + 0.01 * t)
        w = (w - step * dw).detach().requires_grad_()
        b = (b - step * db).detach().requires_grad_()
    assert len(model.loss_history_) == 6


def test_what_the_plain_path_sets():
    X, y = scaled("overlapping")
    model, warned = descend(1.0, X, y)
    assert not warned
    sign = torch.where(y == 1, 1.0, -1.0).double()
    inside = (sign * model.decision_function(X) <= 1).nonzero().squeeze(1)
    assert model.support_.tolist() == inside.tolist()
    assert model.margin_ == pytest.approx(1 / model.coef_.norm().item())
    assert model.classes_.tolist() == [0, 1]
    assert model.n_features_in_ == 2
    assert model.score(X, y) == pytest.approx(LinearSVM().fit(X, y).score(X, y), abs=0.01)
    assert model.dual_coef_ is model.gap_history_ is model.duality_gap_ is None
    other = model.set_params(solver="interior-point").fit(X, y)
    assert other.loss_history_ is None
    assert other.dual_coef_.shape == (1, len(other.support_))


@pytest.mark.parametrize("labels", [(-7, 3), (False, True), (250, 251)])
def test_any_two_labels_on_the_plain_path(labels):
    X, y = scaled("overlapping")
    one, _ = descend(0.1, X, y)
    other, _ = descend(0.1, X, torch.tensor(labels)[y])
    assert torch.equal(one.coef_, other.coef_)
    assert torch.equal(other.predict(X), torch.tensor(labels)[one.predict(X)])


@pytest.mark.parametrize("solver", ["interior-point", "subgradient"])
def test_a_fit_that_raises_leaves_the_earlier_one_whole(solver):
    X, y = scaled("overlapping")
    model = LinearSVM(0.1, solver=solver).fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"of the objective|overflow"):
        model.fit(1e25 * X.float(), torch.where(y == 0, 5, 9))
    assert vars(model) == before
    assert model.predict(X).unique().tolist() == [0, 1]


def test_where_rounding_leaves_a_part_of_the_gap_it_says_so(monkeypatch):
    """The engine raises above 1 %, and closes the gap to 1e-9 nearly always: here it is stopped."""
    X, y = DATA["overlapping"]
    monkeypatch.setattr("d4sci.engines.interior_point.MAX_STEPS", 8)
    with pytest.warns(ConvergenceWarning, match="interior-point stopped before the objective was"):
        model = LinearSVM().fit(X, y)
    P = objective(model.coef_, model.intercept_, X, y, 1.0)
    assert 1e-4 < model.duality_gap_ / P < 1e-2


@pytest.mark.parametrize(
    ("options", "message"),
    [({"solver": "sgd"}, "'interior-point', 'subgradient'"), ({"lr": 0.0}, "lr must be positive"),
     ({"max_iter": 0}, "max_iter must lie"), ({"tol": -1.0}, "tol must lie")],
)  # fmt: skip
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        LinearSVM(**options).fit(X2, y2)
