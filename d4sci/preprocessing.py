"""Preparing data: features on one scale, labels as vectors, rows to train and rows to test."""

import math
from dataclasses import dataclass
from numbers import Integral

import torch

from d4sci.device import in_float64, seeded
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
    require_same_length,
    require_tensor,
)


@dataclass(eq=False)
class MinMaxScaler:
    """Rescale each feature to a range: x̂ = low + (high − low) (x − x_min) / (x_max − x_min).

    feature_range: (low, high).
    `fit` sets data_min_, data_max_ and data_range_, each (d,). A constant feature becomes low,
    and so does one of a range below 10 ε, as in scikit-learn.
    Raises ValueError unless low < high, RuntimeError before `fit`.
    """

    feature_range: tuple = (0.0, 1.0)

    def fit(self, X):
        """Learn the smallest and the largest value of each feature.  X: (n, d)."""
        require_matrix(X)
        low, high = self.feature_range
        for end in (low, high):
            require_between("each end of feature_range", end, -1e300, 1e300)
        if low >= high:
            raise ValueError(f"feature_range must be (low, high), low < high, got {(low, high)}")
        self.data_min_, self.data_max_ = X.amin(0), X.amax(0)  # (d,)
        self.data_range_ = _no_zeros(self.data_max_ - self.data_min_)  # (d,)
        return self

    def transform(self, X):
        """Return X̂ (n, d); values that `fit` did not see may leave the range."""
        require_fitted(self, "data_min_")
        require_matrix(X, n_features=len(self.data_min_))
        low, high = self.feature_range
        Z = (X - self.data_min_.to(X)) / self.data_range_.to(X)  # (n, d), 0 to 1
        return low + (high - low) * Z

    def inverse_transform(self, X):
        """Return the X (n, d) that `transform` turns into this one."""
        require_fitted(self, "data_min_")
        require_matrix(X, n_features=len(self.data_min_))
        low, high = self.feature_range
        Z = (X - low) / (high - low)  # (n, d)
        return Z * self.data_range_.to(X) + self.data_min_.to(X)

    def fit_transform(self, X):
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)


