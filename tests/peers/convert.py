"""Between scikit-learn's tests and d4sci: arrays into tensors and back, words into words.

Nothing is computed here. What d4sci does not have ends in `NotApplicable`, which the plugin counts
as what it is; it is no `Exception`, so that no test catches it by chance.
"""

import inspect
import warnings
from functools import wraps

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import d4sci.estimator


class Ledger:
    """What one test has asked of d4sci, and what of that d4sci does not have."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.used = []  # the adapters that the test used, in order
        self.asked = False  # whether one of them called d4sci
        self.reasons = []  # why the test is not applicable


LEDGER = Ledger()


class NotApplicable(pytest.skip.Exception):
    """A test asks for something that d4sci does not have, and does not claim to have."""

    def __init__(self, reason):
        reason = reason.removeprefix("not applicable: ")  # as another process wrote it
        super().__init__(f"not applicable: {reason}")
        LEDGER.reasons.append(reason)


def ask(function, *args, **kwargs):
    """Call d4sci; return arrays, and put warnings and errors into scikit-learn's classes."""
    LEDGER.asked = True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except RuntimeError as error:
            if "is not fitted yet" not in str(error):
                raise
            raise NotFittedError(str(error)) from error
    for warning in caught:
        kind = warning.category
        if issubclass(kind, d4sci.estimator.ConvergenceWarning):
            kind = ConvergenceWarning
        warnings.warn(str(warning.message), kind, stacklevel=3)
    return arrays(result)


def adapts(peer, **known):
    """Give a function the signature of its peer, and let it see only the parameters it names.

    Raises NotApplicable where a test gives another parameter a value that is neither its default
    nor one of those that are `known` to say what d4sci does anyway.
    """
    signature = inspect.signature(peer)

    def decorate(function):
        named = inspect.signature(function).parameters

        @wraps(function)
        def adapter(*args, **kwargs):
            LEDGER.used.append(peer.__name__)
            given = signature.bind(*args, **kwargs).arguments
            for name in [name for name in given if name not in named]:
                value, default = given.pop(name), signature.parameters[name].default
                if not is_one_of(value, [default, *known.get(name, [])]):
                    raise NotApplicable(f"`{name}`")
            return function(**given)

        adapter.__signature__ = signature
        adapter.__name__ = peer.__name__
        return adapter

    return decorate


def is_one_of(value, known):
    """Tell whether a value is one of those known, and of the same kind: True is not 1."""
    for other in known:
        plain = isinstance(value, str | bool | int | float)
        if value is other or (plain and type(value) is type(other) and value == other):
            return True
    return False


def refuse_containers(X):
    """Raise NotApplicable for what is neither a plain array nor a list."""
    if scipy.sparse.issparse(X):
        raise NotApplicable("sparse input")
    if type(X).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow"):
        raise NotApplicable("data frames and series")
    if X is None or type(X).__module__.startswith("sklearn."):
        raise NotApplicable("models, or nothing, in place of rows")
    if isinstance(X, np.matrix | np.ma.MaskedArray):
        raise NotApplicable("NumPy's matrices and masked arrays")


def tensor(array):
    """Return a tensor of the same dtype, on the same memory where there is a tensor like that."""
    array = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    if not array.flags.writeable:  # PyTorch has no tensor that must not be written to
        array = array.copy()
    return torch.from_numpy(array)


def numbers(X):
    """Return the tensor of X: float32 and float64 stay, other numbers become float64."""
    refuse_containers(X)
    array = np.asarray(X)
    if array.dtype.kind == "c":
        return tensor(array)  # d4sci refuses it
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)  # raises ValueError for words
    return tensor(array)


def labels(y):
    """Return the tensor of labels: bool stays, other whole numbers become int64."""
    refuse_containers(y)
    array = np.asarray(y)
    if array.ndim == 2:
        raise NotApplicable("labels in a matrix (multilabel, several outputs, a column)")
    if array.dtype.kind in "OUST":
        raise NotApplicable("labels that are not numbers")
    if array.dtype.kind in "fc":
        whole = array.dtype.kind == "f" and np.isfinite(array).all()
        whole = whole and (array == np.floor(array)).all()
        return tensor(array.astype(np.int64) if whole else array)  # others, d4sci refuses
    return tensor(array if array.dtype.kind == "b" else array.astype(np.int64))


def arrays(value):
    """Return the NumPy array of a tensor; of a list or a tuple, the arrays in it."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()[()]  # of one number, the number
    if isinstance(value, list | tuple):
        return type(value)(arrays(v) for v in value)
    return value


def seed(random_state):
    """Return a seed for d4sci: a whole number stays, a generator gives one, None is 0."""
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return random_state
