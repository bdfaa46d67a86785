"""Logistic regression in few passes: L-BFGS, started from Newton's curvature.

A step of Newton's method divides the gradient by the curvature, which takes long to compute;
L-BFGS guesses the curvature from its last steps, and needs many of them. Here the curvature is
computed a few times, roughly (one matrix for all classes), and L-BFGS corrects it in between.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from d4sci.device import in_float64, off_mps
from d4sci.engines.moments import find_origin
from d4sci.support.checks import require_squares

# Rows at a time, so that what is computed from them stays in the cache. Measured on 10,000 × 784
# float32 and 10 classes: 250 to 1000 are equally fast, all rows at once a third slower.
BLOCK = 1000
CURVATURE_STEPS = (0, 5, 50, 500)  # computed anew here: w moves less and less
MEMORY = 20  # steps that L-BFGS remembers
DEPENDENT = 1e-2  # a pivot below it: the other columns tell all of this one but a hundredth


def fit_logistic(
    X: Tensor, Y: Tensor, l2: float, *, max_iter: int, tol: float
) -> tuple[Tensor, Tensor, list[float], float]:
    """Return w (d, k), b (k,), J at each step, and the largest |∂J/∂w| left: 0 if it is rounding.

    X: (n, d).  Y: (n, k), one-hot; or (n, 1), 0 or 1, for two classes.
    J = (Σ loss + ½ l2 ‖w‖²) / n, as in `LogisticRegression`.  max_iter, tol: as for `minimise`.
    Where columns depend so much on each other that the curvature in float32 is half rounding, the
    last steps are taken in float64, on the CPU where X is on MPS.
    Raises ValueError where the squares of X overflow or vanish.
    """
    require_squares(torch.linalg.vector_norm(X, dim=1).square().mean(), X)
    origin = find_origin(X)  # (d,)
    objective = LogisticObjective(X, origin, Y.T.contiguous(), l2)
    w = X.new_zeros(X.shape[1] + 1, Y.shape[1])  # (d + 1, k), b in the first row
    w, history, largest_gradient, pivot = minimise(objective, w, max_iter=max_iter, tol=tol)
    w, origin = in_float64(w), in_float64(origin)
    if X.dtype == torch.float32 and largest_gradient == 0 and pivot < DEPENDENT:
        objective = LogisticObjective(in_float64(X), origin, in_float64(objective.Y), l2)
        left = max_iter - len(history) + 1
        w, more, largest_gradient, _ = minimise(objective, w, max_iter=left, tol=tol)
        history = history[:-1] + more
    return w[1:].to(X), (w[0] - origin @ w[1:]).to(X), history, largest_gradient


class Objective(Protocol):
    """What `minimise` makes small."""

    def __call__(self, w: Tensor) -> tuple[float, Tensor]:
        """Return J and its gradient ∇J at w."""

    def curvature(self, w: Tensor) -> Tensor:
        """Return a matrix close to the second derivatives of J at w."""


class LogisticObjective:
    """J = (Σ loss + ½ l2 ‖w‖²) / n as a function of w (d + 1, k), whose first row is b.

    X: (n, d).  origin: (d,), where X is measured from; b is the logit there.
    Y: (k, n): logits lie in columns, where a softmax takes a tenth of the time. k = 1: 0 or 1.
    """

    def __init__(self, X: Tensor, origin: Tensor, Y: Tensor, l2: float) -> None:
        self.X, self.Y, self.origin = X, Y, origin
        self.moved = bool(origin.any())
        self.l2 = X.new_full((X.shape[1] + 1, 1), l2)  # (d + 1, 1)
        self.l2[0] = 0  # the intercept is not penalised

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows of X, from the origin, and the columns of Y, a block at a time."""
        for x, y in zip(self.X.split(BLOCK), self.Y.split(BLOCK, 1), strict=True):
            yield x - self.origin if self.moved else x, y  # (r, d), (k, r)

    def __call__(self, w: Tensor) -> tuple[float, Tensor]:
        """Return J and its gradient ∇J = (Xᵀ(h − y) + l2 w) / n, (d + 1, k)."""
        # Both products take half the time with the small factor turned like this.
        b, W = w[:1].T, w[1:].T.contiguous()  # (k, 1), (k, d)
        J = (self.l2 * w.square()).sum().item() / 2
        gradient = torch.zeros_like(w.T)  # (k, d + 1)
        for X, y in self.blocks():
            z = torch.addmm(b, W, X.T)  # (k, r)
            J += _cross_entropy(z, y).item()
            error = _probabilities(z) - y  # (k, r)
            gradient[:, 0] += error.sum(1)
            gradient[:, 1:] += error @ X
        return J / len(self.X), (gradient.T + self.l2 * w) / len(self.X)

    def curvature(self, w: Tensor) -> Tensor:
        """Return the second derivatives of J at w, roughly: one for all k outputs, (d + 1, d + 1).

        Of the loss of a row they are h (1 − h) x xᵀ. Of several classes the mean is taken, and
        doubled: a multinomial curvature may reach ½, where h (1 − h) reaches ¼ (Böhning 1992,
        doi:10.1007/BF00048682).
        """
        factor = 1.0 if len(self.Y) == 1 else 2.0
        H = torch.diag(self.l2[:, 0])
        for x, _ in self.blocks():
            X = F.pad(x, (1, 0), value=1.0)  # (r, d + 1)
            h = _probabilities(w.T @ X.T)  # (k, r)
            u = factor * (h * (1 - h)).mean(0)[:, None]  # (r, 1)
            H.addmm_(X.T, u * X)
        return H / len(self.X)


