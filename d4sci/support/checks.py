"""Checks at the public boundary: each message says what was expected, what came, and the fix."""

import math
from collections.abc import Collection, Sized
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from d4sci.support.fixes import (
    way_to_classes,
    way_to_matrix,
    way_to_number,
    way_to_tensor,
    way_to_vector,
)


def as_python(value: Any) -> Any:
    """Return a number of NumPy's, or of any other kind, as Python's int or float.

    These calculate in float64, and in whole numbers of any size: the square of np.float32(0.1) is
    rounded to float32, and np.uint8(200) has no sum with 300.
    NumPy's bool and text become Python's too, and so does each entry of a tuple or list. All else,
    a tensor or an array among it, is returned as it is, for the checks to refuse.
    """
    if isinstance(value, tuple | list):
        entries = [as_python(entry) for entry in value]
        if all(new is old for new, old in zip(entries, value, strict=True)):
            return value
        return tuple(entries) if isinstance(value, tuple) else entries
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    return value.item() if isinstance(value, np.bool_ | np.str_) else value


def require_tensor(X: Any, name: str = "X") -> None:
    """Raise TypeError unless X is a tensor."""
    if not isinstance(X, Tensor):
        kind = f"{type(X).__module__}.{type(X).__name__}".removeprefix("builtins.")
        fix = way_to_tensor(X, name)
        raise TypeError(f"{name} must be a torch.Tensor, got {kind}; {fix}")


def require_dense(X: Any, name: str = "X") -> None:
    """Raise TypeError unless X is a tensor with a number in each place, ValueError without any."""
    require_tensor(X, name)
    if X.is_nested:
        kind, fix = "a nested tensor", f"{name}.to_padded_tensor(0.0)"
    elif X.is_quantized:
        kind, fix = str(X.dtype), f"{name}.dequantize()"
    elif X.layout != torch.strided:
        kind, fix = str(X.layout), f"{name}.to_dense()"
    elif X.is_meta:
        raise ValueError(f"{name} must hold values, got a tensor on 'meta'; make it on a device")
    else:
        return
    raise TypeError(f"{name} must be a dense tensor, got {kind}; use {fix}")


def require_matrix(X: Any, name: str = "X", *, n_features: int | None = None) -> None:
    """Raise unless X is a finite float32 or float64 tensor of shape (n, d) with n, d ≥ 1.

    n_features: the d that an earlier `fit` saw, if any.
    Raises TypeError (not a tensor, another dtype) or ValueError (shape, empty, NaN, infinity).
    """
    require_dense(X, name)
    if X.ndim != 2:
        fix = way_to_matrix(X, name, n_features)
        raise ValueError(f"{name} must have shape (n, d), got {tuple(X.shape)}; {fix}")
    if 0 in X.shape:
        what = "row" if len(X) == 0 else "column"
        raise ValueError(f"{name} is empty: shape {tuple(X.shape)}; give at least one {what}")
    if X.dtype not in (torch.float32, torch.float64):  # half of the bits are too few for sums
        fix = "real" if X.is_complex() else "float()"
        raise TypeError(f"{name} must be float32 or float64, got {X.dtype}; use {name}.{fix}")
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(
            f"{name} has {X.shape[1]} features, but fit saw {n_features}; give the same columns"
        )
    require_finite(X, name)


def require_batch(X: Any, shape: tuple[int, ...], name: str = "X") -> None:
    """Raise unless X is a floating-point tensor of n rows of this shape, a tuple."""
    require_tensor(X, name)
    row = tuple(X.shape[1:])
    if row != shape or X.ndim == 0:
        lacks_channels = len(shape) > 1 and row == shape[1:]
        fix = f"; use {name}[:, None]" if lacks_channels else ""
        expected = ", ".join(map(str, shape))
        raise ValueError(f"{name} must have shape (n, {expected}), got {tuple(X.shape)}{fix}")
    if not X.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {X.dtype}; use {name}.float()")


def require_finite(X: Tensor, name: str = "X") -> None:
    """Raise ValueError if X holds NaN or infinity."""
    # A finite sum proves a finite tensor in one pass; a large sum may overflow, so look closer.
    if not X.sum().isfinite() and not X.isfinite().all():
        bad = int((~X.isfinite()).sum())
        raise ValueError(
            f"{name} holds {bad} values that are NaN or infinite; drop or fill them first"
        )


