"""Public calls with a good value and the kind of each argument that a caller may get wrong."""

import warnings

import torch

from d4sci import data, distance, metrics, preprocessing
from d4sci.dbscan import DBSCAN, k_distances
from d4sci.estimator import ConvergenceWarning
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.svm import LinearSVM
from tests.support import bad_arguments as bad

CALLS, METHODS = {}, {}  # name -> call, good arguments, their kinds; and of unfitted models
X = torch.tensor([[0.0, 1], [2, 1], [4, -1], [5, 0], [1, 3], [6, 2], [0, 5], [7, 7]]).double()
Y = torch.tensor([0, 0, 1, 1, 0, 1, 0, 1])
S = X[:, 0] + 0.5
DATA, QUERY = (X, bad.MATRIX), (X[:3], bad.FITTED)
GROUPS = Y, bad.without(bad.CLASSES, "nothing")


def add(name, call, **arguments):
    """Note a call, with the good value and the kind of each of its arguments."""
    good = {argument: value for argument, (value, _) in arguments.items()}
    CALLS[name] = call, good, {argument: kind for argument, (_, kind) in arguments.items()}


def add_estimator(kind, name, methods, *, y=None, **parameters):
    """Note `fit` with all that may be wrong with it, and the methods that take rows after it."""

    def fit(X, y=None, **chosen):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # few steps are enough here
            return kind(**chosen).fit(X) if labels is None else kind(**chosen).fit(X, y)

    labels, target = y, {} if y is None else {"y": y}
    add(f"{name}.fit", fit, X=DATA, **target, **parameters)
    model = fit(X, y and y[0], **{key: value for key, (value, _) in parameters.items()})
    for method in methods.split():
        rows = "T" if method == "inverse_transform" and kind is PCA else "X"
        add(f"{name}.{method}", getattr(model, method), **{rows: QUERY})
        METHODS[f"{name}.{method}"] = getattr(kind(), method)
    return model


# Data
add("make_moons", data.make_moons, n_samples=(9, bad.COUNT), noise=(0.1, bad.POSITIVE_OR_0))
add("make_blobs", data.make_blobs, n_samples=(9, bad.without(bad.COUNT, "a list")),
    centers=(2, bad.COUNT), n_features=(2, bad.COUNT),
    std=(1.0, bad.without(bad.POSITIVE_OR_0, "a list")))  # fmt: skip
add("make_blobs, chosen", data.make_blobs, centers=DATA)
add("load_mnist", data.load_mnist, split=("test", bad.CHOICE))
add("load_weights", lambda file: data.load_weights(file),
    file=("mnist-cnn.pt", bad.CHOICE | bad.FILE))  # fmt: skip
add("to_tensors", lambda **a: data.to_tensors(data.load_iris(), **a),
    features=(["sepal_width"], bad.COLUMNS), target=("species", bad.CHOICE))  # fmt: skip

# Preparing
add("MinMaxScaler", lambda low, high: preprocessing.MinMaxScaler((low, high)).fit(X),
    low=(0.0, bad.END), high=(1.0, bad.END))  # fmt: skip
for scaler in ("MinMaxScaler", "StandardScaler"):
    methods = "transform inverse_transform"
    add_estimator(getattr(preprocessing, scaler), scaler, methods)
add("normalize", preprocessing.normalize, X=DATA, norm=("l2", bad.CHOICE))
add("one_hot", preprocessing.one_hot, y=(Y, bad.LABELS | bad.OUT_OF_RANGE),
    n_classes=(2, bad.COUNT_OR_NONE))  # fmt: skip
add("train_test_split", lambda A, B, **a: preprocessing.train_test_split(A, B, **a),
    A=(X, bad.NO_TENSOR | bad.ONE_NUMBER),
    B=(Y, bad.NO_TENSOR | bad.OTHER_LENGTH | bad.NO_ROWS | bad.ONE_NUMBER),
    test_size=(0.25, bad.SHARE), stratify=GROUPS)  # fmt: skip
add("k_fold", lambda **a: list(preprocessing.k_fold(**a)), n=(8, bad.COUNT), k=(3, bad.AT_MOST),
    stratify=GROUPS)  # fmt: skip

# Measuring
add("distances", distance.distances, X=DATA, Y=(X, bad.without(bad.FITTED, "nothing")),
    metric=("cosine", bad.CHOICE))  # fmt: skip