@dataclass(eq=False)
class StandardScaler:
    """Give each feature mean 0 and standard deviation 1: x̂ = (x − μ) / σ.

    σ² = Σ (x − μ)² / n, the variance of the rows themselves (n, not n − 1).
    `fit` sets mean_, var_ and scale_ (σ), each (d,). A constant feature has scale 1, becomes 0.
    Raises RuntimeError before `fit`.
    """

    def fit(self, X):
        """Learn the mean and the standard deviation of each feature.  X: (n, d)."""
        require_matrix(X)
        # Measured from the first row, a feature far from the origin keeps all its digits, and in
        # float64 the squares of a huge or a tiny one are neither ∞ nor 0.
        var, mean = torch.var_mean(in_float64(X - X[0]), dim=0, correction=0)  # (d,)
        mean += in_float64(X[0])
        # Below this bound a variance is rounding error (Chan, Golub and LeVeque 1983,
        # doi:10.1080/00031305.1983.10483115), and the feature is constant.
        n_eps = len(X) * torch.finfo(torch.float64).eps
        constant = var <= n_eps * var + (n_eps * mean) ** 2
        scale = var.sqrt().masked_fill(constant, 1)
        self.mean_, self.var_, self.scale_ = mean.to(X), var.to(X), scale.to(X)  # (d,)
        return self

    def transform(self, X):
        """Return X̂ (n, d)."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=len(self.mean_))
        return (X - self.mean_.to(X)) / self.scale_.to(X)

    def inverse_transform(self, X):
        """Return the X (n, d) that `transform` turns into this one."""
        require_fitted(self, "mean_")
        require_matrix(X, n_features=len(self.mean_))
        return X * self.scale_.to(X) + self.mean_.to(X)

    def fit_transform(self, X):
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)


def normalize(X, *, norm="l2"):
    """Return X with each row divided by its norm: x̂ = x / ‖x‖; a row under 10 ε stays as it is.

    X: (n, d).  norm: "l2", √Σ x²; "l1", Σ |x|; or "max", max |x|.
    """
    require_matrix(X)
    orders = {"l1": 1, "l2": 2, "max": math.inf}
    require_choice("norm", norm, orders)
    lengths = torch.linalg.vector_norm(X, orders[norm], dim=1, keepdim=True)  # (n, 1)
    return X / _no_zeros(lengths)


def _no_zeros(scale):
    """Replace by 1 what is too small to divide by: below 10 ε, as in scikit-learn."""
    return scale.masked_fill(scale < 10 * torch.finfo(scale.dtype).eps, 1)


def one_hot(y, n_classes=None, *, dtype=None):
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


def train_test_split(*arrays, test_size=0.2, stratify=None, seed=0):
    """Return X_train, X_test, y_train, y_test, … : the rows of each array, shuffled and split.

    arrays: tensors with n rows each.  test_size: a fraction, rounded up, or a number of rows.
    stratify: labels (n,) whose shares both parts keep, to within a row of each class.
    Raises ValueError where a part would be empty, or a class too small to share.
    """
    if not arrays:
        raise ValueError("give at least one tensor to split, as train_test_split(X, y)")
    for i, A in enumerate(arrays):
        require_tensor(A, f"arrays[{i}]")
        require_same_length("arrays[0]", arrays[0], f"arrays[{i}]", A)
    n = len(arrays[0])
    require_between("test_size", test_size, 0.0, n)
    n_test = test_size if isinstance(test_size, Integral) else math.ceil(test_size * n)
    if not 1 <= n_test < n:
        raise ValueError(
            f"test_size must leave rows to train and to test, got {test_size} of {n} rows; "
            "use a fraction in (0, 1) or a smaller number of rows"
        )
    order = _shuffled(n, seed)  # (n,)
    in_test = torch.arange(n, device="cpu") < n_test  # (n,)
    if stratify is not None:
        require_classes(stratify, n, "stratify")
        in_test = _share_out(stratify.cpu()[order], n_test)
    return tuple(A[rows] for A in arrays for rows in (order[~in_test], order[in_test]))


def _share_out(y, n_test):
    """Mark n_test of the labels y, the first of each class, in proportion to the classes.

    Each class gets the whole part of n_test · size / n; the largest remainders get one more.
    """
    n = len(y)
    classes, c, sizes = y.unique(return_inverse=True, return_counts=True)  # (k,), (n,), (k,)
    if sizes.min() < 2:
        alone = classes[sizes < 2].tolist()
        raise ValueError(f"stratify needs 2 rows of each class, got 1 of {alone}; merge or drop it")
    if not len(classes) <= n_test <= n - len(classes):
        raise ValueError(
            f"stratify needs a row of each of the {len(classes)} classes in both parts, got "
            f"{n - n_test} to train and {n_test} to test; change test_size"
        )
    share, remainder = n_test * sizes // n, n_test * sizes % n  # (k,)
    largest = remainder.argsort(descending=True, stable=True)
    share[largest[: n_test - int(share.sum())]] += 1
    marked = torch.zeros_like(y, dtype=torch.bool)  # (n,)
    for j, m in enumerate(share.tolist()):
        marked[(c == j).nonzero()[:m]] = True
    return marked


def k_fold(n, k=5, *, stratify=None, seed=0):
    """Yield (train_index, validation_index) k times; each row validates exactly once.

    n: number of rows.  stratify: labels (n,) whose shares all folds keep.
    The folds differ in size by at most one row, and in rows of any class by at most one.
    The indices lie on the CPU, and index a tensor on any device.
    """
    require_between("n", n, 2, math.inf)
    require_between("k", k, 2, n)
    order = _shuffled(n, seed)  # (n,)
    dealt = order
    if stratify is not None:
        require_classes(stratify, n, "stratify")
        dealt = order[stratify.cpu()[order].argsort(stable=True)]  # class after class
    fold = torch.empty_like(order)
    fold[dealt] = torch.arange(n, device="cpu") % k  # like cards: 0, 1, …, k − 1, 0, 1, …
    for i in range(k):
        in_fold = fold[order] == i  # (n,)
        yield order[~in_fold], order[in_fold]


def _shuffled(n, seed):
    return torch.randperm(n, generator=seeded(seed), device="cpu")
