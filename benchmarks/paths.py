"""The two paths of each estimator on awkward data: how far apart they end, and what each costs.

The plain path stands in the lesson, the engine in d4sci/engines. Labels and answers must be the
same, numbers of direct solvers as good as equal, objectives of descents within 1 % or warned about.
"""

import time
import warnings
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from benchmarks.rows.base import random
from d4sci.dbscan import DBSCAN
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.preprocessing import StandardScaler
from d4sci.svm import LinearSVM


@dataclass
class Pair:
    """Two paths to one answer.

    fit: (path, X) → result.  difference: (plain result, engine's result, X) → a number.
    """

    name: str
    plain: str
    engine: str
    compared: str
    fit: object
    difference: object


def awkward(n=400, d=5):
    """Return {name: X (n, d)} in float64, what estimators stumble over."""
    X = torch.randn(n, d, generator=random(), dtype=torch.float64)
    constant = torch.ones(n, 1, dtype=torch.float64)
    return {
        "usual": X,
        "shifted by 1,000": X + 1000,
        "each row twice": torch.cat([X, X]),
        "one feature": X[:, :1].clone(),
        "more features than rows": torch.randn(40, 60, generator=random(1), dtype=torch.float64),
        "whole numbers, many ties": X.round(),
        "a constant column": torch.cat([X, constant], 1),
    }


def classes_of(X):
    """Return two classes that overlap: by the first feature and noise."""
    noise = torch.randn(len(X), generator=random(2), dtype=X.dtype)
    z = X[:, 0] - X[:, 0].mean() + noise
    return (z > 0).long()


def targets_of(X):
    """Return targets near a plane."""
    noise = torch.randn(len(X), generator=random(3), dtype=X.dtype)
    return X.sum(1) + noise


def scaled(X):
    return StandardScaler().fit(X).transform(X)


def share(a, b, X):
    """Return the share of answers that differ."""
    return (a != b).double().mean().item()


def relative(a, b, X):
    """Return the largest difference, in units of the largest number."""
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-300)).item()


def excess(a, b, X):
    """Return by which share the plain path's objective lies above the engine's."""
    return a / b - 1


def _kmeans(path, X):
    return KMeans(4, algorithm=path, seed=1).fit(X).labels_


def _dbscan(path, X):
    eps = torch.cdist(X, X).quantile(0.1).item()
    return DBSCAN(eps, 5, algorithm=path).fit(X).labels_


def _neighbors(path, X):
    half = len(X) // 2
    model = KNeighborsClassifier(5, algorithm=path).fit(X[:half], classes_of(X)[:half])
    return model.predict(X[half:])


def _pca(path, X):
    return PCA(min(3, *X.shape), solver=path).fit(X).explained_variance_


def _least_squares(path, X):
    return LinearRegression(solver=path).fit(X, targets_of(X)).predict(X)


def _least_squares_gd(path, X):
    X, y = scaled(X), targets_of(X)
    residual = LinearRegression(l2=1.0, solver=path).fit(X, y)
    loss = (residual.predict(X) - y).square().sum() + residual.coef_.square().sum()
    return loss.item()


def _logistic(path, X):
    X, y = scaled(X), classes_of(X)
    model = LogisticRegression(solver=path, tol=1e-6).fit(X, y)
    z = model.decision_function(X)
    loss = F.binary_cross_entropy_with_logits(z, y.to(z), reduction="sum")
    return (loss + model.coef_.square().sum() / 2).item()


def _svm(path, X):
    X, y = scaled(X), classes_of(X)
    model = LinearSVM(1.0, solver=path).fit(X, y)
    slack = (1 - (2 * y - 1) * model.decision_function(X)).clamp(min=0)
    return (model.coef_.square().sum() / 2 + slack.sum()).item()


PAIRS = [
    Pair("K-Means", "lloyd", "hamerly", "share of other labels", _kmeans, share),
    Pair("DBSCAN", "queue", "boxes", "share of other labels", _dbscan, share),
    Pair("KNN", "brute", "screened", "share of other answers", _neighbors, share),
    Pair("PCA", "svd", "covariance", "variances, relative", _pca, relative),
    Pair("linear regression", "lstsq", "normal", "predictions, relative", _least_squares, relative),
    Pair(
        "linear regression", "gd", "normal", "objective / engine's − 1", _least_squares_gd, excess
    ),
    Pair(
        "logistic regression", "gd", "newton-lbfgs", "objective / engine's − 1", _logistic, excess
    ),
    Pair("SVM", "subgradient", "interior-point", "objective / engine's − 1", _svm, excess),
]


def timed(work, *arguments):
    """Return the result, the seconds it took, and whether it warned that it had not converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        result = work(*arguments)
        seconds = time.perf_counter() - start
    return result, seconds, any("Convergence" in w.category.__name__ for w in caught)


def measure(pairs=PAIRS):
    """Return [(pair, data, difference, plain seconds, engine's seconds, warned)]."""
    found = []
    for pair in pairs:
        pair.fit(pair.engine, awkward()["usual"])  # loads what it needs
        for data, X in awkward().items():
            plain, plain_seconds, warned = timed(pair.fit, pair.plain, X)
            engine, engine_seconds, _ = timed(pair.fit, pair.engine, X)
            difference = pair.difference(plain, engine, X)
            found.append((pair, data, difference, plain_seconds, engine_seconds, warned))
            print(line_of(*found[-1]), flush=True)
    return found


def line_of(pair, data, difference, plain_seconds, engine_seconds, warned):
    """Return a line of the table."""
    note = " (warned)" if warned else ""
    return (
        f"| {pair.name} | {pair.plain} = {pair.engine} | {data} | {pair.compared} "
        f"| {difference:.1g}{note} | {1000 * plain_seconds:.1f} | {1000 * engine_seconds:.1f} |"
    )


HEAD = """| estimator | paths | data, float64 | compared | difference | plain, ms | engine, ms |
|---|---|---|---|---|---|---|"""
