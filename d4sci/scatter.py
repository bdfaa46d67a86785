"""The scatter matrix of many rows, and their mean, without a copy of the data."""

import numpy as np
import torch

from d4sci.device import in_float64

BLOCK = 1024  # rows at a time, which stay in the cache


def scatter_matrix(X, *, float64=False):
    """Return the mean x̄ of the rows and S = Σ (x − x̄)(x − x̄)ᵀ, n − 1 times the covariance.

    X: (n, d).  float64: whether to sum with twice the digits, on the CPU where X is on MPS.
    Returns (d,), (d, d).  In one pass, about an origin close to the mean, where squares keep
    their digits: S = Σ z zᵀ − n z̄ z̄ᵀ with z = x − origin.
    """
    n, d = X.shape
    some = X[:: 1 + n // 1000]  # enough rows to be close to the mean
    origin = (in_float64(some) if float64 else some).mean(0)  # (d,)
    total, S = torch.zeros_like(origin), origin.new_zeros(d, d)
    parts = X.to(origin.device), origin, total, S
    if origin.device.type == "cpu":  # NumPy sees that zᵀz is symmetric, and does half the work
        parts = [A.numpy() for A in parts]  # the same memory
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is ∞, as in PyTorch
        _add(*parts)
    return origin + total / n, S - total.outer(total) / n


def _add(X, origin, total, S):
    """Add Σ z to total and Σ z zᵀ to S, in place; all tensors, or all arrays."""
    for start in range(0, len(X), BLOCK):
        z = X[start : start + BLOCK] - origin  # (r, d)
        total += z.sum(0)
        S += z.T @ z
