"""Linear models: a number, or the probability of a class, from a weighted sum of the features."""

from dataclasses import KW_ONLY, dataclass
from functools import partial

import torch
from torch.nn import functional as F

from d4sci.device import in_float64
from d4sci.engines.moments import find_origin, moments
from d4sci.engines.newton_lbfgs import gradient_descent, lbfgs, require_descent
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
    require_positive,
    require_same_length,
    require_squares,
)

BLOCK = 1000  # rows at a time, so that what is computed from them stays in the cache


@dataclass(eq=False)
class LinearRegression:
    """Predict h(X) = X w + b by least squares: minimise ‖X w + b − y‖² + l2 ‖w‖²; b is free.

    l2: the price of a large w, ≥ 0 (ridge regression; scikit-learn calls it alpha).
    solver: "lstsq" solves the normal equations (XᵀX + l2 I) w = Xᵀ y of the centred data, or takes
    the singular values of X where rounding would spoil these; of several w the shortest.
    "gd" descends J = (‖X w + b − y‖² + l2 ‖w‖²) / (2n): w ← w − α ∇J,  ∇J = (Xᵀ(h − y) + l2 w) / n.
    alpha: α, the step; None for 1/λ, λ the largest curvature of J: J never rises. Past 2/λ it may
    rise for ever.  max_iter: the most steps.  tol: rest once the largest |∂J/∂w| or |∂J/∂b| ≤ tol.
    These three are read by "gd" only.
    `fit` sets coef_ w (d,), intercept_ b (); for y (n, t) they are (t, d) and (t,). With "gd" also
    loss_history_, J at the start and after each of the n_iter_ steps.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, and where J rises
    beyond all numbers; RuntimeError before `fit`.
    Source: Legendre 1805; Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634; Cauchy 1847.
    """

    _: KW_ONLY
    solver: str = "lstsq"
    l2: float = 0.0
    alpha: float | None = None
    max_iter: int = 1000
    tol: float = 1e-8

    def fit(self, X, y):
        """Find w and b.  X: (n, d).  y: floating point, (n,), or (n, t) for t targets."""
        require_choice("solver", self.solver, ("lstsq", "gd"))
        require_between("l2", self.l2, 0.0, 1e300)
        require_descent(self.alpha, self.max_iter, self.tol)
        require_matrix(X)
        single = getattr(y, "ndim", None) == 1
        Y = y[:, None] if single else y  # (n, t)
        require_matrix(Y, "y")
        require_same_length("X", X, "y", Y)
        X, Y = X.detach(), Y.detach().to(X)
        if self.solver == "gd":
            w, b = _descend(self, X, Y, *LEAST_SQUARES, self.l2)  # (d, t), (t,)
        else:
            w, b = _least_squares(X, Y, self.l2)
        self.coef_, self.intercept_ = (w[:, 0], b[0]) if single else (w.T, b)
        return self

    def predict(self, X):
        """Return h(X) = X w + b, (n,) or (n, t)."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.coef_.shape[-1])
        W = self.coef_.to(X)
        return X @ (W if W.ndim == 1 else W.T) + self.intercept_.to(X)


@dataclass(eq=False)
class LogisticRegression:
    """Predict the probability of each class: minimise C Σ_i loss_i + ½ ‖w‖²; b is free.

    two classes  z = X w + b, h = φ(z) = 1 / (1 + e^−z), loss = −y log h − (1 − y) log(1 − h)
    more         z_k = X w_k + b_k, h_k = e^z_k / Σ_j e^z_j (softmax), loss = −log h_y

    C: the price of errors, in (0, ∞); a small C keeps w small.
    solver: "gd" descends J, the above over C n: w ← w − α ∇J,  ∇J = (Xᵀ(h − y) + w / C) / n.
    "lbfgs" descends the same J, but bends ∇J by what the last steps tell of the curvature.
    alpha, max_iter, tol: as for LinearRegression; alpha is read by "gd" only.
    `fit` sets classes_ (k,), sorted; coef_ (k, d) and intercept_ (k,), or (1, d) and (1,) for two
    classes, where the larger one is y = 1; loss_history_, J at the start and after each of the
    n_iter_ steps.  Raises as LinearRegression does, and ValueError for one class only.
    Source: Berkson 1944, doi:10.1080/01621459.1944.10500699.
    """

    _: KW_ONLY
    C: float = 1.0
    solver: str = "lbfgs"
    alpha: float | None = None
    max_iter: int = 1000
    tol: float = 1e-10

    def fit(self, X, y):
        """Find w and b.  X: (n, d).  y: integer labels of two classes or more, (n,)."""
        require_choice("solver", self.solver, ("lbfgs", "gd"))
        require_positive("C", self.C, "try C=1.0")
        require_descent(self.alpha, self.max_iter, self.tol)
        require_matrix(X)
        require_classes(y, len(X))
        classes, c = y.unique(return_inverse=True)  # (k,), (n,)
        if len(classes) < 2:
            raise ValueError(f"y must hold two classes or more, got {classes.tolist()}; give more")
        Y = (c[:, None] == torch.arange(len(classes), device=c.device)).to(X)  # (n, k), one-hot
        Y, model = (Y[:, 1:], BINARY) if len(classes) == 2 else (Y, MULTINOMIAL)
        w, b = _descend(self, X.detach(), Y, *model, 1 / self.C)  # (d, k), (k,)
        self.classes_, self.coef_, self.intercept_ = classes, w.T, b
        return self

    def decision_function(self, X):
        """Return z = X w + b, the logits: (n,) for two classes, (n, k) for more."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.coef_.shape[1])
        z = X @ self.coef_.to(X).T + self.intercept_.to(X)
        return z[:, 0] if len(self.classes_) == 2 else z

    def predict_proba(self, X):
        """Return the probability of each class, (n, k)."""
        z = self.decision_function(X)
        return torch.stack([-z, z], 1).sigmoid() if z.ndim == 1 else z.softmax(1)

    def predict(self, X):
        """Return the most probable class of each row, (n,)."""
        z = self.decision_function(X)
        return self.classes_.to(X.device)[(z > 0).long() if z.ndim == 1 else z.argmax(1)]


