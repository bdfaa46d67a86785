"""Several steps as one model: each transformer learns from the training rows alone."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor

if TYPE_CHECKING:
    from sklearn.utils import Tags


class Pipeline:
    """Transform, then predict: each step learns from the rows of `fit` alone, none of test data.

    steps: any number of transformers (with fit_transform and transform), then a model (with fit
    and predict), as in `Pipeline(StandardScaler(), PCA(2), KNeighborsClassifier())`.
    The last step may also be a clusterer or a transformer: then the pipeline has its `fit_predict`,
    or its `transform` and `fit_transform`.
    `fit` fits copies of the steps and puts them into `steps` at the end: if one of them raises, the
    pipeline stays as it was.

    `model` is the last step, `transformer` the one before it, if there is just one. By these
    names `set_params(model__n_neighbors=3)` reaches a parameter of a step; several transformers
    go by their classes in lower case: `set_params(pca__n_components=2)`.
    Raises TypeError for a step that cannot transform or fit.
    """

    def __init__(self, *steps: Any):
        self.steps = _require_steps(steps)

    @property
    def model(self) -> Any:
        """Return the last step."""
        return self.steps[-1]

    @property
    def transformer(self) -> Any:
        """Return the step before the model.  Raises AttributeError unless there is just one."""
        if len(self.steps) != 2:
            raise AttributeError(f"{len(self.steps) - 1} steps transform; use steps[i]")
        return self.steps[0]

    def fit(self, X: Tensor, y: Tensor | None = None) -> Self:
        """Fit the first step to X (n, d), each further one to the output of the step before it."""
        self._fit_steps("fit", X, y)
        return self

    def _fit_steps(self, method, X, y):
        """Fit copies of all steps; method: the model's, by name, whose result is returned."""
        *transformers, model = copy.deepcopy(self.steps)
        for transformer in transformers:
            X = transformer.fit_transform(X, y)
        result = getattr(model, method)(X, y)
        self.steps = (*transformers, model)
        return result

    def predict(self, X: Tensor) -> Tensor:
        """Return what the model predicts for the transformed X.  X: (n, d) → (n,)."""
        return self.model.predict(self._transform(X))

    def _transform(self, X):
        for transformer in self.steps[:-1]:
            X = transformer.transform(X)
        return X

    # A pipeline has each of the following methods only if its model has it: hasattr(pipeline,
    # "predict_proba") is False for a pipeline that ends with a LinearSVM.

    @property
    def predict_proba(self) -> Callable[[Tensor], Tensor]:
        """Return the model's `predict_proba`, for rows before they are transformed."""
        return self._from_raw_rows(self.model.predict_proba)

    @property
    def decision_function(self) -> Callable[[Tensor], Tensor]:
        """Return the model's `decision_function`, for rows before they are transformed."""
        return self._from_raw_rows(self.model.decision_function)

    @property
    def score(self) -> Callable[..., float]:
        """Return the model's `score`, for rows before they are transformed."""
        return self._from_raw_rows(self.model.score)

    @property
    def transform(self) -> Callable[[Tensor], Tensor]:
        """Return a method that applies the `transform` of all steps, one after the other."""
        return self._from_raw_rows(self.model.transform)

    def _from_raw_rows(self, method):
        @wraps(method)  # its name and docstring
        def transform_and_call(X, *args, **kwargs):
            return method(self._transform(X), *args, **kwargs)

        return transform_and_call

    @property
    def fit_predict(self) -> Callable[..., Tensor]:
        """Return a method that fits all steps and returns the labels of the rows, (n,)."""
        return self._fitting("fit_predict")

    @property
    def fit_transform(self) -> Callable[..., Tensor]:
        """Return a method that fits all steps and returns the rows as the last one has them."""
        return self._fitting("fit_transform")

    def _fitting(self, name):
        @wraps(getattr(self.model, name))
        def fit_and_call(X, y=None):
            return self._fit_steps(name, X, y)

        return fit_and_call

    @property
    def classes_(self) -> Tensor:
        """Return the classes that the model knows."""
        return self.model.classes_

    @property
    def n_features_in_(self) -> int:
        """Return the number of features that the first step saw in `fit`."""
        return self.steps[0].n_features_in_

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return {name: step}; deep: and {name__parameter: value} of each step's parameters."""
        named = dict(zip(_names(self.steps), self.steps, strict=True))
        params = dict(named)
        for name, step in named.items():
            if deep and hasattr(step, "get_params"):
                inner = step.get_params(deep=True)
                params |= {f"{name}__{parameter}": value for parameter, value in inner.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Replace steps by name, and set their parameters as `name__parameter`.

        Raises ValueError for an unknown name; then nothing is set.
        """
        steps = self.get_params(deep=False)
        nested = {}
        for name, value in params.items():
            step, _, parameter = name.partition("__")
            if step not in steps:
                raise ValueError(f"Pipeline has no step {step!r}; it has {', '.join(steps)}")
            if parameter:
                nested.setdefault(step, {})[parameter] = value
            else:
                steps[step] = value
        chosen = _require_steps(tuple(steps.values()))
        for step, inner in nested.items():
            copy.deepcopy(steps[step]).set_params(**inner)  # refuses an unknown name
        for step, inner in nested.items():
            steps[step].set_params(**inner)
        self.steps = chosen
        return self

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self.steps))})"

    def __sklearn_tags__(self) -> "Tags":
        """Return the tags of the model: a pipeline is what its last step is."""
        return self.model.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy, as scikit-learn's `clone` asks for it."""
        from sklearn.base import clone

        return Pipeline(*[clone(step) for step in self.steps])


def _names(steps):
    """Return the name of each step, for `set_params`."""
    if len(steps) == 2:
        return ["transformer", "model"]
    kinds = [type(step).__name__.lower() for step in steps[:-1]]
    names = []
    for i, kind in enumerate(kinds):
        if kinds.count(kind) == 1:
            names.append(kind)
        else:  # numbered from 1, as in scikit-learn's make_pipeline
            names.append(f"{kind}-{kinds[: i + 1].count(kind)}")
    return [*names, "model"]


def _require_steps(steps):
    """Return the steps; raise TypeError for one that cannot do its part."""
    for i, step in enumerate(steps):
        last = i == len(steps) - 1
        needed = ["fit"] if last else ["fit_transform", "transform"]
        if isinstance(step, type) or not all(hasattr(step, name) for name in needed):
            raise TypeError(
                f"steps[{i}] must be an object with {' and '.join(needed)}, got {step!r}; give the "
                "steps one by one, the model last: Pipeline(StandardScaler(), "
                "KNeighborsClassifier())"
            )
    if not steps:
        raise TypeError("a Pipeline must have a model, got no steps; give it as the last one")
    return steps