def require_squares(variance: Tensor, X: Tensor, name: str = "X") -> None:
    """Raise ValueError if the dtype of X is too narrow for its squares: the variance, (), tells."""
    vanish = variance < torch.finfo(X.dtype).tiny and (X[0] != X).any()
    if vanish or not variance.isfinite():
        what = "vanish" if vanish else "overflow"
        if X.dtype == torch.float64:
            fix = f"divide {name} by {name}.abs().max()"
        else:
            fix = f"scale {name} with StandardScaler, or use {name}.double()"
        raise ValueError(
            f"{name} must have squares that {X.dtype} can hold, got some that {what}; {fix}"
        )


def require_column_squares(A: Tensor, squares: Tensor) -> None:
    """Raise ValueError where float64 is too narrow for the squares of a column of X.

    A: the columns, measured from near their means, (n, d).  squares: their sums or means, (d,).
    """
    vanished = squares < torch.finfo(squares.dtype).tiny
    if A[:, vanished].any() or not squares.isfinite().all():
        raise ValueError(
            "X must have squares that float64 can hold; divide it by its largest number"
        )


def require_same_length(name_a: str, a: Sized, name_b: str, b: Sized) -> None:
    """Raise ValueError unless a and b have equally many rows."""
    for name, A in ((name_a, a), (name_b, b)):
        if getattr(A, "ndim", 1) == 0:
            raise ValueError(f"{name} must have rows, got one number; use {name}.reshape(1)")
    if len(a) != len(b):
        raise ValueError(
            f"{name_a} and {name_b} must have equally many rows, got {len(a)} and {len(b)}"
        )


def require_labels(y: Any, n: int | None = None, name: str = "y") -> None:
    """Raise unless y is a non-empty tensor of shape (n,)."""
    require_dense(y, name)
    if y.ndim != 1:
        fix = way_to_vector(y, name)
        raise ValueError(f"{name} must have shape (n,), got {tuple(y.shape)}; {fix}")
    if len(y) == 0:
        raise ValueError(f"{name} is empty; give at least one label")
    if y.is_floating_point() or y.is_complex():
        require_finite(y, name)
    if n is not None and len(y) != n:
        raise ValueError(f"{name} must have one entry per row of X: expected {n}, got {len(y)}")


def require_classes(
    y: Any, n: int | None = None, name: str = "y", *, n_classes: int | None = None
) -> None:
    """Raise unless y is a non-empty tensor of class labels, integer or bool, of shape (n,).

    n_classes: k, where the labels must be 0 to k − 1.
    """
    require_dense(y, name)
    if y.is_floating_point() or y.is_complex():
        fix = way_to_classes(y, name)
        raise TypeError(f"{name} must hold integer class labels, got {y.dtype}; {fix}")
    require_labels(y, n, name)
    if n_classes is not None and not (y.min() >= 0 and y.max() < n_classes):
        fix = f"number the classes with {name}.unique(return_inverse=True)[1]"
        if y.min() >= 0 and len(y.unique()) > n_classes:
            fix = f"there are {len(y.unique())} classes, so give a larger n_classes"
        raise ValueError(
            f"{name} must hold labels from 0 to n_classes − 1 = {n_classes - 1}, got "
            f"{int(y.min())} to {int(y.max())}; {fix}"
        )


def require_number(name: str, value: Any, kind: type = Real) -> None:
    """Raise TypeError unless value is a number, whole if kind is Integral, and no bool."""
    if not isinstance(value, kind) or isinstance(value, bool):
        wanted, convert = ("a whole number", int) if kind is Integral else ("a number", float)
        fix = way_to_number(value, convert)
        raise TypeError(f"{name} must be {wanted}, got {value!r}; {fix}")


def require_between(name: str, value: Any, low: float, high: float, fix: str = "") -> None:
    """Raise unless low ≤ value ≤ high, and a whole number where low is one: 1, not 1.0."""
    require_number(name, value, Integral if isinstance(low, int) else Real)
    if not low <= as_python(value) <= high:  # np.float16 knows no 1e300
        fix = f"; {fix}" if fix else ""
        raise ValueError(f"{name} must lie between {low:g} and {high}, got {value}{fix}")


def require_positive(name: str, value: Any, fix: str) -> None:
    """Raise unless value is a number with 0 < value < ∞."""
    require_number(name, value)
    if not 0 < as_python(value) < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}; {fix}")


def require_choice(name: str, value: Any, choices: Collection) -> None:
    """Raise ValueError unless value is one of the choices."""
    if value not in list(choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def require_fitted(estimator: Any, attribute: str) -> None:
    """Raise RuntimeError unless `fit` has set the attribute."""
    if not hasattr(estimator, attribute):
        kind = type(estimator).__name__
        raise RuntimeError(f"this {kind} is not fitted yet; call fit first")
