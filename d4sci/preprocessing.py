"""Preparing data: features on one scale, and labels as vectors."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from d4sci.device import in_float64, off_mps
from d4sci.distance import unit_rows
from d4sci.estimator import Transformer
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_column_squares,
    require_fitted,
    require_matrix,
)


@dataclass(eq=False, repr=False)
class MinMaxScaler(Transformer):
    """Rescale each feature to a range: x̂ = low + (high − low) (x − x_min) / (x_max − x_min).

    feature_range: (low, high).
    `fit` sets data_min_, data_max_ and data_range_, 1 for a constant feature, each (d,), and
    n_features_in_, d.
    A constant feature becomes low.
    Raises TypeError or ValueError unless low < high are two numbers, ValueError where a range is
    too large for the dtype of X, RuntimeError before `fit`.
    """

    feature_range: tuple[float, float] = (0.0, 1.0)

    def fit(self, X: Tensor, y: Tensor | None = None) -> Self:
        """Learn the smallest and the largest value of each feature.  X: (n, d).  y: ignored."""
        require_matrix(X)
        _require_range(self.feature_range)
        X = X.detach()
        x_min, x_max = X.amin(0), X.amax(0)  # (d,)
        x_range = x_max - x_min  # (d,)
        if not x_range.isfinite().all():
            raise ValueError(
                f"X must have ranges that {X.dtype} can hold; use X / 2, or X.double()"
            )
        x_range = torch.where(x_range > 0, x_range, 1)
        self.data_min_, self.data_max_, self.data_range_ = x_min, x_max, x_range
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Tensor) -> Tensor:
        """Return X̂ (n, d); values that `fit` did not see may leave the range."""
        require_fitted(self, "data_min_")
        require_matrix(X, n_features=len(self.data_min_))
        low, high = self.feature_range
        Z = (X - self.data_min_.to(X)) / self.data_range_.to(X)  # (n, d), 0 to 1
        return low + (high - low) * Z

    def inverse_transform(self, X: Tensor) -> Tensor:
        """Return the X (n, d) that `transform` turns into this one."""
        require_fitted(self, "data_min_")
        require_matrix(X, n_features=len(self.data_min_))
        low, high = self.feature_range
        Z = (X - low) / (high - low)  # (n, d)
        return Z * self.data_range_.to(X) + self.data_min_.to(X)


def _require_range(feature_range):
    """Raise unless this is a pair of finite numbers, the smaller one first."""
    message = f"feature_range must be (low, high), low < high, got {feature_range!r}"
    if not isinstance(feature_range, tuple | list) or len(feature_range) != 2:
        raise ValueError(message)
    low, high = feature_range
    require_between("each end of feature_range", low, -1e300, 1e300)
    require_between("each end of feature_range", high, -1e300, 1e300)
    if low >= high:
        raise ValueError(message)


@dataclass(eq=False, repr=False)
class StandardScaler(Transformer):
    """Give each feature mean 0 and standard deviation 1: x̂ = (x − μ) / σ.

    σ² = Σ (x − μ)² / n, the variance of the rows themselves (n, not n − 1).
    `fit` sets mean_, var_ (σ², ∞ or 0 where the dtype of X cannot hold it) and scale_ (σ), each
    (d,), and n_features_in_, d.
    A constant feature has scale 1 and becomes 0; so does one that varies in the last of the digits
    of float64 only.
    Raises ValueError where the squares of X overflow or vanish in float64, RuntimeError before
    `fit`.
    """

    def fit(self, X: Tensor, y: Tensor | None = None) -> Self:
        """Learn the mean and the standard deviation of each feature.  X: (n, d).  y: ignored."""
        require_matrix(X)
        X = X.detach()
        # Measured from the first row, and in float64, a feature keeps all its digits.
        first = in_float64(X[0])  # (d,)
        Z = off_mps(X) - first  # (n, d)
        var, shift = torch.var_mean(Z, dim=0, correction=0)  # (d,)
        require_column_squares(Z, var)
        last_digits = 4 * torch.finfo(torch.float64).eps * (first + shift).abs()
        scale = var.sqrt()
        scale = torch.where(scale <= last_digits, 1, scale)
        mean = (first + shift).to(X)
        rest = (first - mean.to(first)) + shift  # the digits of μ that its dtype cannot hold
        self.mean_, self._rest = mean, rest.to(X)
        self.var_, self.scale_ = var.to(X), scale.to(X)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Tensor) -> Tensor:
        """Return X̂ (n, d)."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=len(self.mean_))
        return (X - self.mean_.to(X) - self._rest.to(X)) / self.scale_.to(X)

    def inverse_transform(self, X: Tensor) -> Tensor:
        """Return the X (n, d) that `transform` turns into this one."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=len(self.mean_))
        return X * self.scale_.to(X) + self._rest.to(X) + self.mean_.to(X)


def normalize(X: Tensor, *, norm: str = "l2") -> Tensor:
    """Return X with each row divided by its norm: x̂ = x / ‖x‖; a row of zeros stays as it is.

    X: (n, d).  norm: "l2", √Σ x²; "l1", Σ |x|; or "max", max |x|.
    """
    require_matrix(X)
    orders = {"l1": 1, "l2": 2, "max": math.inf}
    require_choice("norm", norm, orders)
    return unit_rows(X, orders[norm])


def one_hot(y: Tensor, n_classes: int | None = None, *, dtype: torch.dtype | None = None) -> Tensor:
    """Return T (n, k) with T[i, y_i] = 1 and 0 elsewhere.

    y: labels 0 to k − 1, (n,).  n_classes: k; by default the largest label + 1.
    dtype: by default that of new tensors, float32.
    Raises ValueError for a label outside 0 to k − 1.
    """
    require_classes(y)
    y = y.long()
    k = max(0, int(y.max())) + 1 if n_classes is None else n_classes
    require_between("n_classes", k, 1, math.inf)
    require_classes(y, n_classes=k)
    T = y[:, None] == torch.arange(k, device=y.device)  # (n, k)
    return T.to(dtype or torch.get_default_dtype())


def __getattr__(name: str) -> Any:
    """Return `train_test_split` or `k_fold`, which used to live here, from where they live now."""
    if name not in ("train_test_split", "k_fold"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from d4sci import model_selection

    return getattr(model_selection, name)
