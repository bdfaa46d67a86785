"""Cross-validation and its curves against scikit-learn's, on the same folds: equal to 1e-12."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_score as peer_cross_val_score
from sklearn.model_selection import learning_curve as peer_learning_curve
from sklearn.model_selection import validation_curve as peer_validation_curve
from sklearn.neighbors import KNeighborsClassifier as PeerNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler as PeerScaler

from d4sci.data import load_iris, to_tensors
from d4sci.metrics import accuracy, f1, r2
from d4sci.model_selection import Pipeline, cross_val_score, learning_curve, validation_curve
from d4sci.neighbors import KNeighborsClassifier
from d4sci.preprocessing import StandardScaler, k_fold

X, y = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[:2]
X, y = X.double() * torch.tensor([1.0, 100.0, 1.0, 1.0]), y * 3 - 3  # unscaled, labels −3, 0, 3


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
