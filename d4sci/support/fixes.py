"""The last words of an error: the call that mends the bad input.  Each works, word for word."""

import warnings
from typing import Any

import torch
from torch import Tensor

WAYS_TO_TENSOR = {
    "torch.as_tensor({})": torch.as_tensor,
    "torch.as_tensor({}.to_numpy())": lambda X: torch.as_tensor(X.to_numpy()),  # of pandas
    "torch.as_tensor({}.toarray())": lambda X: torch.as_tensor(X.toarray()),  # of SciPy, sparse
    "torch.stack({})": torch.stack,  # a list of tensors
}


def way_to_tensor(X: Any, name: str) -> str:
    """Return how to make a tensor of X."""
    for text, call in WAYS_TO_TENSOR.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a list of arrays is slow, but works
                call(X)
        except Exception:  # NumPy, pandas and torch refuse in many ways
            continue
        return "use " + text.format(name)
    return "give a tensor of numbers, and number what is text"


def way_to_matrix(X: Tensor, name: str, n_features: int | None) -> str:
    """Return how to make rows, (n, d), of a tensor with another number of axes.

    n_features: the d that an earlier `fit` saw, if any.
    """
    if X.ndim > 2:
        return f"flatten each row with {name}.flatten(1)"
    if X.ndim == 0:
        return f"for one row with one feature use {name}.reshape(1, 1)"
    if n_features in (None, 1):
        return f"for one feature use {name}.reshape(-1, 1)"
    return f"for one row use {name}[None]"


def way_to_vector(y: Tensor, name: str) -> str:
    """Return how to make a vector, (n,), of labels or numbers with another number of axes."""
    if y.ndim != 2 or 1 in y.shape:
        return f"use {name}.flatten()"
    if y.is_floating_point() or y.is_complex():
        return f"for one column use {name}[:, 0]"
    y = y.long()
    one_hot = ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()
    return f"use {name}.int().argmax(1)" if one_hot else f"use {name}.flatten()"


def way_to_classes(y: Tensor, name: str) -> str:
    """Return how to make class labels of floating-point numbers, such as a model puts out."""
    if y.is_complex():
        return f"use {name}.real.long()"
    if y.ndim == 2 and 1 not in y.shape:
        return f"for scores of the classes use {name}.argmax(1)"
    y = y.float()
    if (y == y.trunc()).all():
        return f"use {name}.long()"
    if y.min() >= 0 and y.max() <= 1:
        return f"for probabilities use ({name} > 0.5).long()"
    return f"for logits use ({name} > 0).long(), and for other numbers a regression"


def way_to_number(value: Any, convert: type) -> str:
    """Return how to make a number, by convert (int or float), of the value."""
    try:
        convert(value)
    except Exception:
        return "give one"
    return f"use {convert.__name__}(...)"
