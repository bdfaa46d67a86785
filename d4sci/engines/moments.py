"""The moments of many rows, mean and covariance, without a copy of the data."""

from contextlib import contextmanager
from functools import cache

import numpy as np
import torch

from d4sci.device import in_float64

BLOCK = 1500  # rows at a time, which stay in the cache


def find_origin(X):
    """Return where to measure X from, (d,), for squares to keep their digits: 0, or near the mean.

    0 if it lies within two standard deviations of the mean: then X need not be copied.  X: (n, d).
    """
    some = X[:: 1 + len(X) // 1000]  # enough rows to be close to the mean
    mean, std = some.mean(0), some.std(0, correction=0)  # (d,)
    return mean * (mean.abs() > 2 * std).any()


def moments(X, *, float64=False):
    """Return the mean x̄ of the rows and S = Σ (x − x̄)(x − x̄)ᵀ, n − 1 times the covariance.

    X: (n, d).  float64: whether to sum with twice the digits, on the CPU where X is on MPS.
    Returns (d,), (d, d).  In one pass: S = Σ z zᵀ − n z̄ z̄ᵀ with z = x − origin.
    """
    (n, d), origin = X.shape, find_origin(X)
    origin = in_float64(origin) if float64 else origin
    total, S = torch.zeros_like(origin), origin.new_zeros(d, d)
    parts = X.to(origin.device), origin, total, S
    if origin.device.type != "cpu":
        _add(*parts)
    else:  # NumPy sees that zᵀz is symmetric, and does half the work
        arrays = [A.numpy() for A in parts]  # the same memory
        with _threads_of_torch(), np.errstate(over="ignore", invalid="ignore"):
            _add(*arrays)  # what overflows is ∞, as in PyTorch
    return origin + total / n, S - total.outer(total) / n


def _add(X, origin, total, S):
    """Add Σ z to total and Σ z zᵀ to S, in place; all tensors, or all arrays."""
    as_it_is = X.dtype == S.dtype and not origin.any()
    for start in range(0, len(X), BLOCK):
        z = X[start : start + BLOCK]  # (r, d)
        z = z if as_it_is else z - origin
        total += z.sum(0)
        S += z.T @ z


@contextmanager
def _threads_of_torch():
    """Let NumPy's products use as many threads as PyTorch's: it has threads of its own."""
    with _numpy_pools().limit(limits=torch.get_num_threads(), user_api="blas"):
        yield


@cache
def _numpy_pools():
    """Return the controller of the libraries that multiply for NumPy; looked for once (1 ms)."""
    from threadpoolctl import ThreadpoolController  # scikit-learn's; imported when it is needed

    return ThreadpoolController()
