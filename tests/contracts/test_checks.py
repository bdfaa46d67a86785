"""Each check passes good input silently and answers bad input with the fix."""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d4sci.support.checks import (
    require_batch,
    require_between,
    require_choice,
    require_classes,
    require_finite,
    require_fitted,
    require_labels,
    require_matrix,
    require_number,
    require_positive,
    require_same_length,
    require_tensor,
)

NAN, INF = float("nan"), float("inf")
X = torch.ones(4, 2)
Y = torch.tensor([0, 1, 1, 7])


def quantized(X):
    """Return X in steps of 0.1, as 8-bit integers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch will give them up
        return torch.quantize_per_tensor(X, 0.1, 0, torch.qint8)


@dataclass(eq=False)
class Scaler:
    def fit(self):
        self.mean_ = 0.0
        return self


BAD = {
    "list": (
        lambda: require_tensor([[1.0]]),
        TypeError,
        "X must be a torch.Tensor, got list; use torch.as_tensor(X)",
    ),
    "array": (
        lambda: require_tensor(np.ones(2), "y"),
        TypeError,
        "y must be a torch.Tensor, got numpy.ndarray; use torch.as_tensor(y)",
    ),
    "none": (lambda: require_tensor(None), TypeError, "got NoneType"),
    "matrix list": (lambda: require_matrix([[1.0]]), TypeError, "torch.as_tensor(X)"),
    "vector": (
        lambda: require_matrix(torch.ones(5)),
        ValueError,
        "X must have shape (n, d), got (5,); for one feature use X.reshape(-1, 1)",
    ),
    "number": (lambda: require_matrix(torch.tensor(1.0)), ValueError, "(n, d), got ()"),
    "images": (
        lambda: require_matrix(torch.ones(2, 3, 3)),
        ValueError,
        "got (2, 3, 3); flatten each row with X.flatten(1)",
    ),
    "no rows": (lambda: require_matrix(torch.ones(0, 2)), ValueError, "X is empty: shape (0, 2)"),
    "no columns": (
        lambda: require_matrix(torch.ones(2, 0)),
        ValueError,
        "X is empty: shape (2, 0); give at least one column",
    ),
    "integers": (
        lambda: require_matrix(X.long()),
        TypeError,
        "X must be float32 or float64, got torch.int64; use X.float()",
    ),
    "half precision": (
        lambda: require_matrix(X.bfloat16()),
        TypeError,
        "X must be float32 or float64, got torch.bfloat16; use X.float()",
    ),
    "columns": (
        lambda: require_matrix(X, n_features=3),
        ValueError,
        "X has 2 features, but fit saw 3; give the same columns",
    ),
    "matrix nan": (lambda: require_matrix(X * NAN, "Z"), ValueError, "Z holds 8 values"),
    "one nan": (
        lambda: require_finite(torch.tensor([1.0, NAN])),
        ValueError,
        "X holds 1 values that are NaN or infinite; drop or fill them first",
    ),
    "infinities": (
        lambda: require_finite(torch.tensor([INF, -INF])),
        ValueError,
        "X holds 2 values",
    ),
    "lengths": (
        lambda: require_same_length("a", [1], "b", [1, 2]),
        ValueError,
        "a and b must have equally many rows, got 1 and 2",
    ),
    "labels list": (lambda: require_labels([0, 1]), TypeError, "torch.as_tensor(y)"),
    "labels matrix": (
        lambda: require_labels(Y[:, None]),
        ValueError,
        "y must have shape (n,), got (4, 1); use y.flatten()",
    ),
    "no labels": (lambda: require_labels(Y[:0]), ValueError, "y is empty; give at least one label"),
    "labels nan": (lambda: require_labels(torch.tensor([NAN])), ValueError, "y holds 1 values"),
    "labels short": (
        lambda: require_labels(Y, 5),
        ValueError,
        "y must have one entry per row of X: expected 5, got 4",
    ),
    "float classes": (
        lambda: require_classes(Y.float(), name="labels"),
        TypeError,
        "labels must hold integer class labels, got torch.float32; use labels.long()",
    ),
    "complex classes": (lambda: require_classes(Y + 0j), TypeError, "use y.real.long()"),
    "string classes": (lambda: require_classes(["a"]), TypeError, "number what is text"),
    "probabilities": (
        lambda: require_classes(Y / 7),
        TypeError,
        "got torch.float32; for probabilities use (y > 0.5).long()",
    ),
    "logits": (lambda: require_classes(Y - 0.5), TypeError, "for logits use (y > 0).long()"),
    "scores": (lambda: require_classes(X), TypeError, "for scores of the classes use y.argmax(1)"),
    "complex matrix": (lambda: require_matrix(X + 0j), TypeError, "complex64; use X.real"),
    "one row": (
        lambda: require_matrix(X[0], n_features=2),
        ValueError,
        "X must have shape (n, d), got (2,); for one row use X[None]",
    ),
    "sparse": (
        lambda: require_matrix(X.to_sparse()),
        TypeError,
        "X must be a dense tensor, got torch.sparse_coo; use X.to_dense()",
    ),
    "quantized": (
        lambda: require_matrix(quantized(X)),
        TypeError,
        "got torch.qint8; use X.dequantize()",
    ),
    "meta": (lambda: require_matrix(X.to("meta")), ValueError, "X must hold values, got a tensor"),
    "too many classes": (
        lambda: require_classes(Y, n_classes=2),
        ValueError,
        "there are 3 classes, so give a larger n_classes",
    ),
    "no number": (lambda: require_number("tol", None), TypeError, "got None; give one"),
    "with a reason": (
        lambda: require_between("k", 5, 1, 4, "there are 4 rows"),
        ValueError,
        "k must lie between 1 and 4, got 5; there are 4 rows",
    ),
    "class matrix": (lambda: require_classes(Y[None]), ValueError, "use y.flatten()"),
    "classes short": (lambda: require_classes(Y, 3), ValueError, "expected 3, got 4"),
    "below": (
        lambda: require_between("k", 1, 2, 9),
        ValueError,
        "k must lie between 2 and 9, got 1",
    ),
    "above": (lambda: require_between("k", 10, 2, 9), ValueError, "got 10"),
    "between nan": (lambda: require_between("k", NAN, 2.0, 9), ValueError, "got nan"),
    "half": (
        lambda: require_between("k", 2.5, 2, 9),
        TypeError,
        "whole number, got 2.5; use int(.",
    ),
    "bool": (
        lambda: require_between("k", True, 0, 9),
        TypeError,
        "k must be a whole number, got True",
    ),
    "text": (lambda: require_number("tol", "1"), TypeError, "a number, got '1'; use float(...)"),
    "zero": (lambda: require_positive("C", 0, "try C=1.0"), ValueError, "got 0; try C=1.0"),
    "unending": (lambda: require_positive("C", INF, "try C=1.0"), ValueError, "C must be positive"),
    "class 7": (
        lambda: require_classes(Y, n_classes=7),
        ValueError,
        "y must hold labels from 0 to n_classes − 1 = 6, got 0 to 7; number the classes with",
    ),
    "choice": (
        lambda: require_choice("norm", "l3", ("l1", None)),
        ValueError,
        "norm must be one of 'l1', None, got 'l3'",
    ),
    "unfitted": (
        lambda: require_fitted(Scaler(), "mean_"),
        RuntimeError,
        "this Scaler is not fitted yet; call fit first",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_with_the_fix(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_good_matrices_pass(dtype):
    require_tensor(X.to(dtype))
    require_matrix(X.to(dtype))
    require_matrix(X.to(dtype), n_features=2)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64])
def test_good_labels_pass(dtype):
    require_labels(Y.to(dtype), 4)
    require_classes(Y.to(dtype), 4)


def test_good_values_pass():
    require_labels(torch.tensor([0.5]))
    require_same_length("a", X, "b", Y)
    require_between("k", 2, 2, 9)
    require_between("k", 9, 2, 9)
    require_between("k", np.int64(9), 2, 9)
    require_between("tol", 9, 2.0, 9)
    require_positive("C", np.float32(0.5), "")
    require_classes(Y, n_classes=8)
    require_choice("norm", None, ("l1", None))
    require_fitted(Scaler().fit(), "mean_")


def test_a_sum_that_overflows_is_not_taken_for_infinity():
    require_finite(torch.full((4,), 3e38))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(width=32), min_size=1, max_size=8))
def test_finite_is_what_python_calls_finite(values):
    finite = all(np.isfinite(v) for v in values)
    if finite:
        require_finite(torch.tensor(values))
    else:
        with pytest.raises(ValueError, match="NaN or infinite"):
            require_finite(torch.tensor(values))


def test_checks_read_and_never_write():
    A, y = torch.randn(5, 3), torch.arange(5)
    B, z = A.clone(), y.clone()
    require_matrix(A, n_features=3)
    require_classes(y, 5)
    assert torch.equal(A, B)
    assert torch.equal(y, z)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (torch.rand(2, 3), ValueError, r"X must have shape \(n, 1, 4, 4\), got \(2, 3\)"),
        (torch.rand(2, 4, 4), ValueError, r"got \(2, 4, 4\); use X\[:, None\]"),
        (torch.tensor(1.0), ValueError, r"got \(\)"),
        (torch.ones(2, 1, 4, 4).long(), TypeError, r"got torch.int64; use X.float\(\)"),
        ([1.0], TypeError, "must be a torch.Tensor, got list"),
    ],
)
def test_batch(X, error, message):
    require_batch(torch.rand(2, 1, 4, 4), (1, 4, 4))
    with pytest.raises(error, match=message):
        require_batch(X, (1, 4, 4))
