"""Fair splits; cross-validation and its curves are scikit-learn's on the same folds to 1e-12."""

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from operator import sub

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.model_selection import cross_val_score as peer_cross_val_score
from sklearn.model_selection import learning_curve as peer_learning_curve
from sklearn.model_selection import validation_curve as peer_validation_curve
from sklearn.neighbors import KNeighborsClassifier as PeerNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler as PeerScaler

from d4sci.data import load_iris, to_tensors
from d4sci.estimator import Regressor
from d4sci.metrics import accuracy, f1, r2
from d4sci.model_selection import (
    Pipeline,
    cross_val_score,
    k_fold,
    learning_curve,
    train_test_split,
    validation_curve,
)
from d4sci.neighbors import KNeighborsClassifier
from d4sci.preprocessing import MinMaxScaler, StandardScaler

X, y = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[:2]
X, y = X.double() * torch.tensor([1.0, 100.0, 1.0, 1.0]), y * 3 - 3  # unscaled, labels −3, 0, 3


quick = settings(deadline=None, max_examples=40, derandomize=True)


def folds(k, *, n=150, stratify=None, seed=0):
    pairs = k_fold(n, k, stratify=stratify, seed=seed)
    return [(train.numpy(), validation.numpy()) for train, validation in pairs]


def ours(k=5):
    return Pipeline(StandardScaler(), KNeighborsClassifier(k, weights="distance"))


def peer(k=5):
    return make_pipeline(PeerScaler(), PeerNeighbors(k, weights="distance"))


@dataclass(eq=False)
class LeastSquares:
    """A regressor that none of the package's files holds."""

    def fit(self, X, y):
        self.model_ = LinearRegression().fit(X.numpy(), y.numpy())

    def predict(self, X):
        return torch.from_numpy(self.model_.predict(X.numpy()))


@dataclass(eq=False)
class Witness:
    """Remembers which rows it has seen; predicts 1 for these and 0 for others."""

    mark: int = 1
    log: list = field(default_factory=list)

    def fit(self, X, y):
        assert not self.log, "fitted before"
        self.log.extend(X[:, 0].tolist())

    def predict(self, X):
        return torch.tensor([self.mark * (x in self.log) for x in X[:, 0].tolist()])


ROWS = torch.arange(20.0)[:, None]
ONES = torch.ones(20, dtype=torch.long)


@pytest.mark.parametrize("k", [2, 5, 150])
@pytest.mark.parametrize("stratify", [None, y])
def test_scores_equal_scikit_learn_s(k, stratify):
    if stratify is not None and k > 50:
        k = 10
    scores = cross_val_score(ours(), X, y, k=k, stratify=stratify, seed=3)
    cv = folds(k, stratify=stratify, seed=3)
    expected = peer_cross_val_score(peer(), X.numpy(), y.numpy(), cv=cv)
    assert scores.shape == (k,)
    assert scores.dtype == torch.float64
    assert np.allclose(scores, expected, rtol=0, atol=1e-12)
    assert expected.std() > 0


def test_another_metric():
    macro = lambda y_true, y_pred: f1(y_true, y_pred, average="macro")  # noqa: E731
    peer_macro = lambda m, X, y: f1_score(y, m.predict(X), average="macro")  # noqa: E731
    scores = cross_val_score(ours(), X, y, metric=macro)
    expected = peer_cross_val_score(peer(), X.numpy(), y.numpy(), cv=folds(5), scoring=peer_macro)
    assert np.allclose(scores, expected, rtol=0, atol=1e-12)


def test_a_regression():
    scores = cross_val_score(LeastSquares(), X[:, :3], X[:, 3], k=4, metric=r2)
    expected = peer_cross_val_score(
        LinearRegression(), X[:, :3].numpy(), X[:, 3].numpy(), cv=folds(4)
    )
    assert np.allclose(scores, expected, rtol=0, atol=1e-12)


