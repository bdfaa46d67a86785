"""The linear support vector machine: the widest street between two classes."""

import math
from dataclasses import dataclass

import torch

from d4sci.device import in_float64
from d4sci.support.checks import require_classes, require_fitted, require_matrix, require_positive

BLOCK = 4096  # rows at a time, so that what is computed from them stays in the cache
PRECISION = 1e-9  # the gap, relative to the objective, that is small enough
MAX_STEPS = 100  # some 10 to 25 are needed


@dataclass(eq=False)
class LinearSVM:
    """Separate two classes by the plane w·x + b = 0 with the widest margin.

    minimise  P(w, b) = ½ ‖w‖² + C Σ_i ξ_i,  ξ_i = max(0, 1 − y_i (w·x_i + b)),  y_i = ±1
    maximise  D(α) = Σ_i α_i − ½ ‖w‖²,  w = Σ_i α_i y_i x_i,  0 ≤ α_i ≤ C,  Σ_i α_i y_i = 0

    Every P is at least every D, and the best are equal: the gap P − D proves how good P is.
    b is free: ‖w‖ leaves it out. Where no row fixes it (no 0 < α < C), the best b fill an
    interval, and its middle is taken.
    C: the price of slack, in (0, ∞); a large C leaves few rows inside the margin.
    `fit` sets classes_ (2,), the larger one is y = +1; coef_ w (1, d); intercept_ b (1,);
    support_, the rows with α > 0 (above 1e-6 of the largest), ascending; dual_coef_, their α y
    (1, s); margin_ = 1/‖w‖, from the plane to either edge, half the width of the street;
    gap_history_, P − D at the start and after each step; duality_gap_, the last.
    Raises TypeError or ValueError for an X, y or C that does not fit, and where rounding leaves a
    gap of more than a hundredth of P; RuntimeError before `fit`.
    Source: Cortes and Vapnik 1995, doi:10.1007/BF00994018.
    """

    C: float = 1.0

    def fit(self, X, y):
        """Find the plane.  X: (n, d).  y: two different integers, (n,)."""
        sign = self._check(X, y)
        A = in_float64(X.detach())  # (n, d)
        mean = A.mean(0)  # (d,)
        A, Q = _no_wider_than_long(A - mean)  # (n, k), (d, k) or None
        scale = A.square().mean().sqrt().item() or 1.0  # X / scale wants w · scale and C · scale²
        A, sign = A.div_(scale), sign.to(A)
        w, alpha, gaps = _interior_point(A, sign, self.C * scale**2)
        b = _best_intercept(A @ w, sign)
        w = (w if Q is None else Q @ w) / scale  # (d,)
        self.coef_, self.intercept_ = w[None].to(X), (b - mean @ w)[None].to(X)
        norm = torch.linalg.vector_norm(w).item()
        self.margin_ = 1 / norm if norm else math.inf
        support = alpha > 1e-6 * alpha.max()  # (n,)
        self.support_ = support.nonzero().squeeze(1).to(X.device)
        self.dual_coef_ = (sign * alpha / scale**2)[support][None].to(X)
        self.gap_history_ = [gap / scale**2 for gap in gaps]
        self.duality_gap_ = self.gap_history_[-1]
        return self

    def decision_function(self, X):
        """Return w·x + b of each row, (n,): 0 on the plane, ±1 on the edges of the margin."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.coef_.shape[1])
        return X @ self.coef_[0].to(X) + self.intercept_.to(X)

    def predict(self, X):
        """Return the class of each row by the sign of w·x + b, (n,)."""
        z = self.decision_function(X)
        return self.classes_.to(X.device)[(z > 0).long()]

    def _check(self, X, y):
        """Set classes_ and return the labels as ±1, (n,)."""
        require_matrix(X)
        require_classes(y, len(X))
        require_positive("C", self.C, "try C=1.0")
        classes, c = y.unique(return_inverse=True)
        if len(classes) != 2:
            fix = "give rows of a second" if len(classes) < 2 else "fit one per class, on y == c"
            raise ValueError(f"LinearSVM separates two classes, got {classes.tolist()}; {fix}")
        self.classes_ = classes
        return 2 * c - 1


def _no_wider_than_long(A):
    """Return B and Q with A = B Qᵀ: turned axes, of which n rows need n at the most."""
    if A.shape[1] <= len(A):
        return A, None
    Q, R = torch.linalg.qr(A.T)  # (d, n), (n, n)
    return R.T.contiguous(), Q


def _best_intercept(z, sign):
    """Return the b that minimises Σ_i max(0, 1 − y_i (z_i + b)); of several the middle.

    The slope of the sum in b starts at −(number of rows with y = 1), and rises by 1 wherever b
    passes a y_i − z_i: between two of them in order it is 0.
    """
    turns, n_positive = (sign - z).sort().values, int((sign > 0).sum())
    return (turns[n_positive - 1] + turns[n_positive]) / 2


def _interior_point(X, sign, C):
    """Return w (d,), α (n,) and the gap at each step, by Newton's method on both problems at once.

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
            best, share = (v[:-1], u[0], gaps[:]), gaps[-1] / primal.item()
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
    """Return the first u = [α, C − α] and e = [s, ξ], (2, n): all > 0, with Σ α y = 0 for good."""
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

    def newton(excess):
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