def _cross_entropy(z, y):
    """Return Σ_i −log h_y, of the n columns of z and y (k, n)."""
    return F.cross_entropy(z[None], y[None], reduction="sum")


# h(z); Σ loss(z, y), from the logits z, where nothing overflows; the most that ∂²loss/∂z² can be
LEAST_SQUARES = torch.nn.Identity(), lambda z, y: (z - y).square().sum() / 2, 1
BINARY = torch.sigmoid, partial(F.binary_cross_entropy_with_logits, reduction="sum"), 1 / 4
MULTINOMIAL = partial(torch.softmax, dim=0), _cross_entropy, 1 / 2


def _descend(model, X, Y, hypothesis, loss, bound, l2):
    """Return w (d, t) and b (t,) where J = (Σ loss + ½ l2 ‖w‖²) / n is least; set the history."""
    require_squares(torch.linalg.vector_norm(X, dim=1).square().mean(), X)
    origin = find_origin(X) * (model.solver != "gd")  # (d,), the plain loop takes X as it is
    objective = _Objective(X, origin, Y.T.contiguous(), hypothesis, loss, bound, l2)
    w = X.new_zeros(X.shape[1] + 1, Y.shape[1])  # (d + 1, t)
    descend = lbfgs if model.solver != "gd" else partial(gradient_descent, alpha=model.alpha)
    w, history = descend(objective, w, max_iter=model.max_iter, tol=model.tol)
    model.loss_history_, model.n_iter_ = history, len(history) - 1
    return w[1:], w[0] - origin @ w[1:]