def test_learning_curve_equals_scikit_learn_s():
    sizes = [10, 11, 60, 120]
    train, validation = learning_curve(ours(3), X, y, sizes, seed=1)
    _, *expected = peer_learning_curve(
        peer(3), X.numpy(), y.numpy(), train_sizes=sizes, cv=folds(5, seed=1)
    )
    assert train.shape == validation.shape == (4, 5)
    assert np.allclose(train, expected[0], rtol=0, atol=1e-12)
    assert np.allclose(validation, expected[1], rtol=0, atol=1e-12)
    assert torch.equal(validation[3], cross_val_score(ours(3), X, y, seed=1))  # all rows


def test_validation_curve_equals_scikit_learn_s():
    values = [1, 4, 40]
    curves = validation_curve(KNeighborsClassifier(), X, y, "n_neighbors", values, k=3, stratify=y)
    expected = peer_validation_curve(
        PeerNeighbors(), X.numpy(), y.numpy(), param_name="n_neighbors", param_range=values,
        cv=folds(3, stratify=y),
    )  # fmt: skip
    assert curves[0].shape == curves[1].shape == (3, 3)
    assert np.allclose(torch.stack(curves), expected, rtol=0, atol=1e-12)
    assert curves[0][0].tolist() == [1, 1, 1]  # the nearest neighbour of a row it saw is itself


def test_validation_curve_reaches_into_a_pipeline():
    model = ours(5)
    inner = validation_curve(model, X, y, "model.n_neighbors", [1, 7])[1]
    for row, k in zip(inner, [1, 7], strict=True):
        assert torch.equal(row, cross_val_score(ours(k), X, y))
    assert model.model.n_neighbors == 5
    whole = validation_curve(model, X, y, "model", [KNeighborsClassifier(1)])[1]
    one = Pipeline(StandardScaler(), KNeighborsClassifier(1))
    assert torch.equal(whole[0], cross_val_score(one, X, y))


def test_each_fold_has_a_fresh_model_that_never_saw_its_rows():
    model = Witness()
    assert cross_val_score(model, ROWS, ONES, k=4).tolist() == [0] * 4
    train, validation = learning_curve(model, ROWS, ONES, [1, 15], k=4)
    assert (train.tolist(), validation.tolist()) == ([[1] * 4] * 2, [[0] * 4] * 2)
    train, _ = validation_curve(model, ROWS, ONES, "mark", [0, 1], k=4)
    assert train.tolist() == [[0] * 4, [1] * 4]
    assert (model.log, model.mark) == ([], 1)


def test_a_pipeline_scales_by_what_it_was_fitted_to():
    train, test = X[::2], X[1::2] + 50
    model = ours().fit(train, y[::2])
    assert torch.equal(model.transformer.mean_, StandardScaler().fit(train).mean_)
    expected = peer().fit(train.numpy(), y[::2].numpy()).predict(test.numpy())
    assert model.predict(test).tolist() == expected.tolist()
    assert accuracy(y[::2], model.predict(train)) > 0.9


def test_scaling_matters():
    """One column of iris is in other units: scaled inside the folds the score is better."""
    raw = cross_val_score(KNeighborsClassifier(), X, y).mean()
    assert cross_val_score(ours(), X, y).mean() > raw + 0.1


