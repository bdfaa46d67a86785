"""Distances between rows, exact near zero, in blocks that keep the memory bounded."""

import sys

import torch

from d4sci.support.checks import require_choice, require_matrix


def distances(X, Y=None, *, metric="euclidean"):
    """Return D, where D[i, j] is the distance between row i of X and row j of Y.

    euclidean      √ Σ_f (x_f − y_f)²
    sqeuclidean      Σ_f (x_f − y_f)²
    manhattan        Σ_f |x_f − y_f|
    cosine         1 − x·y / (‖x‖ ‖y‖), and 1 where x or y is zero

    X: n rows, (n, d).  Y: m rows, (m, d); X itself where it is left out.
    Returns (n, m). Equal rows are exactly 0 apart, however far from the origin: the differences
    are formed, not the products of ‖x‖² − 2 x·y + ‖y‖², whose leading digits cancel. They are
    squared: where they leave 1e-19 to 1e19 in float32, use X.double(), or scale X.
    Raises TypeError or ValueError for an X, Y or metric that does not fit.
    """
    ((_, D),) = distance_blocks(X, Y, metric=metric, max_elements=sys.maxsize)  # one block
    return D


def distance_blocks(X, Y=None, *, metric="euclidean", max_elements=4_000_000):
    """Yield the same D a few rows at a time, as pairs of a slice `rows` and D[rows], (r, m).

    max_elements: the most numbers in a block; one row of D is the least that a block can hold.
    The other arguments and the errors are those of `distances`.
    """
    Y = X if Y is None else Y
    _check(X, Y, metric)
    n, r = len(X), max(1, max_elements // len(Y))
    for start in range(0, n, r):
        rows = slice(start, min(start + r, n))
        D = METRICS[metric](X[rows], Y)  # (r, m)
        if metric == "cosine" and Y is X:
            D.diagonal(start).zero_()  # a zero row too is 0 from itself
        yield rows, D


def _euclidean(X, Y):
    return torch.cdist(X, Y, compute_mode="donot_use_mm_for_euclid_dist")  # (n, m)


def _cosine(X, Y):
    """Return 1 − cos = ½ |x/‖x‖ − y/‖y‖|², whose digits do not cancel at small angles."""
    D = _euclidean(_unit(X), _unit(Y)).square() / 2  # (n, m)
    zero = ~X.any(1)[:, None] | ~Y.any(1)  # (n, m)
    return D.masked_fill(zero, 1)


def _unit(X):
    X = X / X.abs().amax(1, keepdim=True)  # (n, d); squares of tiny or huge rows would be 0 or ∞
    return X / torch.linalg.vector_norm(X, dim=1, keepdim=True)


METRICS = {
    "euclidean": _euclidean,
    "sqeuclidean": lambda X, Y: _euclidean(X, Y).square(),
    "manhattan": lambda X, Y: torch.cdist(X, Y, p=1.0),
    "cosine": _cosine,
}


def _check(X, Y, metric):
    require_choice("metric", metric, METRICS)
    require_matrix(X)
    if Y is X:
        return
    require_matrix(Y, "Y")
    if X.shape[1] != Y.shape[1]:
        raise ValueError(
            f"X and Y must have equally many columns, got {X.shape[1]} and {Y.shape[1]}; "
            "give the same features"
        )
    if X.dtype != Y.dtype:
        raise TypeError(f"X and Y must share a dtype, got {X.dtype} and {Y.dtype}; use Y.to(X)")
