"""The moments of many rows, mean and covariance, without a copy of the data."""

from contextlib import contextmanager
from functools import cache
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.support.checks import require_squares

BLOCK = 1500  # rows at a time, which stay in the cache
_ONE_AT_A_TIME = Lock()


def find_origin(X: Tensor) -> Tensor:
    """Return where to measure X from, (d,), for squares to keep their digits: 0, or near the mean.

    0 if it lies within two standard deviations of the mean: then X need not be copied.  X: (n, d).
    """
    some = X[:: 1 + len(X) // 1000]  # enough rows to be close to the mean
    mean, std = some.mean(0), some.std(0, correction=0)  # (d,)
    far = (mean.abs() > 2 * std).any() & mean.isfinite().all()  # ()
    return torch.where(far, mean, 0)


def near_zero(X: Tensor) -> tuple[Tensor, Tensor]:
    """Return X − origin, (n, d), and the origin, (d,); X itself and 0 where X is not far from 0.

    Far from 0 beside its spread, X has few digits left, and so have means and squares.
    """
    origin = find_origin(X)
    if origin.any():
        X = X - origin
    return X, origin


def moments(X: Tensor, *, float64: bool = False) -> tuple[Tensor, Tensor]:
    """Return the mean x̄ of the rows and S = Σ (x − x̄)(x − x̄)ᵀ, n − 1 times the covariance.

    X: (n, d).  float64: whether to sum with twice the digits, on the CPU where X is on MPS.
    Returns (d,), (d, d).  In one pass: S = Σ z zᵀ − n z̄ z̄ᵀ with z = x − origin.
    """
    n, d = X.shape
    origin = find_origin(X)  # (d,)
    if float64:
        origin = in_float64(origin)
    total = torch.zeros_like(origin)  # Σ z
    S = origin.new_zeros(d, d)  # Σ z zᵀ
    parts = X.to(origin.device), origin, total, S
    if origin.device.type != "cpu":
        _add(*parts)
    else:  # NumPy sees that zᵀz is symmetric, and does half the work
        arrays = [A.numpy() for A in parts]  # the same memory
        with _threads_of_torch(), np.errstate(over="ignore", invalid="ignore"):
            _add(*arrays)  # what overflows is ∞, as in PyTorch
    return origin + total / n, S - total.outer(total) / n


def mean_variance(X: Tensor) -> Tensor:
    """Return the mean of the variances of the features, ().  X: (n, d).

    Raises ValueError where the squares of X overflow or vanish.
    """
    mean = X.mean(0)  # (d,)
    total = torch.zeros_like(mean[0])
    for rows in X.split(BLOCK):
        total += (rows - mean).square().sum()
    variance = total / X.numel()
    require_squares(variance, X)
    return variance


def _add(X, origin, total, S):
    """Add Σ z to total and Σ z zᵀ to S, in place; all tensors, or all arrays."""
    as_it_is = X.dtype == S.dtype and not origin.any()
    for start in range(0, len(X), BLOCK):
        z = X[start : start + BLOCK]  # (r, d)
        if not as_it_is:
            z = z - origin
        total += z.sum(0)
        S += z.T @ z


@contextmanager
def _threads_of_torch():
    """Let NumPy's products use as many threads as PyTorch's: it has threads of its own.

    Their number is one for the whole process, so fits in several threads take turns: one that
    entered second would take the first one's number for the original, and put that back at last.
    """
    with _ONE_AT_A_TIME, _numpy_pools().limit(limits=torch.get_num_threads(), user_api="blas"):
        yield


@cache
def _numpy_pools():
    """Return the controller of the libraries that multiply for NumPy; looked for once (1 ms)."""
    from threadpoolctl import ThreadpoolController  # imported when it is needed

    return ThreadpoolController()
