"""What all estimators share: parameters by name, a score, a warning about a doubtful fit.

Each lesson writes its own `fit`. This file only sees to it that a `fit` that raises changes
nothing. The names are scikit-learn's, so that its `clone`, `Pipeline`, `cross_val_score` and
`GridSearchCV` take our estimators, on tensors.
"""

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from d4sci.metrics import accuracy, r2
from d4sci.support.checks import as_python, require_tensor

if TYPE_CHECKING:
    from sklearn.utils import Tags

PACKAGE = str(Path(__file__).parent) + os.sep


class ConvergenceWarning(UserWarning):
    """A fit stopped before it had converged, or K-Means found fewer clusters than asked for."""


def warn_not_converged(reason: str, advice: str) -> None:
    """Give a `ConvergenceWarning`: what happened (reason), and what to do about it (advice).

    The warning points to the line outside this package that asked for the fit.
    """
    level, frame = 1, sys._getframe()  # level 1 is this function
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{reason}; {advice}", ConvergenceWarning, stacklevel=level)


def _all_or_nothing(fit: Callable) -> Callable:
    """Return this `fit`, after which the model has learned all of it or, if it raises, nothing.

    Ctrl-C between two assignments and a warning that is turned into an error count as well.
    Whatever mode the caller is in, the tensors that it makes are ordinary ones without a graph:
    those of `torch.inference_mode()` could have no part in a gradient later.
    """

    @wraps(fit)
    def fit_or_restore(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            with torch.inference_mode(False), torch.no_grad():
                return fit(self, *args, **kwargs)
        except BaseException:
            self.__dict__ = before
            raise

    return fit_or_restore


class Estimator:
    """The parameters of a dataclass by name, as in scikit-learn. Its fields are the parameters.

    A `fit` that raises leaves the earlier state whole.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the `fit` of each lesson, where the class has one, change all or nothing."""
        super().__init_subclass__(**kwargs)
        if "fit" in vars(cls):
            cls.fit = _all_or_nothing(cls.fit)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a parameter that is a number of NumPy's becomes Python's."""
        if name in getattr(self, "__dataclass_fields__", ()):
            value = as_python(value)
        super().__setattr__(name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return {name: value} of all parameters.

        deep: ignored, since no parameter is an estimator itself; scikit-learn passes it.
        """
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.  Raises ValueError for an unknown name; then none is set."""
        known = self.get_params(deep=False)
        for name in params:
            if name not in known:
                kind, names = type(self).__name__, ", ".join(known) or "none"
                raise ValueError(f"{kind} has no parameter {name!r}; it has {names}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """Return the class and the parameters that differ from their defaults."""
        defaults = {field.name: repr(_default(field)) for field in dataclasses.fields(self)}
        shown = []
        for name, value in self.get_params(deep=False).items():
            text = f"<tensor {tuple(value.shape)}>" if isinstance(value, Tensor) else repr(value)
            if text != defaults[name]:
                shown.append(f"{name}={text}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> "Tags":
        """Return what scikit-learn asks of an estimator; it is imported only then."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


def _default(field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


class Classifier(Estimator):
    """An estimator that predicts classes."""

    def score(self, X: Tensor, y: Tensor) -> float:
        """Return the accuracy of `predict(X)`.  X: (n, d).  y: the true classes, (n,)."""
        require_tensor(y, "y")
        predicted = self.predict(X)
        return accuracy(y.to(predicted.device), predicted)

    def __sklearn_tags__(self) -> "Tags":
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags


class Regressor(Estimator):
    """An estimator that predicts numbers."""

    def score(self, X: Tensor, y: Tensor) -> float:
        """Return R² of `predict(X)`.  X: (n, d).  y: the true numbers, (n,) or (n, t).

        Of several targets, the mean of their R², as in scikit-learn.
        """
        require_tensor(y, "y")
        predicted = self.predict(X)
        y = y.to(predicted.device)
        if y.ndim == 2 and y.shape == predicted.shape:
            scores = [r2(y[:, j], predicted[:, j]) for j in range(y.shape[1])]
            return sum(scores) / len(scores)
        return r2(y, predicted)

    def __sklearn_tags__(self) -> "Tags":
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        return tags


class Clusterer(Estimator):
    """An estimator that labels the rows that it is fitted to."""

    def fit_predict(self, X: Tensor, y: Tensor | None = None) -> Tensor:
        """Return `fit(X).labels_`, (n,).  y: ignored, as in scikit-learn."""
        return self.fit(X).labels_

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.estimator_type = "clusterer"
        return tags


class Transformer(Estimator):
    """An estimator that turns rows into other rows."""

    def fit_transform(self, X: Tensor, y: Tensor | None = None) -> Tensor:
        """Return `fit(X).transform(X)`.  y: ignored, as in scikit-learn."""
        return self.fit(X).transform(X)

    def __sklearn_tags__(self) -> "Tags":
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags
