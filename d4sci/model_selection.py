"""How good is a model on rows it has not seen, and what would make it better?"""

import copy
from dataclasses import dataclass
from functools import reduce

import torch

from d4sci.metrics import accuracy
from d4sci.preprocessing import k_fold
from d4sci.support.checks import require_between, require_same_length, require_tensor


@dataclass(eq=False)
class Pipeline:
    """Scale, then predict: the scaler learns from the rows of `fit` alone, none of test data.

    scaler: with fit_transform and transform.  model: with fit and predict.
    """

    scaler: object
    model: object

    def fit(self, X, y):
        """Fit the scaler to X (n, d), and the model to the scaled X and y (n,)."""
        self.model.fit(self.scaler.fit_transform(X), y)
        return self

    def predict(self, X):
        """Return what the model predicts for the scaled X.  X: (n, d) → (n,)."""
        return self.model.predict(self.scaler.transform(X))


def cross_val_score(model, X, y, *, k=5, metric=accuracy, stratify=None, seed=0):
    """Return k scores, (k,): each fold is predicted by a model fitted to the k − 1 others.

    model: any object with `fit(X, y)` and `predict(X)`; copies are fitted, it stays as it is.
    X: (n, d).  y: (n,).  metric: a function (y_true, y_pred) → number.
    k, stratify, seed: as in `k_fold`.
    Scores come as float64 on the CPU, here and below.  What `k_fold`, the model and the metric
    refuse, they raise.  Source: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
    """
    folds = _folds(X, y, k, stratify, seed)
    return _scores(model, X, y, folds, metric)[1]


def learning_curve(model, X, y, sizes, *, k=5, metric=accuracy, stratify=None, seed=0):
    """Return how the scores change with more data: of training and of validation, both (s, k).

    sizes: how many of each fold's training rows to fit to, s whole numbers; the first ones in
    their random order, so that a larger set contains the smaller.  Else as `cross_val_score`.
    Raises ValueError for a size that is no number from 1 to the rows there are.
    """
    folds, sizes = _folds(X, y, k, stratify, seed), list(sizes)
    most = min(len(train) for train, _ in folds)
    for size in sizes:
        require_between("each of sizes", size, 1, most)
    cuts = [[(train[:size], validation) for train, validation in folds] for size in sizes]
    return _stack(_scores(model, X, y, cut, metric) for cut in cuts)


def validation_curve(model, X, y, name, values, *, k=5, metric=accuracy, stratify=None, seed=0):
    """Return how the scores change with a parameter: of training and of validation, both (v, k).

    name: of the parameter, such as "n_neighbors"; within a `Pipeline` "model.n_neighbors".
    values: v values to try, each on the same folds.  Else as `cross_val_score`.
    Raises AttributeError where the model has no such parameter.
    """
    folds = _folds(X, y, k, stratify, seed)
    return _stack(_scores(_with(model, name, value), X, y, folds, metric) for value in values)


def _folds(X, y, k, stratify, seed):
    require_tensor(X)
    require_tensor(y, "y")
    require_same_length("X", X, "y", y)
    return list(k_fold(len(X), k, stratify=stratify, seed=seed))


def _scores(model, X, y, folds, metric):
    """Return the scores of a copy of the model on the rows it saw and on the others, (2, k)."""
    scores = []
    for train, validation in folds:
        fitted = copy.deepcopy(model)
        fitted.fit(X[train], y[train])
        scores.append([float(metric(y[i], fitted.predict(X[i]))) for i in (train, validation)])
    return torch.tensor(scores, dtype=torch.float64, device="cpu").T


def _stack(pairs):
    """Return training and validation scores, each (s, k), from s pairs of them."""
    pairs = list(pairs)
    if not pairs:
        raise ValueError("a curve needs something to try, got nothing; give one size or value")
    train, validation = torch.stack(pairs, 1)  # (2, s, k)
    return train, validation


def _with(model, name, value):
    """Return a copy of the model in which the parameter has the value."""
    model = copy.deepcopy(model)
    *path, parameter = name.split(".")
    owner = reduce(getattr, path, model)
    if not hasattr(owner, parameter):
        names = [n for n in vars(owner) if not n.startswith("_") and not n.endswith("_")]
        raise AttributeError(
            f"{type(owner).__name__} has no parameter {parameter!r}; it has {', '.join(names)}"
        )
    setattr(owner, parameter, value)
    return model
