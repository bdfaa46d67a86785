"""Principal component analysis: the directions in which the data varies most."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from d4sci.device import in_float64, off_mps
from d4sci.engines.covariance import principal_axes
from d4sci.estimator import Transformer
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_fitted,
    require_matrix,
    require_squares,
)


@dataclass(eq=False, repr=False)
class PCA(Transformer):
    """Project onto the directions of largest variance: T = (X − μ) W.

    With X − μ = U Σ Wᵀ that is U Σ, as on the slide.

    The columns of W are the eigenvectors of the covariance C = (X − μ)ᵀ(X − μ) / (n − 1), the
    variances along them its eigenvalues λ_i = σ_i² / (n − 1), in descending order.

    n_components: k, how many directions to keep; None for all min(n, d).
    solver: "svd", the singular value decomposition of X − μ, in float64; or "covariance", the
    eigenvectors of the covariance, sooner where rows are many; where they are few, or where the
    squares of σ would lose the k-th direction to rounding, it takes the SVD too.
    `fit` sets components_ (k, d), the rows of Wᵀ; mean_ (d,); explained_variance_ λ (k,);
    explained_variance_ratio_, their share of all variance (k,); singular_values_ σ (k,);
    n_features_in_.
    The sign of a direction means nothing: its entry that is largest in absolute value is made
    positive.
    Raises TypeError or ValueError for an X or a parameter that does not fit, RuntimeError before
    `fit`.
    Source: Pearson 1901, doi:10.1080/14786440109462720; Hotelling 1933, doi:10.1037/h0071325.
    """

    n_components: int | None = None
    solver: str = "covariance"

    def fit(self, X: Tensor, y: None = None) -> Self:
        """Find the directions.  X: (n, d), n ≥ 2.  y: ignored."""
        k = self._validate(X)
        n, d = X.shape
        axes = None
        if self.solver == "covariance":
            axes = principal_axes(off_mps(X.detach()), k)
        if axes is None:
            A = in_float64(X.detach())  # float32 loses a small σ beside large ones, or large x
            mu = A.mean(0)  # (d,)
            _, sigma, Wt = torch.linalg.svd(A - mu, full_matrices=False)  # X − μ = U Σ Wᵀ
            axes = mu, sigma, Wt[:k]
        mu, sigma, Wt = (found.to(X) for found in axes)  # (d,), (min(n, d),), (k, d)
        variance = sigma.square() / (n - 1)  # all λ, (min(n, d),)
        total = variance.sum()
        require_squares(total, X)
        sigma, lam = sigma[:k], variance[:k]  # (k,), (k,)
        ratio = lam / torch.where(total > 0, total, 1)
        Wt = _largest_positive(Wt)
        self.mean_, self.components_, self.n_features_in_ = mu, Wt, d
        self.singular_values_, self.explained_variance_ = sigma, lam
        self.explained_variance_ratio_ = ratio
        return self

    def transform(self, X: Tensor) -> Tensor:
        """Return the coordinates along the directions, T = (X − μ) W.  X: (n, d) → (n, k)."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=self.n_features_in_)
        return (X - self.mean_.to(X)) @ self.components_.to(X).T

    def inverse_transform(self, T: Tensor) -> Tensor:
        """Return the points with these coordinates, X̂ = T Wᵀ + μ.  T: (n, k) → (n, d)."""
        require_fitted(self, "mean_")
        require_matrix(T, "T", n_features=len(self.components_))
        return T @ self.components_.to(T) + self.mean_.to(T)

    def _validate(self, X):
        """Raise unless X and the parameters fit; return k."""
        require_matrix(X)
        require_choice("solver", self.solver, ("covariance", "svd"))
        n, d = X.shape
        if n < 2:
            raise ValueError("PCA needs 2 rows or more to see a variance, got 1; give more rows")
        if self.n_components is None:
            return min(n, d)
        if isinstance(self.n_components, float) and 0 < self.n_components < 1:
            raise TypeError(
                f"n_components must be a whole number, got {self.n_components}; for this share of "
                "the variance use int((PCA().fit(X).explained_variance_ratio_.cumsum(0) < "
                f"{self.n_components}).sum()) + 1"
            )
        require_between("n_components", self.n_components, 1, min(n, d))
        return self.n_components


def _largest_positive(Wt):
    """Return the directions, (k, d), turned: the entry largest in absolute value is positive."""
    largest = Wt.gather(1, Wt.abs().argmax(1, keepdim=True))  # (k, 1)
    return torch.where(largest < 0, -Wt, Wt)
