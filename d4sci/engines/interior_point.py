"""The linear SVM by an interior-point method: Newton's method on both problems at once.

The time does not depend on C, and the gap between the two problems proves how good the plane is.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from d4sci.device import in_float64

# Rows at a time, so that no second copy of Z is made. Measured on 60,000 × 40 float64: 1024 to
# all rows differ in speed by less than the measurement does.
BLOCK = 4096
PRECISION = 1e-9  # the gap, relative to the objective, that is small enough
MAX_STEPS = 100  # some 10 to 25 are needed


class Plane(NamedTuple):
    """The plane w·x + b = 0, the dual variables, and the gap P − D at each step."""

    w: Tensor  # (d,)
    b: Tensor  # ()
    alpha: Tensor  # (n,), 0 ≤ α ≤ C
    gaps: list[float]
    share: float  # the last gap over the objective P


def fit_plane(X: Tensor, sign: Tensor, C: float) -> Plane:
    """Return the plane with the widest margin, in float64.

    X: (n, d).  sign: ±1, (n,).  Raises ValueError where rounding leaves a gap of more than a
    hundredth of the objective.
    """
    A = in_float64(X)  # (n, d)
    mean = A.mean(0)  # (d,)
    A, Q = _no_wider_than_long(A - mean)  # (n, k), (d, k) or None
    scale = A.square().mean().sqrt().item() or 1.0  # X / scale wants w · scale and C · scale²
    A, sign = A.div_(scale), sign.to(A)
    w, alpha, gaps, share = _interior_point(A, sign, C * scale**2)
    b = best_intercept(A @ w, sign)
    w = (w if Q is None else Q @ w) / scale  # (d,)
    return Plane(w, b - mean @ w, alpha / scale**2, [gap / scale**2 for gap in gaps], share)


def _no_wider_than_long(A):
    """Return B and Q with A = B Qᵀ: turned axes, of which n rows need n at the most."""
    if A.shape[1] <= len(A):
        return A, None
    Q, R = torch.linalg.qr(A.T)  # (d, n), (n, n)
    return R.T.contiguous(), Q


def best_intercept(z: Tensor, sign: Tensor) -> Tensor:
    """Return the b, (), that minimises Σ_i max(0, 1 − y_i (z_i + b)); of several the middle.

    z: w·x of each row, (n,).  sign: y = ±1, (n,), both of them present.
    The slope of the sum in b starts at −(number of rows with y = 1), and rises by 1 wherever b
    passes a y_i − z_i: between two of them in order it is 0.
    """
    turns, n_positive = (sign - z).sort().values, int((sign > 0).sum())
    return (turns[n_positive - 1] + turns[n_positive]) / 2


def _interior_point(X, sign, C):
    """Return w (d,), α (n,), the gap at each step, and the last one over the objective.

    With Z = y ∘ [X 1], v = [w b], E = diag(1, …, 1, 0) and s, the excess over the margin, the best
    are where
        s − ξ = Z v − 1,   E v = Zᵀ α,   α s = 0,   (C − α) ξ = 0,   α, C − α, s, ξ ≥ 0
    The products start at some μ > 0 and come down to 0 together.
    Source: Ferris and Munson 2002, doi:10.1137/S1052623400374379.
    """
    Z = sign[:, None] * torch.cat([X, torch.ones_like(X[:, :1])], 1)  # (n, d + 1)
    E = torch.ones_like(Z[0])  # (d + 1,)
    E[-1] = 0
    v, u, e = torch.zeros_like(E), *_start(sign, C)
    gaps, best, share = [], None, math.inf
    for _ in range(MAX_STEPS):
        w, Za = E * v, E * (Z.T @ u[0])  # (d + 1,)
        primal = w @ w / 2 + C * (1 - Z @ v).clamp(min=0).sum()
        gaps.append((primal - (u[0].sum() - Za @ Za / 2)).item())
        if gaps[-1] <= min(gaps):
            share = gaps[-1] / primal.item()
            best = v[:-1], u[0], gaps[:], share
        if gaps[-1] <= PRECISION * primal:
            break
        try:
            v, u, e = _step(Z, E, v, u, e)
        except torch.linalg.LinAlgError:
            break  # rounding lets it come no closer
    if not share <= 0.01:
        fix = "scale X with StandardScaler, or use a smaller C"
        raise ValueError(f"rounding leaves a gap of {share:.0%} of the objective; {fix}")
    return best


def _start(sign, C):
    """Return the first u = [α, C − α] and e = [s, ξ], (2, n): all > 0, and Σ α y = 0."""
    positive = (sign > 0).to(sign)  # (n,)
    sizes = torch.where(sign > 0, positive.sum(), (1 - positive).sum())  # (n,), of the row's class
    alpha = min(C / 2, 5.0) * sizes.min() / sizes  # (n,)
    u = torch.stack([alpha, C - alpha])
    e = torch.ones_like(u)
    e[1] = 2
    return u, e


def _step(Z, E, v, u, e):
    """Return v, u = [α, C − α], e = [s, ξ] after a step that looks ahead, then corrects itself.

    Of all unknowns v is found first:  (E + Zᵀ diag(1/D) Z) Δv = …,  D = s/α + ξ/(C − α).
    Source: Mehrotra 1992, doi:10.1137/0802028.
    """
    yf, D = Z @ v, (e / u).sum(0)  # (n,)
    G = torch.diag(E)  # (d + 1, d + 1)
    for rows, weights in zip(Z.split(BLOCK), D.split(BLOCK), strict=True):
        G.addmm_(rows.T, rows / weights[:, None])
    L = torch.linalg.cholesky(G)

    def newton(excess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the changes of v, u and e that take this excess off the products u e, (2, n)."""
        goal = e - excess / u  # (2, n)
        q = goal[0] - goal[1] - (yf - 1)  # (n,)
        dv = torch.cholesky_solve((Z.T @ (q / D + u[0]) - E * v)[:, None], L)[:, 0]  # (d + 1,)
        d_alpha = (q - Z @ dv) / D  # (n,)
        du = torch.stack([d_alpha, -d_alpha])  # (2, n)
        return dv, du, -(excess + e * du) / u

    _, du, de = newton(u * e)  # straight to 0
    t, mu = _longest(u, e, du, de), (u * e).mean()
    ahead = ((u + t * du) * (e + t * de)).mean()
    dv, du, de = newton(u * e + du * de - mu * (ahead / mu) ** 3)
    t = 0.995 * _longest(u, e, du, de)
    return v + t * dv, u + t * du, e + t * de


def _longest(u, e, du, de):
    """Return the largest t ≤ 1 with u + t Δu ≥ 0 and e + t Δe ≥ 0."""
    return 1 / torch.maximum((-du / u).max(), (-de / e).max()).clamp(min=1)