@pytest.mark.parametrize("stratify", [None, y])
def test_inputs_and_generator_are_left_alone(stratify):
    before, state = (X.clone(), y.clone()), torch.get_rng_state()
    model = ours()
    a, b, other = (
        cross_val_score(model, X, y, k=6, stratify=stratify, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    learning_curve(model, X, y, [9])
    assert not hasattr(model.transformer, "mean_")
    assert not hasattr(model.model, "classes_")
    assert all(map(torch.equal, (X, y), before))
    assert torch.equal(torch.get_rng_state(), state)


def test_follows_its_input(meta_default):
    results = (
        cross_val_score(ours(), X, y),
        *learning_curve(ours(), X, y, [20, 30]),
        *validation_curve(ours(), X, y, "model.n_neighbors", [1, 2]),
    )
    assert {r.device.type for r in results} == {"cpu"}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="k must lie between 2 and 150, got 1"):
        cross_val_score(ours(), X, y, k=1)
    with pytest.raises(ValueError, match="equally many rows, got 150 and 149"):
        cross_val_score(ours(), X, y[1:])
    with pytest.raises(TypeError, match="X must be a"):
        cross_val_score(ours(), X.numpy(), y)
    with pytest.raises(TypeError, match="y must be a"):
        cross_val_score(ours(), X, y.numpy())
    with pytest.raises(ValueError, match="each of sizes must lie between 1 and 120, got 121"):
        learning_curve(ours(), X, y, [5, 121])
    with pytest.raises(ValueError, match="each of sizes must lie between 1 and 120, got 0"):
        learning_curve(ours(), X, y, [0])
    with pytest.raises(ValueError, match="each of sizes must lie between 1 and 13, got 14"):
        learning_curve(ours(), X[:20], y[:20], [14], k=3)  # 13, 13 and 14 rows to train
    with pytest.raises(ValueError, match="got nothing; give one size or value"):
        validation_curve(ours(), X, y, "model.n_neighbors", [])
    with pytest.raises(AttributeError, match="no parameter 'C'; it has n_neighbors, metric, weigh"):
        validation_curve(KNeighborsClassifier(), X, y, "C", [1.0])
    with pytest.raises(AttributeError, match="Pipeline has no parameter 'n_neighbors'"):
        validation_curve(ours(), X, y, "n_neighbors", [1])
    with pytest.raises(RuntimeError, match="not fitted yet"):
        ours().predict(X)


def test_sizes_may_come_one_by_one():
    expected = learning_curve(ours(), X, y, [5, 50], k=3)
    assert all(map(torch.equal, learning_curve(ours(), X, y, iter([5, 50]), k=3), expected))


@dataclass(eq=False, repr=False)
class Means(Regressor):
    """Predict the mean of y plus a shift.  A regressor that says so."""

    shift: float = 0.0

    def fit(self, X, y):
        self.mean_ = y.mean(0)
        return self

    def predict(self, X):
        return X[:, 0] + self.mean_ + self.shift


def test_a_regressor_is_scored_by_r2_where_no_metric_is_given():
    rows, target = X[:, :3], X[:, 3]
    scores = cross_val_score(Means(), rows, target)
    assert torch.equal(scores, cross_val_score(Means(), rows, target, metric=r2))
    assert torch.equal(scores, cross_val_score(Pipeline(Means()), rows, target))
    train, validation = learning_curve(Means(), rows, target, [120])
    assert torch.equal(validation[0], scores)
    assert train.max() < 1
    shifted = validation_curve(Means(), rows, target, "shift", [0.0, 9.0])[1]
    assert torch.equal(shifted[0], scores)
    assert (shifted[1] < scores).all()


def test_a_model_without_a_score_is_scored_by_its_accuracy():
    assert not hasattr(Pipeline(Witness()), "score")
    assert cross_val_score(Pipeline(Witness()), ROWS, ONES, k=4).tolist() == [0] * 4
    with pytest.raises(TypeError, match="where y holds numbers, got None; use metric=r2"):
        cross_val_score(LeastSquares(), X[:, :3], X[:, 3])


@pytest.mark.parametrize("name", ["predict", "fit", "classes_", "n_features_in_", "_private", ""])
@pytest.mark.parametrize("make", [KNeighborsClassifier, Witness])
def test_what_is_no_parameter_is_not_overwritten(make, name):
    model = make().fit(X, y) if make is KNeighborsClassifier else make()
    with pytest.raises(AttributeError, match=f"{make.__name__} has no parameter '{name}'; it has"):
        validation_curve(model, X, y, name, [1])
    with pytest.raises(AttributeError, match=f"{make.__name__} has no parameter '{name}'; it has"):
        validation_curve(Pipeline(StandardScaler(), model), X, y, f"model.{name}", [1])


def test_scikit_learn_s_way_to_name_a_parameter_within_a_pipeline():
    ways = ("model.n_neighbors", "model__n_neighbors")
    dots, dashes = (validation_curve(ours(), X, y, way, [1, 7])[1] for way in ways)
    assert torch.equal(dots, dashes)
    long = Pipeline(StandardScaler(), MinMaxScaler(), KNeighborsClassifier())
    curve = validation_curve(long, X, y, "minmaxscaler.feature_range", [(0, 1), (0, 2)])[1]
    assert torch.equal(curve[0], cross_val_score(long, X, y))


# --- splits


@pytest.mark.parametrize(
    ("n", "test_size", "n_test"),
    [(10, 0.2, 2), (11, 0.2, 3), (10, 3, 3), (2, 0.01, 1), (2, 1, 1), (7, 6, 6), (30, 0.1, 3)],
)
def test_split_sizes_round_up_as_in_scikit_learn(n, test_size, n_test):
    X, y = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)), torch.arange(n)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=test_size)
    assert (len(X_train), len(X_test)) == (n - n_test, n_test)
    assert torch.equal(X_train, X[y_train])  # the rows stay together
    assert torch.equal(X_test, X[y_test])
    assert torch.cat([y_train, y_test]).sort().values.tolist() == list(range(n))


