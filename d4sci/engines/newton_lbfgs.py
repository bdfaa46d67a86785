"""Going downhill: plain gradient descent, and steps that learn the curvature on the way.

Both take an `objective`: objective(w) is the pair J, ∇J; objective.curvature(w) is a matrix close
to ∇²J at w, and objective.curvature() one no less than it anywhere. w: (d, t).
"""

import math

import torch

from d4sci.device import off_mps
from d4sci.support.checks import require_between, require_positive


def gradient_descent(objective, w, alpha=None, *, max_iter, tol):
    """Return w after the steps w ← w − α ∇J, and J at the start and after each step.

    alpha: α; None for 1/λ, λ the largest eigenvalue of the curvature.
    Rests once the largest |∂J/∂w| ≤ tol, or after max_iter steps.
    Raises ValueError where J is no longer finite.  Source: Cauchy 1847.
    """
    steepest = torch.linalg.eigvalsh(off_mps(objective.curvature()))[-1].item()
    alpha = 1 / steepest if alpha is None else alpha
    J, gradient = objective(w)
    history = [J]
    while gradient.abs().max() > tol and len(history) <= max_iter:
        w = w - alpha * gradient
        J, gradient = objective(w)
        history.append(J)
    if not math.isfinite(J):
        advice = f"use alpha < 2/λ = {2 / steepest:.3g}, or alpha=None"
        raise ValueError(f"gradient descent with alpha={alpha:.3g} goes uphill for ever; {advice}")
    return w, history


def lbfgs(objective, w, *, max_iter, tol):
    """Return w after the steps w ← w − t B ∇J, and J at the start and after each step; J is convex.

    B: the inverse of the curvature, found anew at steps 0, 5, 50 and 500, and bent between by what
    the last 20 steps met.  t: 1, or halved until J falls.
    Rests as `gradient_descent` does, and where what is left of the slope is rounding.
    Source: Liu and Nocedal 1989, doi:10.1007/BF01589116.
    """
    J, gradient = objective(w)
    history, pairs, eps = [J], [], torch.finfo(w.dtype).eps
    while gradient.abs().max() > tol and len(history) <= max_iter:
        if len(history) in (1, 6, 51, 501):
            H = off_mps(objective.curvature(w))
            H.diagonal().mul_(1 + eps**0.5)  # so that the same column twice does no harm
            L = torch.linalg.cholesky(H)
        d, t = -_bend(gradient, pairs[-20:], L), 1.0  # (d, t)
        slope = (gradient * d).sum()
        if not slope < 0:
            break  # what is left of the gradient is rounding
        J_new, new = objective(w + d)
        while J_new > J + 8 * eps * abs(J) or (new * d).sum() > -0.9 * slope:  # too far
            t /= 2
            J_new, new = objective(w + t * d)
        s, y = t * d, new - gradient
        w, J, gradient = w + s, J_new, new
        history.append(J)
        if (s * y).sum() <= 0 or (len(history) > 20 and history[-21] <= J):
            break  # what is left of the slope is rounding
        pairs.append((s, y))
    return w, history


def _bend(q, pairs, L):
    """Return B q, where B y = s for the last of the pairs: a step s, by which ∇J changed by y."""
    if not pairs:
        return torch.cholesky_solve(q.to(L), L).to(q)
    s, y = pairs[-1]
    sy = (s * y).sum()
    a = (s * q).sum() / sy
    q = _bend(q - a * y, pairs[:-1], L)
    return q + (a - (y * q).sum() / sy) * s


def require_descent(alpha, max_iter, tol):
    """Raise TypeError or ValueError unless these are fit for a descent."""
    require_between("max_iter", max_iter, 1, math.inf)
    require_between("tol", tol, 0.0, math.inf)
    if alpha is not None:
        require_positive("alpha", alpha, "try alpha=None")
