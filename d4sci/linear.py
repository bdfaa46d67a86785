"""Linear regression: a number from a weighted sum of the features."""

from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.engines.descent import (
    above_rounding,
    largest_curvature,
    require_descent,
    require_finite_loss,
    require_moderate_targets,
    require_representable,
)
from d4sci.engines.normal_equations import (
    CONSTANT,
    column_lengths,
    least_squares,
    rank_tolerances,
    to_dtype,
)
from d4sci.estimator import Regressor, warn_not_converged
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_finite,
    require_fitted,
    require_matrix,
    require_same_length,
)


@dataclass(eq=False, repr=False)
class LinearRegression(Regressor):
    """Predict h(X) = X w + b by least squares: minimise ‖X w + b − y‖² + l2 ‖w‖².

    Plain paths, in this class:
    "lstsq" hands X, with centred and scaled columns, to torch.linalg.lstsq.
    "gd" is gradient descent on J = (‖X w + b − y‖² + l2 ‖w‖²) / (2n), from w = 0 and b = 0:
        w ← w − lr ∂J/∂w,  ∂J/∂w = (Xᵀ(h − y) + l2 w) / n,  ∂J/∂b = mean(h − y)
    Engine, the default: "normal" solves the normal equations (XᵀX + l2 I) w = Xᵀy of the centred
    data in one pass, and falls back on singular values where rounding would spoil them.
    "lstsq" and "normal" compute in float64; where several w are best, they return the shortest. A
    direction in which X varies by the rounding of its entries only gets no weight.

    l2: the penalty on large weights, ≥ 0 (ridge regression; scikit-learn calls it alpha). The
    intercept b is not penalised.
    lr: the learning rate (α on the slides); None for 1/λ, λ the largest curvature of J, with which
    J never rises by more than rounding.  max_iter: the most steps.  tol: stop when the largest
    |∂J/∂w| or |∂J/∂b| ≤ tol. A gradient that rounding explains counts as 0. These three are read
    by "gd" only.
    `fit` sets coef_ w (d,) and intercept_ b (); for y (n, t) they are (t, d) and (t,);
    n_features_in_; loss_history_, J at the start and after each of the n_iter_ steps ("gd"; None
    for the others).  It warns (ConvergenceWarning) where "gd" stops before it has converged.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, and where "gd"
    diverges or the squares of X, or w, overflow or vanish; RuntimeError before `fit`.
    Source: Legendre 1805; Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634; Cauchy 1847.
    """

    _: KW_ONLY
    solver: str = "normal"
    l2: float = 0.0
    lr: float | None = None
    max_iter: int = 1000
    tol: float = 1e-8

    def fit(self, X: Tensor, y: Tensor) -> Self:
        """Find w and b.  X: (n, d).  y: floating point, (n,), or (n, t) for t targets."""
        Y = _validate(self, X, y)  # (n, t)
        X, Y = X.detach(), Y.detach().to(X)
        require_finite(Y, "y in the dtype of X")
        history, largest_gradient = None, 0.0
        if self.solver == "lstsq":
            w, b = self._lstsq(X, Y)  # (d, t), (t,)
        elif self.solver == "gd":
            w, b, history, largest_gradient = self._descend(X, Y)
        else:
            w, b = least_squares(X, Y, self.l2)
        if y.ndim == 1:
            coef, intercept = w[:, 0], b[0]
        else:
            coef, intercept = w.T, b
        self.coef_, self.intercept_ = coef, intercept
        self.n_features_in_ = X.shape[1]
        self.loss_history_ = history
        self.n_iter_ = len(history) - 1 if history else None
        if largest_gradient > self.tol:
            size = f"a gradient of {largest_gradient:.1g}, above tol"
            reason = f"gradient descent stopped after {self.n_iter_} steps with {size}"
            warn_not_converged(reason, "scale X with StandardScaler, or raise max_iter or tol")
        return self

    def _lstsq(self, X, Y):
        """Return w (d, t) and b (t,) by torch.linalg.lstsq."""
        # The driver gelsd copes with columns that depend on each other. CUDA's only driver, gels,
        # assumes that none do, and MPS has no lstsq: whatever the device, the CPU solves.
        computed, entries = rank_tolerances(X)
        exact = {"driver": "gelsd", "rcond": computed}
        rcond = computed if self.l2 > 0 else entries  # a penalty keeps small directions harmless
        A, B = in_float64(X).cpu(), in_float64(Y).cpu()
        x_mean, y_mean = A.mean(0), B.mean(0)  # (d,), (t,)
        A, B = A - x_mean, B - y_mean  # centred: b drops out, and is not penalised
        constant = A.abs().amax(0) <= CONSTANT * x_mean.abs()  # (d,), what is left is rounding
        A[:, constant] = 0
        length = column_lengths(A)  # (d,)
        rows = A / length  # columns of length 1, whose weights are length · w
        if self.l2 > 0:  # d more rows, whose squares add up to l2 ‖w‖²
            rows = torch.cat([rows, torch.diag(self.l2**0.5 / length)])
            B = torch.cat([B, B.new_zeros(len(length), B.shape[1])])
        found = torch.linalg.lstsq(rows, B, driver="gelsd", rcond=rcond)
        w = found.solution / length[:, None]
        if found.rank < len(length):
            # X has dependent columns: many w fit equally well. Take the shortest one that fits as
            # this one does, and fit once more what its rounding has left.
            h = A @ w
            w = torch.linalg.lstsq(A, h, **exact).solution
            w = w + torch.linalg.lstsq(rows, h - A @ w, **exact).solution / length[:, None]
        return to_dtype(w, X), (y_mean - x_mean @ w).to(X)

    def _descend(self, X, Y):
        """Return w (d, t), b (t,), J at each step and the largest |∂J| left, step by step."""
        n = len(X)
        require_representable("l2", self.l2, X.dtype, "use a smaller l2")
        require_moderate_targets(Y)
        curvature = largest_curvature(X, 1.0, self.l2)  # λ
        lr = self.lr or 1 / curvature
        w, b = X.new_zeros(X.shape[1], Y.shape[1]), X.new_zeros(Y.shape[1])
        history = []
        while True:
            h = X @ w + b  # (n, t)
            J = ((h - Y).square().sum() + self.l2 * w.square().sum()) / (2 * n)
            dJ_dw = (X.T @ (h - Y) + self.l2 * w) / n  # (d, t)
            dJ_db = (h - Y).mean(0)  # (t,)
            history.append(J.item())
            require_finite_loss(history[-1], lr, 2 / curvature)
            largest = max(dJ_dw.abs().max().item(), dJ_db.abs().max().item())
            if largest <= self.tol or len(history) > self.max_iter:
                return w, b, history, above_rounding(dJ_dw, dJ_db, X, Y)
            w = w - lr * dJ_dw
            b = b - lr * dJ_db

    def predict(self, X: Tensor) -> Tensor:
        """Return h(X) = X w + b, (n,) or (n, t)."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.n_features_in_)
        w = self.coef_.to(X)
        if w.ndim == 2:
            w = w.T
        return X @ w + self.intercept_.to(X)


def _validate(model, X, y):
    """Raise unless the parameters of the model, X and y make sense; return y as (n, t)."""
    require_choice("solver", model.solver, ("normal", "lstsq", "gd"))
    require_between("l2", model.l2, 0.0, 1e300)
    require_descent(model.lr, model.max_iter, model.tol)
    require_matrix(X)
    Y = y[:, None] if getattr(y, "ndim", 0) == 1 else y
    require_matrix(Y, "y")
    require_same_length("X", X, "y", Y)
    return Y


def __getattr__(name: str) -> type:
    """Give LogisticRegression too, which has a file of its own."""
    if name == "LogisticRegression":
        from d4sci.logistic import LogisticRegression

        return LogisticRegression
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