def test_split_takes_any_number_of_tensors_of_any_kind():
    arrays = (torch.arange(6), torch.ones(6, 2, 3), torch.ones(6).bool())
    parts = train_test_split(*arrays)
    assert [p.dtype for p in parts[::2]] == [a.dtype for a in arrays]
    assert [tuple(p.shape) for p in parts[2:4]] == [(4, 2, 3), (2, 2, 3)]
    assert len(train_test_split(arrays[0])) == 2


@pytest.mark.parametrize("stratify", [None, torch.arange(20) % 2])
def test_split_depends_on_the_seed_alone(stratify):
    X, state = torch.arange(20), torch.get_rng_state()
    a = train_test_split(X, stratify=stratify, seed=3)
    torch.manual_seed(5)
    torch.set_rng_state(state)
    with torch.device("meta"):
        b = train_test_split(X, stratify=stratify, seed=3)
        folds = list(k_fold(20, 3, stratify=stratify, seed=3))
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert all(index.device.type == "cpu" for pair in folds for index in pair)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(X, torch.arange(20))
    assert not torch.equal(a[0], train_test_split(X, stratify=stratify, seed=4)[0])
    assert not torch.equal(a[0], a[0].sort().values)  # shuffled
    train = folds[0][0]
    assert not torch.equal(train, train.sort().values)


@pytest.mark.parametrize(
    ("sizes", "test_size", "shares"),
    [
        ([50, 50], 0.2, [10, 10]),
        ([90, 10], 0.2, [18, 2]),
        # 13 of 59 rows: 13 · (30, 20, 9) / 59 = 6.61, 4.41, 1.98; whole 6, 4, 1; two more to
        # the largest remainders, .98 and .61
        ([30, 20, 9], 13, [7, 4, 2]),
        ([2, 2, 2], 3, [1, 1, 1]),
    ],
)
def test_stratified_shares_by_hand_and_as_in_scikit_learn(sizes, test_size, shares):
    y = torch.repeat_interleave(torch.tensor([7, -3, 4])[: len(sizes)], torch.tensor(sizes))
    y_train, y_test = train_test_split(y, test_size=test_size, stratify=y)
    counts = [(y_test == label).sum().item() for label in (7, -3, 4)[: len(sizes)]]
    assert counts == shares
    assert len(y_train) == len(y) - sum(shares)
    split = StratifiedShuffleSplit(1, test_size=test_size, random_state=0)
    _, test = next(split.split(np.zeros(len(y)), y.numpy()))
    assert torch.equal(y[test].sort().values, y_test.sort().values)