class _Objective:
    """J = (Σ loss + ½ l2 ‖w‖²) / n as a function of w (d + 1, t), whose first row is b.

    X: (n, d).  origin: (d,), where X is measured from; b is the logit there.
    Y: (t, n): logits lie in columns, where a softmax takes a tenth of the time. The others:
    LEAST_SQUARES.
    """

    def __init__(self, X, origin, Y, hypothesis, loss, bound, l2):
        self.X, self.origin, self.Y, self.far = X, origin, Y, bool(origin.any())
        self.hypothesis, self.loss, self.bound = hypothesis, loss, bound
        self.l2 = X.new_full((X.shape[1] + 1, 1), l2)  # (d + 1, 1)
        self.l2[0] = 0  # b is free

    def blocks(self):
        """Yield the rows of X, from the origin, and the columns of Y, a block at a time."""
        for x, y in zip(self.X.split(BLOCK), self.Y.split(BLOCK, 1), strict=True):
            yield x - self.origin if self.far else x, y  # (r, d), (t, r)

    def __call__(self, w):
        """Return J and its gradient ∇J = (Xᵀ(h − y) + l2 w) / n, (d + 1, t)."""
        # Both products take half the time with the small factor turned like this.
        b, W = w[:1].T, w[1:].T.contiguous()  # (t, 1), (t, d)
        J, gradient = (self.l2 * w.square()).sum().item() / 2, torch.zeros_like(w.T)  # (t, d + 1)
        for X, y in self.blocks():
            z = torch.addmm(b, W, X.T)  # (t, r)
            J += self.loss(z, y).item()
            error = self.hypothesis(z) - y  # (t, r)
            gradient[:, 0] += error.sum(1)
            gradient[:, 1:] += error @ X
        return J / len(self.X), (gradient.T + self.l2 * w) / len(self.X)

    def curvature(self, w=None):
        """Return ∇²J at w, roughly: one for all t outputs; or a bound of it everywhere.

        (d + 1, d + 1).  Source: Böhning 1992, doi:10.1007/BF00048682.
        """
        H = torch.diag(self.l2[:, 0])
        for x, _ in self.blocks():
            X = F.pad(x, (1, 0), value=1)  # (r, d + 1)
            h = X.new_full((1, len(X)), 0.5) if w is None else self.hypothesis(w.T @ X.T)  # (t, r)
            u = 4 * self.bound * (h * (1 - h)).mean(0)[:, None]  # (r, 1), at most the bound
            H.addmm_(X.T, u * X)
        return H / len(self.X)


def _least_squares(X, Y, l2):
    """Return w (d, t) and b (t,) that solve the normal equations, or the shortest of several."""
    (n, d), A = X.shape, torch.cat([X, Y], 1)  # (n, d + t)
    mean, S = moments(A, float64=True)  # (d + t,), (d + t, d + t)
    w = _normal_equations(S, mean, n, d, l2) if n > d else None
    if w is None:
        A = in_float64(A) - mean
        A[:, A.abs().amax(0) <= 1e-14 * mean.abs()] = 0  # constant, but for rounding
        w = _shortest(A[:, :d], A[:, d:], l2, torch.finfo(X.dtype).eps)
    return w.to(X), (mean[d:] - mean[:d] @ w).to(X)


def _normal_equations(G, mean, n, d, l2):
    """Return w with (XᵀX + l2 I) w = XᵀY, or None where rounding would spoil it.

    G: the products of the n rows' columns, [X Y], (d + t, d + t).  mean: of these columns.
    """
    fixed = G.diagonal() <= n * (1e-14 * mean).square()  # constant, but for rounding
    G.diagonal()[fixed] = 0
    G.diagonal()[:d].add_(l2)
    scale = G.diagonal()[:d].sqrt()  # (d,)
    K = G[:d, :d] / scale.outer(scale)  # (d, d), 1 on the diagonal
    if torch.linalg.cond(K, 1) > 1e8:  # among others where a column is constant
        return None
    L = torch.linalg.cholesky(K)
    return torch.cholesky_solve(G[:d, d:] / scale[:, None], L) / scale[:, None]


def _shortest(X, Y, l2, eps):
    """Return w = V Σ / (Σ² + l2) UᵀY, with X = U Σ Vᵀ less the σ that are rounding."""
    U, sigma, Vt = torch.linalg.svd(X, full_matrices=False)
    real = sigma > 10 * len(sigma) * eps * sigma[0]
    U, sigma, Vt = U[:, real], sigma[real, None], Vt[real]
    return Vt.T @ (sigma / (sigma.square() + l2) * (U.T @ Y))
