"""The linear support vector machine: the widest street between two classes."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor

from d4sci.engines.descent import largest_curvature, require_descent, require_representable
from d4sci.engines.interior_point import best_intercept, fit_plane
from d4sci.estimator import Classifier, warn_not_converged
from d4sci.support.checks import (
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
    require_positive,
)
from d4sci.support.labels import encode_labels

LOOSE_GAP = 1e-4  # of the objective: above it the interior-point method has stopped short
LOOK_EVERY = 100  # steps of the subgradient descent, from one test of convergence to the next
FIRST_LOOK = 1000  # steps before the first test
SHRUNK = 0.02  # lr t by then: about the share that ½ ‖w‖² has taken off a w that is too long

ADVICE = {
    "interior-point": "scale X with StandardScaler, or use a smaller C",
    "subgradient": "scale X with StandardScaler, raise max_iter, or use solver='interior-point'",
}


@dataclass(eq=False, repr=False)
class LinearSVM(Classifier):
    """Separate two classes by the plane w·x + b = 0 with the widest margin.

    minimise  P(w, b) = ½ ‖w‖² + C Σ_i ξ_i,  ξ_i = max(0, 1 − y_i (w·x_i + b)),  y_i = ±1
    maximise  D(α) = Σ_i α_i − ½ ‖w‖²,  w = Σ_i α_i y_i x_i,  0 ≤ α_i ≤ C,  Σ_i α_i y_i = 0

    P ≥ D for all feasible w, b and α (weak duality), with equality at the optimum: the gap P − D
    bounds how far P is from the best. The intercept b is not penalised.

    Plain path, in this class: "subgradient" descends P (the hinge loss) with shrinking steps,
        w ← w − step (w − C Σ y_i x_i),  b ← b + step C Σ y_i,  step = lr / (1 + lr t)
    with the sums over the rows that lie inside the margin, y_i (w·x_i + b) < 1, and returns the
    best plane that it met. X is centred first, so that b starts near its best value. On features of
    one scale (StandardScaler) P comes within 1 % of the best, or `fit` warns.
    Engine, the default: "interior-point" solves both problems, to a gap of 1e-9 of P. Where no row
    fixes b (no 0 < α < C), the best b fill an interval, and its middle is taken.

    C: the weight of the slack ξ, in (0, ∞); a large C leaves few rows inside the margin.
    lr: the initial learning rate; None for 1/(C n λ), λ the largest eigenvalue of AᵀA/n, A the
    centred X with a column of ones.
    max_iter: the most steps.  tol: stop when the second half of all steps has lowered P by no more
    than this share of P. Before that, every hundredth step also makes sure that the first 1000
    steps are over, that no P of the last 100 steps lies more than 1 % above the lowest, and that
    neither a shorter plane (w and b) nor another b alone would lower P by more than 0.5 %. This is
    a rule of thumb (a proof is the gap of the engine), and fails on columns of several scales: it
    always warns where one varies more than ten times as much as another.  These three are read by
    "subgradient" only.
    `fit` sets classes_ (2,), the larger one is y = +1; coef_ w (1, d); intercept_ b (1,);
    margin_ = 1/‖w‖, from the plane to either edge, half the width of the street; n_features_in_;
    support_, ascending. With "interior-point" these are the rows with α > 0 (above 1e-6 of the
    largest), and it sets dual_coef_, their α y (1, s); gap_history_, P − D at the start and after
    each step; duality_gap_, the last; loss_history_ is None. With "subgradient" they are the rows
    on the edge of the margin or inside, y (w·x + b) ≤ 1, and it sets loss_history_, P before each
    step and after the last; dual_coef_, gap_history_ and duality_gap_ are None.
    It warns (ConvergenceWarning) where it stops before it has converged.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, and where rounding
    leaves a gap of more than a hundredth of P; RuntimeError before `fit`.
    Source: Cortes and Vapnik 1995, doi:10.1007/BF00994018; Shor 1985,
    doi:10.1007/978-3-642-82118-9, for subgradients.
    """

    C: float = 1.0
    _: KW_ONLY
    solver: str = "interior-point"
    lr: float | None = None
    max_iter: int = 10_000
    tol: float = 1e-3

    def fit(self, X: Tensor, y: Tensor) -> Self:
        """Find the plane.  X: (n, d).  y: two different integers, (n,)."""
        classes, codes = self._validate(X, y)  # (2,), (n,)
        X = X.detach()
        sign = torch.where(codes == 1, 1.0, -1.0).to(X)  # y = ±1, (n,)
        dual, gaps, losses = None, None, None
        if self.solver == "subgradient":
            w, b, losses, converged = self._descend(X, sign)
            support = sign * (X @ w + b) <= 1  # (n,)
        else:
            w, b, alpha, gaps, share = fit_plane(X, sign, self.C)
            support = alpha > 1e-6 * alpha.max()  # (n,)
            dual = (sign.to(alpha) * alpha)[support][None].to(X)  # (1, s)
            converged = share <= LOOSE_GAP
        rows = support.nonzero().squeeze(1).to(X.device)  # (s,)
        coef, intercept = w[None].to(X), b[None].to(X)
        norm, d = torch.linalg.vector_norm(w).item(), X.shape[1]
        self.classes_, self.n_features_in_ = classes, d
        self.coef_, self.intercept_, self.support_ = coef, intercept, rows
        self.margin_ = 1 / norm if norm else math.inf
        self.dual_coef_, self.gap_history_, self.loss_history_ = dual, gaps, losses
        self.duality_gap_ = gaps[-1] if gaps else None
        if not converged:
            reason = f"{self.solver} stopped before the objective was surely within 1 % of the best"
            warn_not_converged(reason, ADVICE[self.solver])
        return self

    def _descend(self, X, y):
        """Return w (d,), b (), P at each step and whether it converged, by subgradient descent."""
        mean = X.mean(0)  # (d,)
        X = X - mean  # centred, so that b starts near its best value
        lr = self.lr or 1 / self.C / (len(X) * largest_curvature(X, 1.0, 0.0))
        require_representable("lr", lr, X.dtype, "use a larger C")
        w, b = X.new_zeros(X.shape[1]), X.new_zeros(())
        best_w, best_b, lowest = w, b, math.inf
        losses = []
        for t in range(self.max_iter + 1):
            P = self._objective(w, b, X, y)
            losses.append(P)
            if lowest > P:
                best_w, best_b, lowest = w, b, P
            converged = _has_converged(self, losses, lr, best_w, best_b, X, y)
            if converged:
                break
            inside = y * (X @ w + b) < 1  # (n,)
            y_inside = torch.where(inside, y, 0)  # (n,)
            step = lr / (1 + lr * t)
            w = w - step * (w - self.C * y_inside @ X)
            b = b + step * self.C * y_inside.sum()
        # w·(x − mean) + b is the same as w·x + (b − w·mean).
        return best_w, best_b - mean @ best_w, losses, converged and _of_one_scale(X)

    def _objective(self, w, b, X, y):
        """Return P(w, b) = ½ ‖w‖² + C Σ ξ_i, ξ_i = max(0, 1 − y_i (w·x_i + b))."""
        xi = (1 - y * (X @ w + b)).clamp(min=0)  # (n,), the slack
        return (w @ w / 2 + self.C * xi.sum()).item()

    def decision_function(self, X: Tensor) -> Tensor:
        """Return w·x + b of each row, (n,): 0 on the plane, ±1 on the edges of the margin."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.n_features_in_)
        return X @ self.coef_[0].to(X) + self.intercept_.to(X)

    def predict(self, X: Tensor) -> Tensor:
        """Return the class of each row by the sign of w·x + b, (n,)."""
        z = self.decision_function(X)
        return self.classes_.to(X.device)[(z > 0).long()]

    def _validate(self, X, y):
        """Return the two classes, (2,), and the codes of the labels, (n,); raise for bad input."""
        require_choice("solver", self.solver, ("interior-point", "subgradient"))
        require_matrix(X)
        require_classes(y, len(X))
        require_positive("C", self.C, "try C=1.0")
        require_representable("1 / C", 1 / self.C, torch.float64, "use a larger C")
        require_descent(self.lr, self.max_iter, self.tol)
        classes, codes = encode_labels(y, X.device)
        if len(classes) != 2:
            fix = "give rows of a second" if len(classes) < 2 else "fit one per class, on y == c"
            raise ValueError(f"LinearSVM separates two classes, got {classes.tolist()}; {fix}")
        return classes, codes


def _has_converged(svm, losses, lr, w, b, X, y):
    """Tell whether `tol` is met after these P, the best of them at w and b; as the class explains.

    svm: the LinearSVM.  X: (n, d), centred.  y: ±1, (n,).
    """
    t = len(losses) - 1
    if t % LOOK_EVERY or t < FIRST_LOOK or lr * t < SHRUNK:
        return False
    lowest = min(losses)
    gain = min(losses[: t // 2 + 1]) - lowest  # of the second half of the steps
    jump = max(losses[-LOOK_EVERY:]) - lowest
    settled = gain <= svm.tol * lowest and jump <= 0.01 * lowest
    if not settled:
        return False
    # The last steps are so short that P hardly changes, even where it is far from the best.
    shorter = svm._objective(0.995 * w, 0.995 * b, X, y)
    moved = svm._objective(w, best_intercept(X @ w, y), X, y)
    return min(shorter, moved) >= 0.995 * lowest


def _of_one_scale(X):
    """Tell whether all columns (n, d), centred, have a similar scale, or are constant."""
    length = torch.linalg.vector_norm(X, dim=0)  # (d,)
    varied = length[length > 1e-6 * length.max()]
    return bool(length.max() <= 10 * varied.min()) if len(varied) else True
