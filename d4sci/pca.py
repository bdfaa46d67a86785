"""Principal component analysis: the directions in which the data varies most."""

from dataclasses import dataclass

import torch

from d4sci.device import off_mps
from d4sci.engines.moments import moments
from d4sci.support.checks import require_between, require_fitted, require_matrix, require_squares


@dataclass(eq=False)
class PCA:
    """Turn the axes towards the variance: T = (X − μ) W, with X − μ = U Σ Wᵀ.

    The columns of W are the eigenvectors of the covariance C = (X − μ)ᵀ(X − μ) / (n − 1), the
    variances along them its eigenvalues λ_i = σ_i² / (n − 1), in descending order.

    n_components: k, how many directions to keep; None for all min(n, d).
    `fit` sets components_ (k, d), the rows of Wᵀ; mean_ (d,); explained_variance_ λ (k,);
    explained_variance_ratio_, their share of all variance (k,); singular_values_ σ (k,).
    The sign of a direction means nothing: its largest entry is made positive.
    Raises TypeError or ValueError for an X or a k that does not fit, RuntimeError before `fit`.
    Source: Pearson 1901, doi:10.1080/14786440109462720; Hotelling 1933, doi:10.1037/h0071325.
    """

    n_components: int | None = None

    def fit(self, X):
        """Find the directions.  X: (n, d), n ≥ 2."""
        require_matrix(X)
        n, d = X.shape
        if n < 2:
            raise ValueError("PCA needs 2 rows or more to see a variance, got 1; give more rows")
        k = min(n, d) if self.n_components is None else self.n_components
        require_between("n_components", k, 1, min(n, d))
        found = _principal_axes(off_mps(X.detach()), k)  # (d,), (min(n, d),), (k, d)
        self.mean_, sigma, Wt = (A.to(X) for A in found)
        largest = Wt.gather(1, Wt.abs().argmax(1, keepdim=True))  # (k, 1)
        variance = sigma.square() / (n - 1)  # (min(n, d),)
        total = variance.sum()
        require_squares(total, X)
        self.components_ = torch.where(largest < 0, -Wt, Wt)  # (k, d)
        self.singular_values_, self.explained_variance_ = sigma[:k], variance[:k]
        self.explained_variance_ratio_ = variance[:k] / torch.where(total > 0, total, 1)
        return self

    def transform(self, X):
        """Return the coordinates along the directions, T = (X − μ) W.  X: (n, d) → (n, k)."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=len(self.mean_))
        return (X - self.mean_.to(X)) @ self.components_.to(X).T

    def fit_transform(self, X):
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)

    def inverse_transform(self, T):
        """Return the points with these coordinates, X̂ = T Wᵀ + μ.  T: (n, k) → (n, d)."""
        require_fitted(self, "mean_")
        require_matrix(T, "T", n_features=len(self.components_))
        return T @ self.components_.to(T) + self.mean_.to(T)


def _principal_axes(X, k):
    """Return the mean of X, all singular values of X − μ, descending, and k right singular vectors.

    (d,), (min(n, d),), (k, d)
    """
    n, d = X.shape
    # Many rows: the d × d matrix of their products says it all, and is soon made. But products
    # square the singular values, and rounding of the largest drowns what is too small.
    for float64 in (False, True) if n > 5 * d else ():
        mean, S = moments(X, float64=float64)
        if not S.isfinite().all():
            continue
        lam, W = torch.linalg.eigh(S)  # ascending, (d,), (d, d)
        lam, Wt = lam.flip(0).clamp(min=0), W.flip(1).T
        if lam[k - 1] > torch.finfo(S.dtype).eps ** 0.6 * lam[0] or S.dtype != X.dtype:
            return mean, lam.sqrt(), Wt[:k]
    mean = X.mean(0)
    _, sigma, Wt = torch.linalg.svd(X - mean, full_matrices=False)
    return mean, sigma, Wt[:k]