def _probabilities(z):
    """Return h, (k, r), from the logits."""
    return z.sigmoid() if len(z) == 1 else z.softmax(0)


def _cross_entropy(z, y):
    """Return the loss of all columns of z and y (k, r); from the logits nothing overflows."""
    if len(z) == 1:
        return F.binary_cross_entropy_with_logits(z, y, reduction="sum")
    return F.cross_entropy(z[None], y[None], reduction="sum")


class Lowest(NamedTuple):
    """Where `minimise` has come to."""

    w: Tensor
    history: list[float]  # J at the start and after each step
    gradient: float  # the largest |∂J/∂w| left, 0 if it is rounding
    pivot: float  # the smallest of the curvature's, of a diagonal of 1: small where it is singular


def minimise(objective: Objective, w: Tensor, *, max_iter: int, tol: float) -> Lowest:
    """Return w after the steps w ← w − t B ∇J, and how it went.

    B: the inverse of the curvature, corrected by what the last steps met.  t: 1, or halved until
    the convex J falls.
    Stop when the largest |∂J/∂w| is ≤ tol; after max_iter steps; or where rounding hides any
    further descent: then 0 stands for it.
    Source: Liu and Nocedal 1989, doi:10.1007/BF01589116.
    """
    J, gradient = objective(w)
    history, pairs, pivot = [J], [], 1.0
    for step in range(max_iter):
        if gradient.abs().max() <= tol:
            break
        if step in CURVATURE_STEPS:
            L, pivot = _factor(objective.curvature(w))
        d = -_correct(gradient, pairs[-MEMORY:], L)  # (d, k), the direction
        if not (gradient * d).sum() < 0:
            return Lowest(w, history, 0.0, pivot)
        s, J, new = _search(objective, w, J, gradient, d)
        y = new - gradient
        w, gradient = w + s, new
        history.append(J)
        no_gain = len(history) > MEMORY and history[-1 - MEMORY] <= J
        if (s * y).sum() <= 0 or no_gain:
            return Lowest(w, history, 0.0, pivot)
        pairs.append((s, y))
    return Lowest(w, history, gradient.abs().max().item(), pivot)


def _factor(H):
    """Return the Cholesky factor of H, in spite of columns that are the same twice; and a pivot."""
    H = off_mps(H)
    H.diagonal().mul_(1 + torch.finfo(H.dtype).eps ** 0.5)
    L = torch.linalg.cholesky(H)
    return L, (L.diagonal().square() / H.diagonal()).min().item()


def _search(objective, w, J, gradient, d):
    """Return the step t d, J and ∇J there, with t = 1, or halved while that is too far."""
    slope, rounding = (gradient * d).sum(), 8 * torch.finfo(w.dtype).eps * abs(J)
    t = 1.0
    J_new, new = objective(w + d)
    while J_new > J + rounding or (new * d).sum() > -0.9 * slope:
        t /= 2
        J_new, new = objective(w + t * d)
    return t * d, J_new, new


def _correct(q, pairs, L):
    """Return B q, where B y = s for the last of the pairs: a step s, by which ∇J changed by y."""
    if not pairs:
        return torch.cholesky_solve(q.to(L), L).to(q)
    s, y = pairs[-1]
    sy = (s * y).sum()
    a = (s * q).sum() / sy
    q = _correct(q - a * y, pairs[:-1], L)
    return q + (a - (y * q).sum() / sy) * s
