"""scikit-learn's functions, computed by d4sci's: metrics, distances, `normalize`, the splitters."""

import numpy as np
import sklearn.metrics as peers
import sklearn.metrics.pairwise
import sklearn.model_selection
import sklearn.preprocessing

from d4sci import metrics, model_selection, preprocessing
from d4sci.distance import METRICS, distances
from tests.peers import convert
from tests.peers.convert import LEDGER, NotApplicable, adapts, ask, numbers, seed, tensor

as_labels = convert.labels  # several functions have a parameter of that name
SYNONYMS = {"cityblock": "manhattan", "l1": "manhattan", "l2": "euclidean"}
ONE_OUTPUT = ["uniform_average", "variance_weighted"]  # the same where there is one


@adapts(peers.accuracy_score)
def accuracy_score(y_true, y_pred):
    return ask(metrics.accuracy, as_labels(y_true), as_labels(y_pred))


@adapts(peers.confusion_matrix)
def confusion_matrix(y_true, y_pred, labels=None):
    wanted = None if labels is None else as_labels(labels)
    return ask(metrics.confusion_matrix, as_labels(y_true), as_labels(y_pred), labels=wanted)


def _rate(peer, ours):
    """Return precision, recall or F1 under scikit-learn's name."""

    @adapts(peer, zero_division=[0, 0.0])
    def rate(y_true, y_pred, average="binary", pos_label=1):
        y_true, y_pred = as_labels(y_true), as_labels(y_pred)
        _refuse_average(average)
        return ask(ours, y_true, y_pred, average=average, pos_label=pos_label)

    return rate


def _refuse_average(average):
    if average in ("weighted", "samples"):
        raise NotApplicable(f'`average="{average}"`')


precision_score = _rate(peers.precision_score, metrics.precision)
recall_score = _rate(peers.recall_score, metrics.recall)
f1_score = _rate(peers.f1_score, metrics.f1)


@adapts(peers.precision_recall_fscore_support, beta=[1], warn_for=[()], zero_division=[0, 0.0])
def precision_recall_fscore_support(y_true, y_pred, average=None, pos_label=1):
    """Three of d4sci's functions; the support is the sum of a row of its confusion matrix."""
    y_true, y_pred = as_labels(y_true), as_labels(y_pred)
    _refuse_average(average)
    three = metrics.precision, metrics.recall, metrics.f1
    found = [ask(f, y_true, y_pred, average=average, pos_label=pos_label) for f in three]
    support = ask(metrics.confusion_matrix, y_true, y_pred).sum(1)
    return (*found, support if average is None else None)


@adapts(peers.roc_curve, drop_intermediate=[False])
def roc_curve(y_true, y_score, pos_label=None):
    """d4sci keeps every threshold, so that `drop_intermediate` has nothing to say."""
    y_true = as_labels(y_true)
    if pos_label is not None:
        y_true = y_true == pos_label  # as d4sci's message advises
    return ask(metrics.roc_curve, y_true, numbers(y_score))


@adapts(peers.roc_auc_score, average=[None, "micro", "weighted", "samples"])
def roc_auc_score(y_true, y_score):
    return ask(metrics.roc_auc, as_labels(y_true), numbers(y_score))


@adapts(peers.mean_squared_error, multioutput=ONE_OUTPUT)
def mean_squared_error(y_true, y_pred):
    return ask(metrics.mse, _one_output(y_true), _one_output(y_pred))


@adapts(peers.r2_score, multioutput=ONE_OUTPUT)
def r2_score(y_true, y_pred):
    return ask(metrics.r2, _one_output(y_true), _one_output(y_pred))


def _one_output(y):
    """Return the tensor (n,) of y, which may be one column."""
    y = numbers(y)
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2:
        raise NotApplicable("several outputs")
    return y


@adapts(peers.silhouette_score, random_state=[0])
def silhouette_score(X, labels, metric="euclidean"):
    return ask(metrics.silhouette, numbers(X), as_labels(labels), metric=_metric(metric))


@adapts(peers.silhouette_samples)
def silhouette_samples(X, labels, metric="euclidean"):
    options = {"metric": _metric(metric), "per_sample": True}
    return ask(metrics.silhouette, numbers(X), as_labels(labels), **options)


@adapts(peers.adjusted_rand_score)
def adjusted_rand_score(labels_true, labels_pred):
    return ask(metrics.adjusted_rand_index, as_labels(labels_true), as_labels(labels_pred))


@adapts(peers.pairwise_distances)
def pairwise_distances(X, Y=None, metric="euclidean"):
    return _distances(X, Y, _metric(metric))


@adapts(sklearn.metrics.pairwise.euclidean_distances)
def euclidean_distances(X, Y=None, squared=False):
    return _distances(X, Y, "sqeuclidean" if squared else "euclidean")


@adapts(sklearn.metrics.pairwise.manhattan_distances)
def manhattan_distances(X, Y=None):
    return _distances(X, Y, "manhattan")


@adapts(sklearn.metrics.pairwise.cosine_distances)
def cosine_distances(X, Y=None):
    return _distances(X, Y, "cosine")


def _distances(X, Y, metric):
    return ask(distances, numbers(X), None if Y is None else numbers(Y), metric=metric)


def _metric(metric):
    """Return d4sci's name of a metric."""
    if callable(metric) or metric == "precomputed":
        raise NotApplicable("metrics that are functions, or computed before")
    metric = SYNONYMS.get(metric, metric)
    if metric in sklearn.metrics.pairwise._VALID_METRICS and metric not in METRICS:
        raise NotApplicable("metrics other than Euclidean, Manhattan and cosine")
    return metric


@adapts(sklearn.preprocessing.normalize)
def normalize(X, norm="l2"):
    return ask(preprocessing.normalize, numbers(X), norm=norm)


@adapts(sklearn.model_selection.train_test_split)
def train_test_split(arrays=(), test_size=None, random_state=None, stratify=None):
    """Where nothing is said, a quarter of the rows is for the test: scikit-learn's default."""
    for A in arrays:
        convert.refuse_containers(A)
        if not isinstance(A, np.ndarray) or A.dtype.kind not in "fiub":
            raise NotApplicable("splitting what is no array of numbers")
    options = {"test_size": 0.25 if test_size is None else test_size, "seed": seed(random_state)}
    if stratify is not None:
        options["stratify"] = as_labels(stratify)
    return list(ask(model_selection.train_test_split, *map(tensor, arrays), **options))


class KFold(sklearn.model_selection.BaseCrossValidator):
    """d4sci's `k_fold`, which always shuffles."""

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        self.n_splits, self.shuffle, self.random_state = n_splits, shuffle, random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_splits

    def split(self, X, y=None, groups=None):
        LEDGER.used.append(type(self).__name__)
        if not self.shuffle:
            raise NotApplicable("`shuffle=False`, the default")
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        options = {"stratify": self._stratify(y), "seed": seed(self.random_state)}
        return iter(ask(lambda: list(model_selection.k_fold(n, self.n_splits, **options))))

    def _stratify(self, y):
        return None


class StratifiedKFold(KFold):
    """The same with `stratify=y`."""

    def _stratify(self, y):
        return as_labels(y)