add("distance_blocks", lambda X: list(distance.distance_blocks(X)), X=DATA)
PAIR = {"y_true": (Y, bad.CLASSES), "y_pred": (Y.flip(0), bad.CLASSES)}
SCORES = {"y_true": (Y, bad.EXACTLY_TWO), "scores": (S, bad.NUMBERS)}
REGRESSION = {"y_true": (S, bad.NUMBERS), "y_pred": (S + 1, bad.NUMBERS)}
add("confusion_matrix", metrics.confusion_matrix, **PAIR, labels=([1, 0], bad.LIST_OF_LABELS))
add("accuracy", metrics.accuracy, **PAIR)
for name in ("precision", "recall", "f1"):
    add(name, getattr(metrics, name), **PAIR, average=("binary", bad.CHOICE),
        pos_label=(1, {"unknown": lambda v: 7}))  # fmt: skip
add("roc_curve", metrics.roc_curve, **SCORES)
add("roc_auc", metrics.roc_auc, **SCORES)
add("mse", metrics.mse, **REGRESSION)
add("r2", metrics.r2, **REGRESSION)
add("silhouette", metrics.silhouette, X=DATA, labels=(Y, bad.TWO_CLASSES),
    metric=("cosine", bad.CHOICE))  # fmt: skip
add("adjusted_rand_index", metrics.adjusted_rand_index,
    labels_a=(Y, bad.CLASSES), labels_b=(Y.flip(0), bad.CLASSES))  # fmt: skip

# Learning
add_estimator(PCA, "PCA", "transform inverse_transform", n_components=(2, bad.AT_MOST_OR_NONE),
              solver=("svd", bad.CHOICE))  # fmt: skip
MAX_ITER, TOL = {"max_iter": (9, bad.COUNT)}, {"tol": (1e-3, bad.TOLERANCE)}
add_estimator(KMeans, "KMeans", "predict score", n_clusters=(2, bad.AT_MOST), n_init=(2, bad.COUNT),
              algorithm=("lloyd", bad.CHOICE),
              init=("random", bad.CHOICE), **MAX_ITER, **TOL)  # fmt: skip
add("KMeans(init)", lambda init: KMeans(3, init=init).fit(X), init=QUERY)
add_estimator(DBSCAN, "DBSCAN", "", eps=(0.5, bad.POSITIVE), min_samples=(2, bad.COUNT),
              algorithm=("queue", bad.CHOICE))  # fmt: skip
add("k_distances", k_distances, X=DATA, k=(2, bad.AT_MOST))
add_estimator(KNeighborsClassifier, "KNeighborsClassifier", "kneighbors predict_proba predict",
              y=(Y, bad.CLASSES), n_neighbors=(2, bad.AT_MOST), metric=("euclidean", bad.CHOICE),
              weights=("uniform", bad.CHOICE), algorithm=("brute", bad.CHOICE))  # fmt: skip
DESCENT = {"solver": ("gd", bad.CHOICE), "lr": (0.01, bad.POSITIVE_OR_NONE), **MAX_ITER, **TOL}
add_estimator(LinearRegression, "LinearRegression", "predict", y=(S, bad.TARGETS),
              l2=(1.0, bad.POSITIVE_OR_0), **DESCENT)  # fmt: skip
add_estimator(LogisticRegression, "LogisticRegression", "decision_function predict_proba predict",
              y=(Y, bad.TWO_CLASSES), C=(1.0, bad.POSITIVE), **DESCENT)  # fmt: skip
add_estimator(LinearSVM, "LinearSVM", "decision_function predict", y=(Y, bad.EXACTLY_TWO),
              C=(1.0, bad.POSITIVE), **DESCENT | {"solver": ("subgradient", bad.CHOICE)},
)  # fmt: skip
mlp = add_estimator(MLP, "MLP", "forward predict_proba predict", y=(Y, bad.TWO_CLASSES),
                    hidden=((3,), bad.WIDTHS), activation=("tanh", bad.CHOICE),
                    weight_decay=(0.1, bad.POSITIVE_OR_0), lr=(0.1, bad.POSITIVE_OR_0),
                    momentum=(0.9, bad.POSITIVE_OR_0), batch_size=(4, bad.COUNT),
                    epochs=(1, bad.WHOLE))  # fmt: skip
add("MLP.gradients", mlp.gradients, X=(X, bad.FITTED),
    y=(Y, bad.CLASSES | bad.OUT_OF_RANGE))  # fmt: skip
