"""What all estimators share, on small ones made here; for the lessons see test_conventions."""

import warnings
from dataclasses import dataclass, field

import pytest
import torch
from sklearn.metrics import r2_score
from torch import Tensor

from d4sci.estimator import (
    Classifier,
    Clusterer,
    ConvergenceWarning,
    Regressor,
    Transformer,
    warn_not_converged,
)
from d4sci.preprocessing import MinMaxScaler, StandardScaler

X = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
y = torch.tensor([3, 3, 8, 8])


@dataclass(eq=False, repr=False)
class Threshold(Classifier):
    at: float = 1.5
    init: Tensor | None = None
    widths: list = field(default_factory=lambda: [1, 2])

    def fit(self, X, y):
        self.classes_ = y.unique()
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > self.at).long()]


@dataclass(eq=False, repr=False)
class Columns(Regressor):
    slope: float = 2.0

    def fit(self, X, y):
        self.n_targets_ = y.shape[1:]
        return self

    def predict(self, X):
        return self.slope * X if self.n_targets_ else self.slope * X[:, 0]


@dataclass(eq=False, repr=False)
class Halves(Clusterer, Transformer):
    def fit(self, X, y=None):
        self.labels_ = (X[:, 0] > X.mean()).long()
        return self

    def transform(self, X):
        return X / 2


@dataclass(eq=False, repr=False)
class Hasty(Transformer):
    def fit(self, X, y=None):
        self._descend()
        return self

    def _descend(self):
        warn_not_converged("stopped after 3 steps", "raise max_iter")

    def transform(self, X):
        return X


def test_parameters_by_name():
    model = Threshold(0.5)
    assert model.get_params() == {"at": 0.5, "init": None, "widths": [1, 2]}
    assert model.set_params(at=2.0, init=X) is model
    assert (model.at, model.init) == (2.0, X)
    assert StandardScaler().get_params() == {}


@pytest.mark.parametrize("name", ["predict", "classes_", "max_iter"])
def test_an_unknown_parameter_is_refused_and_then_none_is_set(name):
    model = Threshold()
    with pytest.raises(ValueError, match=f"Threshold has no parameter '{name}'; it has at, init"):
        model.set_params(at=7.0, **{name: 1})
    assert model.at == 1.5
    with pytest.raises(ValueError, match="StandardScaler has no parameter 'k'; it has none"):
        StandardScaler().set_params(k=1)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Threshold(), "Threshold()"),
        (Threshold(0.1), "Threshold(at=0.1)"),
        (Threshold(init=torch.rand(300, 40)), "Threshold(init=<tensor (300, 40)>)"),
        (Threshold(widths=[3]), "Threshold(widths=[3])"),
        (Threshold().fit(X, y), "Threshold()"),  # what was learned is no parameter
        (MinMaxScaler((-1, 1)), "MinMaxScaler(feature_range=(-1, 1))"),
        (StandardScaler(), "StandardScaler()"),
    ],
)
def test_its_repr_shows_what_was_chosen(model, text):
    assert repr(model) == text


def test_the_score_of_a_classifier_is_its_accuracy():
    assert Threshold().fit(X, y).score(X, y) == 1
    assert Threshold(0.5).fit(X, y).score(X, y) == 0.75


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
def test_the_score_of_a_regressor_is_r2(shape):
    rows, target = torch.rand(4, 3).double(), torch.rand(shape).double()
    if shape == (4, 1):
        rows = rows[:, :1]
    model = Columns().fit(rows, target)
    expected = r2_score(target.numpy(), model.predict(rows).numpy())
    assert model.score(rows, target) == pytest.approx(expected, rel=1e-12)


def test_a_column_is_no_row():
    """(4,) against (4, 1) would broadcast to (4, 4) and give a score of something else."""
    with pytest.raises(ValueError, match="y_true must have shape"):
        Columns().fit(X, X[:, 0]).score(X, X)
    with pytest.raises(TypeError, match=r"y must be a torch\.Tensor, got list"):
        Columns().fit(X, X[:, 0]).score(X, [0.0])


def test_one_call_to_fit_and_use():
    assert Halves().fit_predict(X).tolist() == [0, 0, 1, 1]
    assert Halves().fit_predict(X, y).tolist() == [0, 0, 1, 1]
    assert Halves().fit_transform(X, y).tolist() == [[0.0], [0.5], [1.0], [1.5]]


@pytest.mark.parametrize(
    "call", [lambda m: m.fit(X), lambda m: m.fit_transform(X)], ids=["fit", "fit_transform"]
)
def test_the_warning_points_to_the_line_that_asked(call):
    """From this file's own `fit`, which lies outside the package, that is `_descend`."""
    with pytest.warns(ConvergenceWarning, match="stopped after 3 steps; raise max_iter") as caught:
        call(Hasty())
    assert caught[0].filename == __file__


def test_a_caller_within_the_package_is_passed_over(monkeypatch):
    monkeypatch.setattr("d4sci.estimator.PACKAGE", "/nowhere")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Hasty().fit(X)
    assert "estimator.py" in caught[0].filename
