"""Least squares from the products of the columns: one pass over the rows, then a d × d system.

Where rounding would spoil the products, and where several w are best, singular values instead.
"""

import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.engines.moments import moments
from d4sci.support.checks import require_column_squares

CONSTANT = 1e-14  # a column that varies less than this, relative to its mean, is constant
SMALLEST_LENGTH = torch.finfo(torch.float64).tiny ** 0.5  # its square has lost no digit
WORST_CONDITION = 1e8  # beyond it the normal equations lose more than half of the digits


def least_squares(X: Tensor, Y: Tensor, l2: float) -> tuple[Tensor, Tensor]:
    """Return w (d, t) and b (t,) that minimise ‖X w + b − Y‖² + l2 ‖w‖²; of several w the shortest.

    X: (n, d).  Y: (n, t).  The sums are taken in float64, on the CPU where X is on MPS.
    Raises ValueError where the squares of X overflow or vanish, or w in the dtype of X.
    """
    n, d = X.shape
    A = torch.cat([X, Y], 1)  # (n, d + t)
    mean, products = moments(A, float64=True)  # (d + t,), (d + t, d + t)
    w = None
    if n > d:
        w = _normal_equations(products, mean, n, d, l2)
    if w is None:
        A = in_float64(A) - mean
        A[:, A.abs().amax(0) <= CONSTANT * mean.abs()] = 0
        w = _by_singular_values(A[:, :d], A[:, d:], l2, rank_tolerances(X))
    return to_dtype(w, X), (mean[d:] - mean[:d] @ w).to(X)


def column_lengths(A: Tensor) -> Tensor:
    """Return the length of each column, (d,), and 1 for a column of zeros.  A: (n, d), float64.

    Raises ValueError where its squares overflow or vanish.
    """
    length = torch.linalg.vector_norm(A, dim=0)
    require_column_squares(A, length.square())
    return torch.where(length > 0, length, 1)


def to_dtype(w: Tensor, X: Tensor) -> Tensor:
    """Return w in the dtype of X, on its device.  w: float64, (d, t).

    Raises ValueError where a weight overflows, or all of them vanish.
    """
    found = w.to(X)
    if not found.isfinite().all() or (w.any() and not found.any()):
        raise ValueError(
            f"the weights must be numbers that {X.dtype} can hold, got up to {w.abs().max():.0e}; "
            "scale X and y with StandardScaler, or use double()"
        )
    return found


def rank_tolerances(X: Tensor) -> tuple[float, float]:
    """Return below which share of the largest a singular value of the scaled X is rounding.

    First of the computation in float64: such a direction is none at all. Then of the entries of X,
    as two columns that hold the same lengths in kilometres and in miles: a weight along it would be
    huge, and cost more digits of X w than it wins.
    """
    computed = 10 * min(X.shape) * torch.finfo(torch.float64).eps
    return computed, max(computed, X.shape[1] ** 0.5 * torch.finfo(X.dtype).eps)


def _normal_equations(products, mean, n, d, l2):
    """Return w with (XᵀX + l2 I) w = XᵀY, or None where rounding would spoil it.

    products: of the centred columns [X Y], (d + t, d + t).  mean: of the n rows, (d + t,).
    """
    constant = products.diagonal() <= n * (CONSTANT * mean).square()
    products.diagonal()[constant] = 0
    products.diagonal()[:d].add_(l2)
    scale = products.diagonal()[:d].sqrt()  # (d,)
    K = products[:d, :d] / scale.outer(scale)  # (d, d), 1 on the diagonal
    inexact = not products.isfinite().all() or (scale < SMALLEST_LENGTH).any()
    if inexact or torch.linalg.cond(K, 1) > WORST_CONDITION:  # as where a column is constant
        return None
    L = torch.linalg.cholesky(K)
    return torch.cholesky_solve(products[:d, d:] / scale[:, None], L) / scale[:, None]


def _by_singular_values(X, Y, l2, tolerances):
    """Return the shortest w that minimises ‖X w − Y‖² + l2 ‖w‖².  X, Y: centred, float64.

    Columns of length 1 show which directions are rounding, whatever the units are. The shortest w
    (and the penalty) is a matter of the units, so that what is left of X gets them back.
    """
    computed, entries = tolerances
    scale = column_lengths(X)  # (d,)
    U, sigma, Vt = torch.linalg.svd(X / scale, full_matrices=False)
    largest = sigma[0].clone()
    there = sigma > computed * largest
    target, sigma, Vt = U.T[there] @ Y, sigma[there, None], Vt[there]  # (r, t), (r, 1), (r, d)
    if l2 > 0:
        U, sigma, Vt = torch.linalg.svd(sigma * Vt * scale, full_matrices=False)  # of rank r
        sigma = sigma[:, None]
        return Vt.T @ (sigma / (sigma.square() + l2) * (U.T @ target))
    target = torch.where(sigma > entries * largest, target / sigma, 0)  # of Vᵀ (scale · w)
    if len(sigma) == X.shape[1]:  # one w is the best
        return Vt.T @ target / scale[:, None]
    U, sigma, Wt = torch.linalg.svd(Vt * scale, full_matrices=False)
    w = scale[:, None] * (Wt.T @ (U.T @ target / sigma[:, None]))  # the shortest, scaled
    return (w + Vt.T @ (target - Vt @ w)) / scale[:, None]  # less what its rounding has left
