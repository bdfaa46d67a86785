"""Principal axes from the d × d covariance of many rows, where its rounding does no harm."""

import torch
from torch import Tensor

from d4sci.engines.moments import moments


def principal_axes(X: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the mean of X, the singular values of X − μ, and k right singular vectors, or None.

    (X − μ)ᵀ(X − μ) = W Σ² Wᵀ is d × d, and soon made where rows are many. But it holds the squares
    of the singular values, and the rounding of the largest drowns those that are too small: then
    the matrix is made once more in float64. None stands for: take the SVD of X − μ.

    X: (n, d), not on MPS.  Returns (d,), all d values in descending order, (k, d), or None.
    """
    n, d = X.shape
    if n <= 5 * d:  # the SVD is as quick
        return None
    mean, S = moments(X)
    floor = torch.finfo(S.dtype).eps ** 0.5  # of λ_k / λ_1: below it half of the digits are lost
    axes = _axes(mean, S, k, floor)
    if axes is None and X.dtype != torch.float64:
        mean, S = moments(X, float64=True)
        axes = _axes(mean, S, k, floor=0.0)  # twice the digits of X: enough for all that it tells
    return axes


def _axes(mean, S, k, floor):
    """Return mean, singular values and k axes from S = (X − μ)ᵀ(X − μ), (d, d), or None."""
    if not S.isfinite().all():
        return None
    # Columns of large numbers first: then eigh does not round those of small numbers away.
    order = S.diagonal().argsort(descending=True)  # (d,)
    lam, W = torch.linalg.eigh(S[order][:, order])  # σ², ascending, (d,), and its vectors (d, d)
    lam, Wt = lam.flip(0).clamp(min=0), W.flip(1).T
    if lam[k - 1] < floor * lam[0]:
        return None
    return mean, lam.sqrt(), Wt[:k, order.argsort()]  # the columns in the order of X again
