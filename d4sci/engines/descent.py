"""What every descent needs: options that make sense, a safe step, and what is rounding."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from d4sci.device import off_mps
from d4sci.support.checks import require_between, require_positive, require_squares

FAR = 1000  # standard deviations from 0, where three of the seven digits of float32 are lost


def require_descent(lr: float | None, max_iter: int, tol: float) -> None:
    """Raise TypeError or ValueError unless these are fit for a descent."""
    require_between("max_iter", max_iter, 1, math.inf)
    require_between("tol", tol, 0.0, math.inf)
    if lr is not None:
        require_positive("lr", lr, "try lr=None")


def require_representable(name: str, value: float, dtype: torch.dtype, fix: str) -> None:
    """Raise ValueError unless the value, and its sums with others, are finite in this dtype."""
    largest = torch.finfo(dtype).max / 1e6
    if not value <= largest:
        raise ValueError(f"{name} must be at most {largest:.0e} in {dtype}, got {value:.3g}; {fix}")


def require_moderate_targets(Y: Tensor) -> None:
    """Raise ValueError where Σ y², as it stands in the loss, overflows or vanishes.  Y: (n, t)."""
    limits = torch.finfo(Y.dtype)
    squares = Y.square().sum().item()
    if not limits.tiny <= squares <= limits.max and Y.any():
        what = "vanish" if squares < 1 else "overflow"
        raise ValueError(
            f"y must have squares that {Y.dtype} can hold, got some that {what}; divide y by its "
            "standard deviation"
        )


def require_finite_loss(J: float, lr: float, longest: float) -> None:
    """Raise ValueError where the loss J is no longer a number.  longest: the limit of lr."""
    if not math.isfinite(J):
        raise ValueError(
            f"gradient descent diverged with lr={lr:.3g}; use lr < {longest:.3g}, or lr=None"
        )


def above_rounding(dJ_dw: Tensor, dJ_db: Tensor, X: Tensor, Y: Tensor) -> float:
    """Return the largest |∂J/∂w| or |∂J/∂b| that cannot be rounding, or 0 if all can.

    ∂J/∂w_jk is a mean of x_j (h_k − y_k): rounding changes it by about ε rms(x_j) rms(y_k), where ε
    is the precision of the dtype and rms the root of the mean square. For b, x = 1. Each derivative
    is judged by its own column: a column of large numbers says nothing about the others. Of a
    column far from 0 beside its standard deviation this rounding hides all that the column tells,
    and hides it from the descent too: there no more than FAR standard deviations count as rms.
    dJ_dw: (d, t).  dJ_db: (t,).  X: (n, d).  Y: (n, t).
    """
    gradient = torch.cat([dJ_dw, dJ_db[None]]).abs()  # (d + 1, t)
    A = F.pad(X, (0, 1), value=1.0)  # (n, d + 1)
    rms_x, rms_y = A.square().mean(0).sqrt(), Y.square().mean(0).sqrt()  # (d + 1,), (t,)
    varies = (A[0] != A).any(0)  # (d + 1,)
    visible = FAR * A.std(0, correction=0)  # (d + 1,)
    rms_x = torch.where(varies, torch.minimum(rms_x, visible), rms_x)
    rounding = 4 * torch.finfo(X.dtype).eps * rms_x.outer(rms_y)  # (d + 1, t)
    return torch.where(gradient > rounding, gradient, 0).max().item()


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
