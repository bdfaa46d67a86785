"""What every descent needs: options that make sense, and a step that cannot be too long."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from d4sci.device import off_mps
from d4sci.support.checks import require_between, require_positive, require_squares


def require_descent(lr: float | None, max_iter: int, tol: float) -> None:
    """Raise TypeError or ValueError unless these are fit for a descent."""
    require_between("max_iter", max_iter, 1, math.inf)
    require_between("tol", tol, 0.0, math.inf)
    if lr is not None:
        require_positive("lr", lr, "try lr=None")


def require_downhill(J: float, lr: float, longest: float) -> None:
    """Raise ValueError where the loss J is no longer a number.  longest: the limit of lr."""
    if not math.isfinite(J):
        raise ValueError(
            f"gradient descent diverged with lr={lr:.3g}; use lr < {longest:.3g}, or lr=None"
        )


def above_rounding(slope: float, Y: Tensor, steepest: float) -> float:
    """Return the slope, or 0 where it is so small that it may be rounding.

    A slope is a mean of x (h − y). With x and h of the size of √λ and y it keeps this many digits.
    steepest: λ.  Y: (n, t).
    """
    rounding = 4 * torch.finfo(Y.dtype).eps * (steepest * Y.square().mean().item()) ** 0.5
    return slope if slope > rounding else 0.0


def largest_curvature(X: Tensor, bound: float, l2: float) -> float:
    """Return λ, the largest eigenvalue of the second derivatives of J = (Σ loss + ½ l2 ‖w‖²) / n.

    X: (n, d).  bound: the most that ∂²loss/∂z² can be, for z = X w + b.
    Gradient descent with steps of 1/λ never rises; with steps beyond 2/λ it may diverge.
    Raises ValueError where the squares of X overflow or vanish.
    """
    require_squares(torch.linalg.vector_norm(X, dim=1).square().mean(), X)
    A = F.pad(X, (1, 0), value=1.0)  # (n, d + 1), the column of ones for b
    H = bound * (A.T @ A)  # (d + 1, d + 1)
    H.diagonal()[1:].add_(l2)  # the intercept is not penalised
    return torch.linalg.eigvalsh(off_mps(H / len(X)))[-1].item()
