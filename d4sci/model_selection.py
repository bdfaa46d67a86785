"""How good is a model on rows it has not seen, and what would make it better?"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from d4sci.device import seeded
from d4sci.metrics import accuracy
from d4sci.pipeline import Pipeline as Pipeline
from d4sci.support.checks import (
    as_python,
    require_between,
    require_classes,
    require_dense,
    require_same_length,
)
from d4sci.support.strata import by_appearance, mark_test_rows

Metric = Callable[[Tensor, Tensor], float]


def train_test_split(
    *arrays: Tensor, test_size: float = 0.2, stratify: Tensor | None = None, seed: int = 0
) -> tuple[Tensor, ...]:
    """Return X_train, X_test, y_train, y_test, … : the rows of each array, shuffled and split.

    arrays: tensors with n rows each.  test_size: a fraction, rounded up, or a number of rows.
    stratify: labels (n,). Both parts keep the shares of the classes, to within a row of each
    class, unless small classes need more than theirs: both parts hold a row of every class.
    Raises ValueError where a part would be empty, or too small to hold a row of every class, and
    for a class of a single row.
    """
    if not arrays:
        raise ValueError("give at least one tensor to split, as train_test_split(X, y)")
    for i, A in enumerate(arrays):
        require_dense(A, f"arrays[{i}]")
        require_same_length("arrays[0]", arrays[0], f"arrays[{i}]", A)
    n = len(arrays[0])
    n_test = _test_rows(test_size, n)
    order = _shuffled(n, seed)  # (n,)
    in_test = torch.arange(n, device="cpu") < n_test  # (n,)
    if stratify is not None:
        require_classes(stratify, n, "stratify")
        in_test = mark_test_rows(stratify.cpu()[order], n_test)
    parts = []
    for A in arrays:
        parts.append(A[order[~in_test]])
        parts.append(A[order[in_test]])
    return tuple(parts)


def _test_rows(test_size, n):
    """Return how many of n rows are for the test."""
    test_size = as_python(test_size)
    require_between("test_size", test_size, 0.0, n)
    n_test = round(test_size * n)
    if isinstance(test_size, int):
        n_test = test_size
    elif not math.isclose(test_size * n, n_test, rel_tol=1e-7):  # 0.1 · 3 of 10 rows are 3
        n_test = math.ceil(test_size * n)
    if not 1 <= n_test < n:
        raise ValueError(
            f"test_size must leave rows to train and to test, got {test_size} of {n} rows; "
            "use a fraction in (0, 1) or a smaller number of rows"
        )
    return n_test


def k_fold(
    n: int, k: int = 5, *, stratify: Tensor | None = None, seed: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Return an iterator of k pairs (train_index, validation_index); each row validates once.

    n: number of rows.  stratify: labels (n,) whose shares all folds keep. What the classes are
    called does not matter.
    The folds differ in size by at most one row, and in rows of any class by at most one.
    The indices lie on the CPU, and index a tensor on any device.
    """
    n, k = as_python(n), as_python(k)
    require_between("n", n, 2, math.inf)
    require_between("k", k, 2, n)
    order = _shuffled(n, seed)  # (n,)
    dealt = order
    if stratify is not None:
        require_classes(stratify, n, "stratify")
        _, place = by_appearance(stratify.cpu())  # (n,)
        dealt = order[place[order].argsort(stable=True)]  # class after class
    fold = torch.empty_like(order)
    fold[dealt] = torch.arange(n, device="cpu") % k  # like cards: 0, 1, …, k − 1, 0, 1, …
    return _pairs(order, fold[order], k)


def _pairs(order, fold, k):
    """Yield the rows outside and inside of each fold, k times.  order, fold: (n,)."""
    for i in range(k):
        in_fold = fold == i  # (n,)
        yield order[~in_fold], order[in_fold]


def _shuffled(n, seed):
    return torch.randperm(n, generator=seeded(seed), device="cpu")


def cross_val_score(
    model: Any,
    X: Tensor,
    y: Tensor,
    *,
    k: int = 5,
    metric: Metric | None = None,
    stratify: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Return k scores, (k,): each fold is predicted by a model fitted to the k − 1 others.

    model: any object with `fit(X, y)` and `predict(X)`; copies are fitted, it stays as it is.
    X: (n, d).  y: (n,).  metric: a function (y_true, y_pred) → number; by default the model's own
    `score`: the accuracy of a classifier, R² of a regressor; accuracy where it has none.
    k, stratify, seed: as in `k_fold`.
    Scores come as float64 on the CPU, here and below.  What `k_fold`, the model and the metric
    refuse, they raise.  Source: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
    """
    folds = _folds(X, y, k, stratify, seed)
    return _scores(model, X, y, folds, metric)[1]


def learning_curve(
    model: Any,
    X: Tensor,
    y: Tensor,
    sizes: Iterable[int],
    *,
    k: int = 5,
    metric: Metric | None = None,
    stratify: Tensor | None = None,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return how the scores change with more data: of training and of validation, both (s, k).

    sizes: how many of each fold's training rows to fit to, s whole numbers; the first ones in
    their random order, so that a larger set contains the smaller.  Else as `cross_val_score`.
    Raises ValueError for a size that is no number from 1 to the rows there are.
    """
    folds, sizes = _folds(X, y, k, stratify, seed), as_python(list(sizes))
    most = min(len(train) for train, _ in folds)
    for size in sizes:
        require_between("each of sizes", size, 1, most)
    pairs = []
    for size in sizes:
        shortened = [(train[:size], validation) for train, validation in folds]
        pairs.append(_scores(model, X, y, shortened, metric))
    return _stack(pairs)


def validation_curve(
    model: Any,
    X: Tensor,
    y: Tensor,
    name: str,
    values: Iterable[Any],
    *,
    k: int = 5,
    metric: Metric | None = None,
    stratify: Tensor | None = None,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return how the scores change with a parameter: of training and of validation, both (v, k).

    name: of the parameter, such as "n_neighbors"; within a `Pipeline` "model.n_neighbors", or as
    scikit-learn writes it, "model__n_neighbors".
    values: v values to try, each on the same folds.  Else as `cross_val_score`.
    Raises AttributeError where the model has no such parameter; a method is none.
    """
    folds = _folds(X, y, k, stratify, seed)
    pairs = []
    for value in values:
        pairs.append(_scores(_with(model, name, value), X, y, folds, metric))
    return _stack(pairs)


def _folds(X, y, k, stratify, seed):
    require_dense(X)
    require_dense(y, "y")
    require_same_length("X", X, "y", y)
    return list(k_fold(len(X), k, stratify=stratify, seed=seed))


def _scores(model, X, y, folds, metric):
    """Return the scores of a copy of the model on the rows it saw and on the others, (2, k)."""
    seen, unseen = [], []
    for train, validation in folds:
        fitted = copy.deepcopy(model)
        fitted.fit(X[train], y[train])
        seen.append(_score(fitted, X[train], y[train], metric))
        unseen.append(_score(fitted, X[validation], y[validation], metric))
    return torch.tensor([seen, unseen], dtype=torch.float64, device="cpu")


def _score(model, X, y, metric):
    """Return the score of a fitted model: by the metric, else by its own, else the accuracy."""
    if metric is None and hasattr(model, "score"):
        return float(model.score(X, y))
    if metric is None:
        if y.is_floating_point():
            raise TypeError("metric must be given where y holds numbers, got None; use metric=r2")
        metric = accuracy
    return float(metric(y.to(X.device), model.predict(X)))


def _stack(pairs):
    """Return training and validation scores, each (s, k), from s pairs of them."""
    if not pairs:
        raise ValueError("a curve needs something to try, got nothing; give one size or value")
    train, validation = torch.stack(pairs, 1)  # (2, s, k)
    return train, validation


def _with(model, name, value):
    """Return a copy of the model in which the parameter has the value."""
    model = copy.deepcopy(model)
    *path, parameter = name.replace("__", ".").split(".")
    owner = model
    for step in path:
        owner = _parameter(owner, step)
    _parameter(owner, parameter)
    if hasattr(owner, "set_params"):
        owner.set_params(**{parameter: value})
    else:
        setattr(owner, parameter, value)
    return model


def _parameter(owner, name):
    """Return the value of a parameter; raise AttributeError where there is none of this name."""
    if hasattr(owner, "get_params"):
        known = owner.get_params(deep=False)
    else:  # its public attributes, but for those that `fit` sets
        known = {key: v for key, v in vars(owner).items() if key.strip("_") == key}
    if name not in known:
        kind, names = type(owner).__name__, ", ".join(known)
        raise AttributeError(f"{kind} has no parameter {name!r}; it has {names or 'none'}")
    return known[name]