@quick
@given(
    sizes=st.lists(st.integers(2, 30), min_size=1, max_size=5),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 9),
)
def test_stratified_shares_lie_within_one_row(sizes, share, seed):
    y = torch.repeat_interleave(torch.arange(len(sizes)) * 2 - 3, torch.tensor(sizes))
    n = len(y)
    n_test = min(max(math.ceil(share * n), len(sizes)), n - len(sizes))
    y_train, y_test = train_test_split(y, test_size=n_test, stratify=y, seed=seed)
    assert (len(y_train), len(y_test)) == (n - n_test, n_test)
    counts = [(y_test == label).sum().item() for label in y.unique()]
    assert all(0 < count < size for count, size in zip(counts, sizes, strict=True))
    by_remainder = largest_remainders(sizes, n_test)
    if all(0 < count < size for count, size in zip(by_remainder, sizes, strict=True)):
        # Of equal remainders either class may have the row; the distances to the shares are equal.
        exact = [Fraction(n_test * size, n) for size in sizes]
        distances = [sorted(map(abs, map(sub, part, exact))) for part in (counts, by_remainder)]
        assert distances[0] == distances[1]
        assert distances[0][-1] < 1


def largest_remainders(sizes, n_test):
    """Share n_test rows out in proportion, by fractions, as in an election."""
    exact = [Fraction(n_test * size, sum(sizes)) for size in sizes]
    counts = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda j: counts[j] - exact[j])
    for j in by_remainder[: n_test - sum(counts)]:
        counts[j] += 1
    return counts


@pytest.mark.parametrize(
    ("sizes", "test_size", "shares"),
    [
        ([18, 2], 4, [3, 1]),  # in proportion 3.6 and 0.4: nobody of the second class
        ([2, 49_998], 0.2, [1, 9999]),
        ([18, 2], 17, [16, 1]),  # 15.3 and 1.7: nobody of it left to train
        ([2, 2, 2, 2, 30], 5, [1, 1, 1, 1, 1]),  # 3.9 of the last: all in turn give way
        ([3, 2, 2, 2, 2], 6, [2, 1, 1, 1, 1]),
        ([40, 30, 2, 2], 9, [4, 3, 1, 1]),  # 4.9, 3.6, 0.2 and 0.2
    ],
)
def test_a_small_class_has_a_row_in_both_parts(sizes, test_size, shares):
    y = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    y_train, y_test = train_test_split(y, test_size=test_size, stratify=y)
    assert y_test.bincount().tolist() == shares
    assert (y_train.bincount() + y_test.bincount()).tolist() == sizes


@quick
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    k=st.integers(2, 7),
    stratified=st.booleans(),
    seed=st.integers(0, 9),
)
def test_each_row_validates_once_and_folds_are_equal_to_one_row(sizes, k, stratified, seed):
    y = torch.repeat_interleave(torch.arange(len(sizes)) * 5 - 1, torch.tensor(sizes))
    n, k = len(y), min(k, len(y))
    if n < 2:
        return
    folds = list(k_fold(n, k, stratify=y if stratified else None, seed=seed))
    assert len(folds) == k
    assert torch.cat([v for _, v in folds]).sort().values.tolist() == list(range(n))
    for train, validation in folds:
        assert torch.cat([train, validation]).sort().values.tolist() == list(range(n))
    assert max(len(v) for _, v in folds) - min(len(v) for _, v in folds) <= 1
    if stratified:
        for label in y.unique():
            shares = [(y[v] == label).sum().item() for _, v in folds]
            assert max(shares) - min(shares) <= 1


