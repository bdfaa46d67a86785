"""Logistic regression: the probability of a class from a weighted sum of the features."""

from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from d4sci.engines.descent import (
    above_rounding,
    largest_curvature,
    require_descent,
    require_finite_loss,
    require_representable,
)
from d4sci.engines.newton_lbfgs import fit_logistic
from d4sci.estimator import Classifier, warn_not_converged
from d4sci.support.checks import (
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
    require_positive,
)
from d4sci.support.labels import encode_labels


@dataclass(eq=False, repr=False)
class LogisticRegression(Classifier):
    """Predict the probability of each class: minimise J = (1/n) Σ_i loss_i + ‖w‖² / (2 C n).

    two classes  z = X w + b, h = φ(z) = 1 / (1 + e^−z), loss = −y log h − (1 − y) log(1 − h)
    more         z_k = X w_k + b_k, h_k = φ(z)_k = e^z_k / Σ_j e^z_j (softmax), loss = −log h_y

    Plain path, in this class: "gd" is gradient descent on J from w = 0, b = 0:
        w ← w − lr ∂J/∂w,  ∂J/∂w = (Xᵀ(h − y) + w / C) / n,  ∂J/∂b = mean(h − y)
    Engine, the default: "newton-lbfgs" minimises the same J in far fewer steps.

    C: the weight of the errors against the penalty ½ ‖w‖², in (0, ∞), as in scikit-learn, which
    writes C n J; a small C keeps w small. The intercept b is not penalised.
    lr: the learning rate (α on the slides), read by "gd" only; None for 1/λ, λ a bound of the
    largest curvature of J, with which J never rises by more than rounding.  max_iter: the most
    steps.  tol: stop when the largest |∂J/∂w| or |∂J/∂b| ≤ tol. A gradient that rounding explains
    counts as 0. "newton-lbfgs" measures X from near its mean, where that is far from 0, and the
    gradient with it.
    `fit` sets classes_ (k,), sorted; coef_ (k, d) and intercept_ (k,), or (1, d) and (1,) for two
    classes, where the larger one is y = 1; n_features_in_; loss_history_, J at the start and after
    each of the n_iter_ steps.  It warns (ConvergenceWarning) where it stops before it has
    converged.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, for one class only,
    and where "gd" diverges; RuntimeError before `fit`.
    Source: Berkson 1944, doi:10.1080/01621459.1944.10500699.
    """

    _: KW_ONLY
    C: float = 1.0
    solver: str = "newton-lbfgs"
    lr: float | None = None
    max_iter: int = 1000
    tol: float = 1e-10

    def fit(self, X: Tensor, y: Tensor) -> Self:
        """Find w and b.  X: (n, d).  y: integer labels of two classes or more, (n,)."""
        self._validate(X, y)
        X = X.detach()
        classes, codes = encode_labels(y, X.device, at_least=2)  # (k,), (n,)
        Y = F.one_hot(codes, len(classes)).to(X)  # (n, k)
        if len(classes) == 2:
            Y = Y[:, 1:]  # (n, 1): 1 for the larger class, 0 for the other
        if self.solver == "gd":
            w, b, history, largest_gradient = self._descend(X, Y)  # (d, k), (k,)
        else:
            w, b, history, largest_gradient = fit_logistic(
                X, Y, 1 / self.C, max_iter=self.max_iter, tol=self.tol
            )
        self.classes_, self.coef_, self.intercept_ = classes, w.T, b
        self.n_features_in_ = X.shape[1]
        self.loss_history_, self.n_iter_ = history, len(history) - 1
        if largest_gradient > self.tol:
            size = f"a gradient of {largest_gradient:.1g}, above tol"
            reason = f"{self.solver} stopped after {self.n_iter_} steps with {size}"
            warn_not_converged(reason, "scale X with StandardScaler, or raise max_iter or tol")
        return self

    def _descend(self, X, Y):
        """Return w (d, k), b (k,), J at each step and the largest |∂J| left, step by step."""
        n = len(X)
        bound = 1 / 4 if Y.shape[1] == 1 else 1 / 2  # the most that φ′ can be
        curvature = largest_curvature(X, bound, 1 / self.C)  # λ
        lr = self.lr or 1 / curvature
        w, b = X.new_zeros(X.shape[1], Y.shape[1]), X.new_zeros(Y.shape[1])
        history = []
        while True:
            z = X @ w + b  # (n, k)
            h = self._phi(z)
            J = (self._cross_entropy(z, Y) + w.square().sum() / (2 * self.C)) / n
            dJ_dw = (X.T @ (h - Y) + w / self.C) / n  # (d, k)
            dJ_db = (h - Y).mean(0)  # (k,)
            history.append(J.item())
            require_finite_loss(history[-1], lr, 2 / curvature)
            largest = max(dJ_dw.abs().max().item(), dJ_db.abs().max().item())
            if largest <= self.tol or len(history) > self.max_iter:
                return w, b, history, above_rounding(dJ_dw, dJ_db, X, Y)
            w = w - lr * dJ_dw
            b = b - lr * dJ_db

    def _phi(self, z):
        """Return the probabilities h = φ(z): the sigmoid of one logit, the softmax of several."""
        return z.sigmoid() if z.shape[1] == 1 else z.softmax(1)

    def _cross_entropy(self, z, Y):
        """Return Σ loss, computed from the logits z, so that log never sees 0.  z, Y: (n, k)."""
        if z.shape[1] == 1:  # −Σ_i [y_i log h_i + (1 − y_i) log(1 − h_i)]
            return F.binary_cross_entropy_with_logits(z, Y, reduction="sum")
        return F.cross_entropy(z, Y, reduction="sum")  # −Σ_i Σ_k y_ik log h_ik

    def decision_function(self, X: Tensor) -> Tensor:
        """Return z = X w + b, the logits: (n,) for two classes, (n, k) for more."""
        require_fitted(self, "coef_")
        require_matrix(X, n_features=self.n_features_in_)
        z = X @ self.coef_.to(X).T + self.intercept_.to(X)
        return z[:, 0] if len(self.classes_) == 2 else z

    def predict_proba(self, X: Tensor) -> Tensor:
        """Return the probability of each class, (n, k)."""
        z = self.decision_function(X)
        if len(self.classes_) == 2:
            return torch.stack([-z, z], 1).sigmoid()  # 1 − φ(z) = φ(−z)
        return self._phi(z)

    def predict(self, X: Tensor) -> Tensor:
        """Return the most probable class of each row, (n,)."""
        z = self.decision_function(X)
        best = (z > 0).long() if len(self.classes_) == 2 else z.argmax(1)
        return self.classes_.to(X.device)[best]

    def _validate(self, X, y):
        """Raise unless the parameters, X and y make sense."""
        require_choice("solver", self.solver, ("newton-lbfgs", "gd"))
        require_positive("C", self.C, "try C=1.0")
        require_descent(self.lr, self.max_iter, self.tol)
        require_matrix(X)
        require_classes(y, len(X))
        require_representable("1 / C", 1 / self.C, X.dtype, "use a larger C")
