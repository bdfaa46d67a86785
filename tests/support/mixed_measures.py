"""Measures for data of mixed scales: errors, those of scikit-learn, and how the two compare."""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from d4sci.estimator import ConvergenceWarning
from tests.support.mixed_scales import Data

FACTOR = 4  # times scikit-learn's error: up to there the two are taken for equally exact


class Line(NamedTuple):
    """One measure of one method on one table."""

    measure: str
    ours: float  # error in the dtype of the table, against our plain path in float64
    against: float  # the same, against scikit-learn in float64
    theirs: float  # scikit-learn's in the dtype of the table, against scikit-learn in float64
    floor: float  # what the rounding of the quantity itself explains

    def fine(self) -> bool:
        return self.ours <= max(FACTOR * self.theirs, self.floor) and self.ours < math.inf


class Four(NamedTuple):
    """The same result four times: ours and scikit-learn's, in the table's dtype and in float64."""

    ours: Any
    exact: Any
    theirs: Any  # None where scikit-learn raises
    their_exact: Any

    def of(self, part: Callable[[Any], Any]) -> "Four":
        """Return a part of each, such as its labels."""
        return Four(*(None if result is None else part(result) for result in self))

    def line(self, measure: str, error: Callable[[Any, Any], float], floor: float) -> Line:
        """Return how far they lie apart; ∞ where there is none."""

        def apart(a, b):
            return math.inf if a is None or b is None else finite(error(numbers(a), numbers(b)))

        ours, against = apart(self.ours, self.exact), apart(self.ours, self.their_exact)
        return Line(measure, ours, against, apart(self.theirs, self.their_exact), floor)

    def excess(self, measure: str, objective: Callable[[Any], float], floor: float) -> Line:
        """Return how far each lies above the least objective that is known, as a share of it."""
        found = [math.inf if result is None else float(objective(result)) for result in self]
        best = min(found[1], found[3])
        above = [finite(max(0.0, J - best) / (best or 1.0)) for J in found]
        return Line(measure, above[0], above[0], above[2], floor)


def fitted(model, *data):
    """Fit one of ours; `warned` is what it said if it has not converged, else ''."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data)
    said = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    model.warned = "; ".join(said)
    return model


def peer(run, *data):
    """Return what scikit-learn makes of these data, None where it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return run(*(numbers(A) for A in data))
        except (ValueError, np.linalg.LinAlgError):
            return None


def numbers(A):
    return A.detach().numpy().copy() if isinstance(A, Tensor) else A


def eps(D: Data) -> float:
    return torch.finfo(D.X.dtype).eps


# ---------------------------------------------------------------- errors, of arrays or numbers


def finite(error) -> float:
    error = float(error)
    return error if math.isfinite(error) else math.inf


def relative(a, exact):
    """The largest relative error; where the exact number is 0, relative to the least other."""
    a, exact = np.asarray(a, float), np.asarray(exact, float)
    size = np.abs(exact)
    if not size.any():
        return np.abs(a).max()
    return np.max(np.abs(a - exact) / np.where(size > 0, size, size[size > 0].min()))


def absolute(a, exact):
    """The largest error."""
    return np.max(np.abs(np.asarray(a, float) - np.asarray(exact, float)))


def usual(a, exact):
    """The error that 9 of 10 entries stay below."""
    return np.quantile(np.abs(np.asarray(a, float) - np.asarray(exact, float)), 0.9)


def beside_spread(a, exact):
    """The error that 9 of 10 rows stay below, over the spread of the tame ones; per column."""
    a, exact = np.asarray(a, float), np.asarray(exact, float)
    if a.ndim == 1:
        a, exact = a[:, None], exact[:, None]
    return np.max(np.quantile(np.abs(a - exact), 0.9, axis=0) / spread(exact))


def spread(exact):
    """Return how far tame numbers lie apart: between the quartiles, else the deviation; or 1."""
    exact = np.asarray(exact, float)
    low, high = np.quantile(exact, [0.25, 0.75], axis=0)
    size = np.where(high > low, high - low, np.std(exact, axis=0))
    return np.where(size > 0, size, 1)


def share_that_differs(a, exact):
    return np.mean(np.asarray(a) != np.asarray(exact))
