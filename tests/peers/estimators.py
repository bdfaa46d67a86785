"""scikit-learn's estimators, computed by d4sci's: parameters and attributes renamed, no more.

A parameter that a test leaves alone keeps d4sci's default.
"""
# ruff: noqa: RUF012 (nobody changes the tables of an adapter)

import inspect
import re

import numpy as np
import sklearn.cluster
import sklearn.decomposition
import sklearn.linear_model
import sklearn.neighbors
import sklearn.neural_network
import sklearn.preprocessing
import sklearn.svm
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions

import d4sci.dbscan
import d4sci.kmeans
import d4sci.linear
import d4sci.logistic
import d4sci.mlp
import d4sci.neighbors
import d4sci.pca
import d4sci.preprocessing
import d4sci.svm
from tests.peers.convert import (
    LEDGER,
    NotApplicable,
    arrays,
    ask,
    is_one_of,
    labels,
    numbers,
    seed,
)

# How, not what: the result is the same.
MAKES_NO_DIFFERENCE = {"copy", "copy_X", "copy_x", "leaf_size", "cache_size", "shrinking"}


class Adapter(BaseEstimator):
    """An estimator with scikit-learn's signature; `fit` makes one of d4sci's and asks that one.

    peer, ours: the two classes.  names: {their parameter: ours}.  ways: {their parameter, which is
    the name of a way to compute: {their word: ours}}, a parameter that `names` may rename.
    only: {their parameter: the values that say what d4sci does anyway}; if the default is not among
    them, a test must give one.  A change of any other parameter raises NotApplicable.
    harmless: their parameters which change nothing for the ways that d4sci has.
    attributes: {our attribute: theirs}, where the names differ.
    targets: what becomes of y, `labels` or `numbers`; None where y is ignored.
    most_classes: how many classes there may be; None for any number.
    """

    peer = ours = targets = most_classes = None
    names, ways, only, attributes, harmless = {}, {}, {}, {}, ()
    strict = False  # whether to ask for a method that d4sci lacks raises NotApplicable

    def __init_subclass__(cls):
        signature = inspect.signature(cls.peer.__init__)

        def __init__(self, *args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            for name, value in bound.arguments.items():
                if name != "self":
                    setattr(self, name, value)

        __init__.__signature__ = signature
        cls.__init__ = __init__
        theirs = {name for name in dir(cls.peer) if not name.startswith("_")}
        theirs |= set(re.findall(r"^    (\w+_) :", cls.peer.__doc__, flags=re.MULTILINE))
        cls.lacking = {name for name in theirs if not hasattr(cls, name)}
        cls.private = set(
            re.findall(r"\bself\.(_(?!skl|callback)[a-z]\w+)\b(?!\()", source(cls.peer))
        )

    def __getattr__(self, name):
        if name in type(self).lacking:
            if not name.endswith("_") and type(self).strict:
                LEDGER.used.append(type(self).__name__)
                raise NotApplicable(f"the method `{name}`")
            if name.endswith("_") and "_model" in vars(self):
                raise NotApplicable(f"the attribute `{name}`")
        if name in type(self).private and type(self).strict:
            raise NotApplicable("private attributes")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_tags__(self):
        tags = self.peer.__sklearn_tags__(self.peer(**self.get_params(deep=False)))
        tags.input_tags.sparse = tags.input_tags.allow_nan = tags.array_api_support = False
        tags.target_tags.multi_output &= self.targets is numbers
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
            tags.classifier_tags.multi_class = self.most_classes is None
        return tags

    def _make(self):
        """Return d4sci's estimator with the same parameters."""
        LEDGER.used.append(type(self).__name__)
        options = {}
        for name, parameter in inspect.signature(self.peer).parameters.items():
            value = getattr(self, name)
            if is_one_of(value, [parameter.default]):
                if not is_one_of(value, self.only.get(name, [value])):
                    raise NotApplicable(f"`{name}={value!r}`, the default")
            elif name in self.only or name not in [*self.names, *self.ways]:
                harmless = name in [*MAKES_NO_DIFFERENCE, *self.harmless, "random_state"]
                if not harmless and not is_one_of(value, self.only.get(name, [])):
                    raise NotApplicable(f"`{name}`")
            else:
                options[self.names.get(name, name)] = self._way(name, value)
        if hasattr(self.ours, "seed"):
            options["seed"] = seed(self.random_state)
        return self.ours(**self._mend(options))

    def _way(self, name, value):
        """Return d4sci's word for a way to compute, or what d4sci is to refuse."""
        if name not in self.ways or not isinstance(value, str):
            return value
        if value in self.ways[name]:
            return self.ways[name][value]
        for theirs in self.peer._parameter_constraints[name]:
            if isinstance(theirs, StrOptions) and value in theirs.options:
                raise NotApplicable(f'`{name}="{value}"`')
        return value

    def _mend(self, options):
        """Return the options, those changed that need more than another name."""
        return options

    def fit(self, X, y=None, sample_weight=None):
        self._fit("fit", X, y, sample_weight)
        return self

    def _fit(self, method, X, y, sample_weight=None):
        model = self._make()
        _refuse_weights(sample_weight)
        given = [numbers(X)]
        if self.targets is not None:
            given.append(None if y is None else self._target(y))
        result = ask(getattr(model, method), *given)
        self._model, self._y_dtype = model, np.asarray(y).dtype
        for name, value in vars(model).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(self, self.attributes.get(name, name), arrays(value))
        self._keep()
        return result

    def _target(self, y):
        """Return y as a tensor."""
        y = self.targets(y)
        if self.most_classes is not None and len(np.unique(arrays(y))) > self.most_classes:
            raise NotApplicable(f"more than {self.most_classes} classes")
        return y

    def _keep(self):
        """Set what needs more than another name."""

    def _ask(self, method, *args):
        """Ask d4sci's estimator; before `fit` a new one, which will say so."""
        LEDGER.used.append(type(self).__name__)
        model = vars(self).get("_model") or self.ours()
        return ask(getattr(model, method), *args)


def source(peer):
    """Return the source of a class of scikit-learn and of those that it inherits from there."""
    classes = [c for c in peer.__mro__ if c.__module__.startswith("sklearn.")]
    return "\n".join(inspect.getsource(c) for c in classes if c not in BaseEstimator.__mro__)


def _refuse_weights(sample_weight):
    if sample_weight is not None:
        raise NotApplicable("`sample_weight`")


class Classifies:
    """The methods of a classifier."""

    targets = staticmethod(labels)

    def _keep(self):
        self.classes_ = self.classes_.astype(self._y_dtype)

    def predict(self, X):
        return self._ask("predict", numbers(X)).astype(self._y_dtype)

    def score(self, X, y, sample_weight=None):
        _refuse_weights(sample_weight)
        return self._ask("score", numbers(X), labels(y))


class Decides:
    """The method of a classifier with a plane."""

    def decision_function(self, X):
        return self._ask("decision_function", numbers(X))


class Weighs:
    """The method of a classifier with probabilities."""

    def predict_proba(self, X):
        return self._ask("predict_proba", numbers(X))


class Regresses:
    """The methods of a regressor."""

    targets = staticmethod(numbers)

    def predict(self, X):
        return self._ask("predict", numbers(X))

    def score(self, X, y, sample_weight=None):
        _refuse_weights(sample_weight)
        return self._ask("score", numbers(X), numbers(y))


class Transforms:
    """The methods of a transformer."""

    def transform(self, X, copy=None):
        if copy is False:
            raise NotApplicable("`copy=False`")
        return self._ask("transform", numbers(X))

    def inverse_transform(self, X):
        return self._ask("inverse_transform", numbers(X))

    def fit_transform(self, X, y=None):
        return self._fit("fit_transform", X, y)


class Clusters:
    """The method of a clusterer."""

    def fit_predict(self, X, y=None, sample_weight=None):
        return self._fit("fit_predict", X, y, sample_weight)


class KMeans(Clusters, Adapter):
    """Lloyd's rounds are ours too; Elkan's, which skip distances by bounds, are Hamerly's."""

    peer, ours = sklearn.cluster.KMeans, d4sci.kmeans.KMeans
    names = {name: name for name in ("n_clusters", "init", "n_init", "max_iter", "tol")}
    ways = {"algorithm": {"lloyd": "lloyd", "elkan": "hamerly"}}

    def _mend(self, options):
        drawn = isinstance(self.init, str)
        if callable(self.init):
            raise NotApplicable("`init` that is a function")
        if not drawn:
            options["init"] = numbers(self.init)
        if is_one_of(self.n_init, ["auto"]):
            options["n_init"] = 10 if drawn and self.init == "random" else 1
        return options

    def predict(self, X):
        return self._ask("predict", numbers(X))

    def score(self, X, y=None, sample_weight=None):
        _refuse_weights(sample_weight)
        return self._ask("score", numbers(X))


class DBSCAN(Clusters, Adapter):
    """Brute force is our queue; the trees stand for our boxes."""

    peer, ours = sklearn.cluster.DBSCAN, d4sci.dbscan.DBSCAN
    names = {"eps": "eps", "min_samples": "min_samples"}
    ways = {"algorithm": {"brute": "queue", "kd_tree": "boxes", "ball_tree": "boxes"}}


class PCA(Transforms, Adapter):
    """The two exact solvers are ours too."""

    peer, ours = sklearn.decomposition.PCA, d4sci.pca.PCA
    names = {"n_components": "n_components", "svd_solver": "solver"}
    ways = {"svd_solver": {"full": "svd", "covariance_eigh": "covariance"}}

    def _mend(self, options):
        k = self.n_components
        if is_one_of(k, ["mle"]):
            raise NotApplicable('`n_components="mle"`')
        if isinstance(k, float) and 0 < k < 1:
            raise NotApplicable("`n_components` as a share of the variance")
        return options


class KNeighborsClassifier(Classifies, Weighs, Adapter, sklearn.neighbors._base.KNeighborsMixin):
    """Brute force is ours too; the trees stand for our screened search.

    A test asks whether this is a `KNeighborsMixin`: its two methods are replaced below.
    """

    peer, ours = sklearn.neighbors.KNeighborsClassifier, d4sci.neighbors.KNeighborsClassifier
    names = {name: name for name in ("n_neighbors", "weights", "metric", "p")}
    ways = {"algorithm": {"brute": "brute", "kd_tree": "screened", "ball_tree": "screened"}}

    def _mend(self, options):
        if callable(self.weights):
            raise NotApplicable("`weights` that are a function")
        if options.get("weights", "") is None:
            options["weights"] = "uniform"  # another name for it
        p, metric = options.pop("p", 2), self.metric
        if is_one_of(metric, ["minkowski"]) and p in (1, 2):
            metric = {1: "manhattan", 2: "euclidean"}[p]
        metric = {"cityblock": "manhattan", "l1": "manhattan", "l2": "euclidean"}.get(
            str(metric), metric
        )
        if callable(metric) or metric not in ("euclidean", "manhattan", "cosine"):
            raise NotApplicable("metrics other than Euclidean, Manhattan and cosine")
        return {**options, "metric": metric}

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        X = numbers(X)
        model = vars(self).get("_model") or self.ours()
        before = model.n_neighbors
        if n_neighbors is not None:
            model.n_neighbors = n_neighbors
        try:
            found = self._ask("kneighbors", X)
        finally:
            model.n_neighbors = before
        return found if return_distance else found[1]

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        raise NotApplicable("the method `kneighbors_graph`")


class LinearRegression(Regresses, Adapter):
    """Ours, with its default solver."""

    peer, ours = sklearn.linear_model.LinearRegression, d4sci.linear.LinearRegression


class Ridge(Regresses, Adapter):
    """Ours, with the penalty that scikit-learn calls alpha, 1 unless it is said."""

    peer, ours = sklearn.linear_model.Ridge, d4sci.linear.LinearRegression
    names = {"alpha": "l2", "solver": "solver"}
    ways = {"solver": {"svd": "lstsq", "cholesky": "normal"}}
    harmless = ("tol", "max_iter")  # no steps are taken

    def _mend(self, options):
        if np.ndim(self.alpha):
            raise NotApplicable("`alpha` for each target")
        return {**options, "l2": self.alpha}


class LogisticRegression(Classifies, Decides, Weighs, Adapter):
    """Their solvers with second derivatives, exact or estimated, stand for ours."""

    peer, ours = sklearn.linear_model.LogisticRegression, d4sci.logistic.LogisticRegression
    names = {"C": "C", "max_iter": "max_iter", "tol": "tol", "solver": "solver"}
    ways = {"solver": {"newton-cg": "newton-lbfgs", "newton-cholesky": "newton-lbfgs"}}

    def _mend(self, options):
        if is_one_of(self.C, [np.inf]):
            raise NotApplicable("`C=inf`: no penalty")
        return options

    def _keep(self):
        super()._keep()
        self.n_iter_ = np.array([self.n_iter_])


class SVC(Classifies, Decides, Adapter):
    """The linear one is ours."""

    peer, ours = sklearn.svm.SVC, d4sci.svm.LinearSVM
    names = {"C": "C"}
    only = {"kernel": ["linear"]}
    most_classes = 2


class StandardScaler(Transforms, Adapter):
    peer, ours = sklearn.preprocessing.StandardScaler, d4sci.preprocessing.StandardScaler


class MinMaxScaler(Transforms, Adapter):
    peer, ours = sklearn.preprocessing.MinMaxScaler, d4sci.preprocessing.MinMaxScaler
    names = {"feature_range": "feature_range"}


class MLPClassifier(Classifies, Weighs, Adapter):
    """The one trained by gradient descent is ours; its penalty is divided in another way."""

    peer, ours = sklearn.neural_network.MLPClassifier, d4sci.mlp.MLP
    names = {
        "hidden_layer_sizes": "hidden",
        "activation": "activation",
        "learning_rate_init": "lr",
        "momentum": "momentum",
        "batch_size": "batch_size",
        "max_iter": "epochs",
    }
    ways = {"activation": {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}}
    only = {"solver": ["sgd"], "nesterovs_momentum": [True, False], "alpha": [0.0001, 0, 0.0]}
    attributes = {"weights_": "coefs_", "biases_": "intercepts_", "loss_history_": "loss_curve_"}