@quick
@given(
    sizes=st.lists(st.integers(2, 20), min_size=2, max_size=4),
    k=st.integers(2, 7),
    seed=st.integers(0, 9),
)
def test_the_names_of_the_classes_do_not_matter(sizes, k, seed):
    y = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    n, n_test = len(y), len(y) // 2
    renamed = torch.tensor([7, -3, 40, 0])[y]
    folds = list(k_fold(n, min(k, n), stratify=y, seed=seed))
    others = list(k_fold(n, min(k, n), stratify=renamed, seed=seed))
    for (train, validation), (other_train, other_validation) in zip(folds, others, strict=True):
        assert torch.equal(train, other_train)
        assert torch.equal(validation, other_validation)
    rows = torch.arange(n)
    for a, b in zip(
        train_test_split(rows, test_size=n_test, stratify=y, seed=seed),
        train_test_split(rows, test_size=n_test, stratify=renamed, seed=seed),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_k_fold_complains_when_it_is_called():
    with pytest.raises(ValueError, match="k must lie between 2 and 10, got 1"):
        k_fold(10, 1)
    with pytest.raises(TypeError, match=r"use stratify\.long"):
        k_fold(4, 2, stratify=torch.ones(4))
    with pytest.raises(ValueError, match="seed must lie"):
        k_fold(4, 2, seed=-1)


def test_k_fold_takes_bool_labels():
    y = torch.tensor([True, False] * 5)
    assert all(y[v].sum() == 1 for _, v in k_fold(10, 5, stratify=y))


@pytest.mark.parametrize(
    "share", [0.2, 0.1 * 3, np.float32(0.2), np.float16(0.25), np.float64(0.7)]
)
@pytest.mark.parametrize("n", [10, 20, 100_000])
def test_rounding_is_no_row(n, share):
    """0.1 · 3 of 10 rows are 3.0000000000000004, np.float32(0.2) of them 2.00000003."""
    rows = torch.arange(n)
    wanted = math.ceil(Fraction(round(float(share), 4)).limit_denominator(100) * n)
    assert len(train_test_split(rows, test_size=share)[1]) == wanted


R, labels = torch.ones(4, 2), torch.tensor([0, 0, 1, 1])
BAD = {
    "nothing to split": (lambda: train_test_split(), ValueError, "give at least one tensor"),
    "split list": (lambda: train_test_split(R, [1]), TypeError, "arrays[1] must be a torch.Tensor"),
    "split lengths": (
        lambda: train_test_split(R, labels[:3]),
        ValueError,
        "arrays[0] and arrays[1] must have equally many rows, got 4 and 3",
    ),
    "test all": (
        lambda: train_test_split(R, test_size=4),
        ValueError,
        "test_size must leave rows to train and to test, got 4 of 4 rows; use a fraction in "
        "(0, 1) or a smaller number of rows",
    ),
    "test none": (lambda: train_test_split(R, test_size=0), ValueError, "got 0 of 4 rows"),
    "test 1.0": (lambda: train_test_split(R, test_size=1.0), ValueError, "got 1.0 of 4 rows"),
    "test 0.0": (lambda: train_test_split(R, test_size=0.0), ValueError, "got 0.0 of 4 rows"),
    "test negative": (lambda: train_test_split(R, test_size=-0.5), ValueError, "4, got -0.5"),
    "test rounded to all": (lambda: train_test_split(R, test_size=0.9), ValueError, "got 0.9 of 4"),
    "split one row": (lambda: train_test_split(R[:1]), ValueError, "got 0.2 of 1 rows"),
    "stratify floats": (
        lambda: train_test_split(R, stratify=labels.float()),
        TypeError,
        "use stratify.long()",
    ),
    "stratify short": (
        lambda: train_test_split(R, stratify=labels[:3]),
        ValueError,
        "stratify must have one entry per row of X: expected 4, got 3",
    ),
    "stratify alone": (
        lambda: train_test_split(R, stratify=torch.tensor([5, 5, 9, 5])),
        ValueError,
        "stratify needs 2 rows of each class, got 1 of [9]; merge or drop it",
    ),
    "stratify small test": (
        lambda: train_test_split(R, stratify=labels, test_size=1),
        ValueError,
        "stratify needs a row of each of the 2 classes in both parts, got 3 to train and 1 to "
        "test; change test_size",
    ),
    "stratify small train": (
        lambda: train_test_split(R, stratify=labels, test_size=3),
        ValueError,
        "got 1 to train and 3 to test",
    ),
    "one fold": (lambda: list(k_fold(9, 1)), ValueError, "k must lie between 2 and 9, got 1"),
    "many folds": (lambda: list(k_fold(4)), ValueError, "k must lie between 2 and 4, got 5"),
    "fold labels": (
        lambda: list(k_fold(4, 2, stratify=labels[:2])),
        ValueError,
        "expected 4, got 2",
    ),
    "fold floats": (
        lambda: list(k_fold(4, 2, stratify=labels.float())),
        TypeError,
        "use stratify.long()",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_split_raises_with_the_fix(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=re.escape(message)):
        call()
