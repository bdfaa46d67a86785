"""Distances between rows, exact near zero, in blocks that keep the memory bounded."""

import math
import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from d4sci.support.checks import require_choice, require_matrix

DIFFERENCES = "donot_use_mm_for_euclid_dist"  # torch.cdist's word for: from x − y, no products
BLOCK_NUMBERS = 4_000_000  # distances in a block: 16 or 32 MB
COLUMNS = 1024  # that are summed in one go: rounding grows with their number


def distances(X: Tensor, Y: Tensor | None = None, *, metric: str = "euclidean") -> Tensor:
    """Return D, where D[i, j] is the distance between row i of X and row j of Y.

    euclidean      √ Σ_f (x_f − y_f)²
    sqeuclidean      Σ_f (x_f − y_f)²
    manhattan        Σ_f |x_f − y_f|
    cosine         1 − x·y / (‖x‖ ‖y‖), and 1 where x or y is zero (0 from itself, without Y)

    X: n rows, (n, d).  Y: m rows, (m, d); X itself where it is left out.
    Returns (n, m). Equal rows, but for zeros by cosine, are exactly 0 apart, however far from the
    origin: the differences are formed, not the products of ‖x‖² − 2 x·y + ‖y‖², whose leading
    digits cancel. They are squared: beside ordinary numbers a difference of less than 1e-19, in
    float32, counts as 0.
    Raises TypeError or ValueError for an X, Y or metric that does not fit.
    """
    _, D = next(distance_blocks(X, Y, metric=metric, max_elements=sys.maxsize))  # the only block
    return D


def distance_blocks(
    X: Tensor, Y: Tensor | None = None, *, metric: str = "euclidean",
    max_elements: int = BLOCK_NUMBERS,
) -> Iterator[tuple[slice, Tensor]]:  # fmt: skip
    """Yield the same D a few rows at a time, as pairs of a slice `rows` and D[rows], (r, m).

    max_elements: the most numbers in a block; one row of D is the least that a block can hold.
    The other arguments and the errors are those of `distances`.
    """
    Y = X if Y is None else Y
    _validate(X, Y, metric)
    n, r = len(X), max(1, max_elements // len(Y))
    A, B = X, Y
    unit = suitable_unit(X, Y) if metric == "euclidean" else 1.0
    if unit != 1:
        A, B = X / unit, Y / unit
    for start in range(0, n, r):
        rows = slice(start, min(start + r, n))
        D = METRICS[metric](A[rows], B)  # (r, m)
        if unit != 1:
            D *= unit
        if metric == "cosine" and Y is X:
            D.diagonal(start).zero_()  # a zero row too is 0 from itself
        yield rows, D


def suitable_unit(*tensors: Tensor) -> float:
    """Return a unit in which the squared distances of these rows do not overflow or vanish.

    It is 1 for ordinary numbers, else a power of 2, so that to divide by it costs no digit. Huge
    numbers become no smaller than they must, for the sake of small ones beside them.
    tensors: each (n, d), of one dtype.
    """
    limits, d = torch.finfo(tensors[0].dtype), tensors[0].shape[1]
    largest = max(max(map(abs, torch.stack(X.aminmax()).tolist())) for X in tensors)
    most = (limits.max / (16 * d)) ** 0.5  # (2 · 2 · most)² · d is the largest number there is
    exponent = 0
    if largest > most:
        exponent = math.ceil(math.log2(largest / most))
    elif 0 < largest < limits.tiny**0.25:
        exponent = math.frexp(max(largest, limits.tiny))[1]
    return 2.0**exponent


def euclidean(X: Tensor, Y: Tensor) -> Tensor:
    """Return √ Σ (x − y)² for the rows of X, (…, n, d), and of Y, (…, m, d), as (…, n, m)."""
    d = X.shape[-1]
    if d <= COLUMNS:
        return torch.cdist(X, Y, compute_mode=DIFFERENCES)
    # Half the columns, and the other half: sums of so many numbers would lose digits one by one.
    half = d // 2
    left = euclidean(X[..., :half], Y[..., :half])
    return left.hypot_(euclidean(X[..., half:], Y[..., half:]))


def unit_rows(X: Tensor, order: float = 2) -> Tensor:
    """Return x / ‖x‖ for each row, (n, d); a row of zeros, which has no direction, stays zero.

    order: of the norm: 2, √Σ x²; 1, Σ |x|; or ∞, max |x|.
    """
    largest = X.abs().amax(1, keepdim=True)  # (n, 1)
    scaled = X / torch.where(largest > 0, largest, 1)  # squares of tiny or huge rows: 0 or ∞
    parts = scaled.split(COLUMNS, 1)  # for the digits of a sum of many squares
    norm = torch.linalg.vector_norm
    lengths = torch.cat([norm(part, order, dim=1, keepdim=True) for part in parts], 1)
    length = norm(lengths, order, dim=1, keepdim=True)  # 1 or more, but for zero rows
    return scaled / torch.where(largest > 0, length, 1)


def _sqeuclidean(X, Y):
    return euclidean(X, Y).square()  # (n, m)


def _manhattan(X, Y):
    return sum(
        torch.cdist(A, B, p=1.0)  # (n, m)
        for A, B in zip(X.split(COLUMNS, 1), Y.split(COLUMNS, 1), strict=True)
    )


def _cosine(X, Y):
    """Return 1 − cos = ½ |x/‖x‖ − y/‖y‖|², whose digits do not cancel at small angles."""
    D = _sqeuclidean(unit_rows(X), unit_rows(Y)) / 2  # (n, m)
    zero = ~X.any(1)[:, None] | ~Y.any(1)  # (n, m), pairs with a row of zeros
    return D.masked_fill(zero, 1)


METRICS = {
    "euclidean": euclidean,
    "sqeuclidean": _sqeuclidean,
    "manhattan": _manhattan,
    "cosine": _cosine,
}


def _validate(X, Y, metric):
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
