"""What all estimators share: their parameters by name, a score, and a word when they stop early.

Nothing here hides `fit`: each lesson writes its own. The names are scikit-learn's, so that its
`clone`, `Pipeline` and `cross_val_score` take our estimators, on tensors.
"""

import dataclasses
import warnings
from typing import Any, Self

from torch import Tensor

from d4sci.metrics import accuracy, r2


class ConvergenceWarning(UserWarning):
    """A fit stopped before it had converged: what it found may be improved."""


def warn_not_converged(reason: str, advice: str) -> None:
    """Warn the caller of `fit` that it stopped early, why, and what to do about it."""
    warnings.warn(f"{reason}; {advice}", ConvergenceWarning, stacklevel=3)


class Estimator:
    """The parameters of a dataclass by name, as in scikit-learn.  Its fields are the parameters."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return {name: value} of all parameters.  deep: accepted for scikit-learn, no effect."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name and return self.  Raises ValueError for an unknown name."""
        names = [field.name for field in dataclasses.fields(self)]
        for name in params:
            if name not in names:
                kind, known = type(self).__name__, ", ".join(names) or "none"
                raise ValueError(f"{kind} has no parameter {name!r}; it has {known}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self):
        """Return the name and the parameters that differ from their defaults; tensors by shape."""
        shown = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                shown.append(f"{field.name}=tensor{tuple(value.shape)}")
            elif value is not field.default and value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self):
        """Return scikit-learn's tags, which it asks for; loaded only then."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


class Classifier(Estimator):
    """An estimator that predicts classes."""

    def score(self, X: Tensor, y: Tensor) -> float:
        """Return the accuracy of `predict(X)`.  X: (n, d).  y: the true classes, (n,)."""
        return accuracy(y.to(X.device), self.predict(X))

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        tags.target_tags.required = True
        return tags


class Regressor(Estimator):
    """An estimator that predicts numbers."""

    def score(self, X: Tensor, y: Tensor) -> float:
        """Return R² of `predict(X)`.  X: (n, d).  y: the true numbers, (n,) or (n, t)."""
        return r2(y.to(X), self.predict(X))

    def __sklearn_tags__(self):
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        tags.target_tags.required = True
        return tags


class Clusterer(Estimator):
    """An estimator that labels the rows that it is fitted to."""

    def fit_predict(self, X: Tensor, y: None = None) -> Tensor:
        """Return `fit(X).labels_`, (n,).  y: ignored, as in scikit-learn."""
        return self.fit(X).labels_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "clusterer"
        return tags


class Transformer(Estimator):
    """An estimator that turns rows into other rows."""

    def fit_transform(self, X: Tensor, y: None = None) -> Tensor:
        """Return `fit(X).transform(X)`.  y: ignored, as in scikit-learn."""
        return self.fit(X).transform(X)

    def __sklearn_tags__(self):
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags
