"""A table of every estimator on each of its paths, and what tests say about any of them."""

import pytest
import torch

from d4sci.data import make_blobs
from d4sci.dbscan import DBSCAN
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.pipeline import Pipeline
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from d4sci.svm import LinearSVM
from tests.support.pretend_mps import plain

X, groups = make_blobs(60, centers=3, n_features=3, std=1.5, seed=1)
X_2, groups_2 = make_blobs(50, centers=4, n_features=3, std=2.5, seed=2)
Z, Z_2 = ((A - A.mean(0)) / A.std(0) for A in (X, X_2))  # for descents
halves, halves_2 = groups.clamp(max=1) * 2 - 5, groups_2.clamp(max=1)
numbers, numbers_2 = X @ torch.tensor([1.0, 2.0, -1.0]) + 3, X_2[:, 0] * 2 + X_2[:, 1]

PATHS = {  # kind, a parameter and its paths, others, y of the first and of the second fit
    "KMeans": (KMeans, "algorithm", ["lloyd", "hamerly"], {"n_clusters": 3}, None, None),
    "DBSCAN": (DBSCAN, "algorithm", ["queue", "boxes"], {"eps": 1.5}, None, None),
    "PCA": (PCA, "solver", ["svd", "covariance"], {"n_components": 2}, None, None),
    "KNeighborsClassifier": (
        KNeighborsClassifier, "algorithm", ["brute", "screened"], {"n_neighbors": 3},
        groups, groups_2,
    ),
    "LinearRegression": (
        LinearRegression, "solver", ["lstsq", "normal", "gd"], {"l2": 0.1}, numbers, numbers_2,
    ),
    "LogisticRegression": (
        LogisticRegression, "solver", ["gd", "newton-lbfgs"], {"C": 0.1}, groups, groups_2,
    ),
    "LinearSVM": (
        LinearSVM, "solver", ["subgradient", "interior-point"], {"C": 0.1}, halves, halves_2,
    ),
    "MLP": (
        MLP, "activation", ["relu"], {"hidden": (4,), "epochs": 3, "batch_size": 16},
        groups, groups_2,
    ),
    "StandardScaler": (StandardScaler, None, [None], {}, None, None),
    "MinMaxScaler": (MinMaxScaler, "feature_range", [(-1, 1)], {}, None, None),
}  # fmt: skip
EARLY = {  # stop before they have converged
    "fewer rows than clusters": (lambda: KMeans(5), None),
    "linear": (lambda: LinearRegression(solver="gd", max_iter=2), Z[:, 0] * 2 + 1),
    "logistic": (lambda: LogisticRegression(solver="gd", max_iter=2), groups),
    "svm": (lambda: LinearSVM(solver="subgradient", max_iter=2), halves),
}
METHODS = ["predict", "predict_proba", "decision_function", "transform", "kneighbors", "forward"]
CASES = [(name, path) for name, (_, _, paths, *_) in PATHS.items() for path in paths]
SUPERVISED = [case for case in CASES if PATHS[case[0]][4] is not None]
every = pytest.mark.parametrize(("name", "path"), CASES)
alone_or_last = pytest.mark.parametrize("piped", [False, True], ids=["alone", "in a pipeline"])
quiet = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")


def make(name, path, piped=False):
    """Return an unfitted estimator, by itself or as the last step of a pipeline."""
    kind, switch, _, others, _, _ = PATHS[name]
    chosen = {} if switch is None else {switch: path}
    if path in ("gd", "subgradient"):  # their many steps are alike
        chosen["max_iter"] = 30
    model = kind(**others, **chosen)
    return Pipeline(StandardScaler(), model) if piped else model


def rows_of(name):
    """Return the data of two fits; those that descend get standardised ones."""
    _, _, _, _, y, y_2 = PATHS[name]
    return (Z, y, Z_2, y_2) if PATHS[name][0] is not LinearRegression else (X, y, X_2, y_2)


def learned(model):
    """Return what `fit` has set; of a pipeline, step by step."""
    if isinstance(model, Pipeline):
        return [learned(step) for step in model.steps]
    return {key: value for key, value in vars(model).items() if key not in model.get_params()}


def said(model, X, y=None):
    """Return what all methods of a fitted model say about rows, {method: result}."""
    last = model.model if isinstance(model, Pipeline) else model
    names = [name for name in METHODS if hasattr(model, name) and hasattr(last, name)]
    found = {name: getattr(model, name)(X) for name in names}
    if hasattr(model, "inverse_transform"):
        found["inverse_transform"] = model.inverse_transform(found["transform"])
    if hasattr(model, "score"):
        found["score"] = model.score(X, y)
    return found


def tensors(value):
    """Return all tensors within a value: within lists, dicts and objects, hidden ones too."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return tensors(list(value.values()))
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors(part)]
    return tensors(vars(value)) if hasattr(value, "__dict__") else []


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(plain(a), plain(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, int | float | str | bool | None):
        return a == b
    return equal(vars(a), vars(b))  # an object of an engine
