"""Whoever does what an error says, word for word, gets on: no piece of advice leads nowhere.

Each case has an argument that is refused. The call that the message names is evaluated and given
instead, as often as there is another message, at most four times; then the call must succeed.
"""

import re
import warnings

import numpy as np
import pandas
import pytest
import scipy.sparse
import torch

from d4sci import data, distance, metrics, model_selection, preprocessing
from d4sci.cnn import CNN
from d4sci.dbscan import DBSCAN
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.preprocessing import StandardScaler
from d4sci.svm import LinearSVM

X, groups = data.make_blobs(30, centers=3, n_features=3, std=1.5, seed=1)
halves, numbers = groups.clamp(max=1), X[:, 0] * 2 + 1
shares = torch.stack([1 - X[:, 0].sigmoid(), X[:, 0].sigmoid()], 1)  # (n, 2)
penguins = pandas.DataFrame({"sex": ["f", "m"], "mass": [3000.0, 4000.0], "island": ["a", "b"]})
known = KNeighborsClassifier().fit(X, groups)


def unusual(make):
    """Return make(), without the warnings that PyTorch has for all that is unusual."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def quantized(X):
    return unusual(lambda: torch.quantize_per_tensor(X, 0.1, 0, torch.qint8))


def nested(X, layout=torch.strided):
    return unusual(lambda: torch.nested.nested_tensor(list(X), layout=layout))


MATRICES = {
    "array": X.numpy(),
    "list": X.tolist(),
    "list of rows": list(X),
    "list of arrays": list(X.numpy()),
    "table": pandas.DataFrame(X.numpy(), index=range(7, 37)),
    "SciPy's matrix": scipy.sparse.csr_array(X.numpy()),
    "vector": X[:, 0],
    "images": X.reshape(30, 3, 1),
    "half precision": X.half(),
    "integers": X.long(),
    "bools": X > 0,
    "complex": X + 0j,
    "sparse": X.to_sparse(),
    "CSR": unusual(X.to_sparse_csr),
    "CSC": unusual(X.to_sparse_csc),
    "sparse integers": X.long().to_sparse(),
    "quantized": quantized(X),
    "nested": nested(X),
    "jagged": nested(X, torch.jagged),
    "huge": X * 1e25,
    "tiny": X * 1e-25,
    "huge in float64": X.double() * 1e200,
    "tiny in float64": X.double() * 1e-200,
}
LABELS = {
    "list": groups.tolist(),
    "array": groups.numpy(),
    "column of a table": pandas.Series(groups.numpy(), index=range(7, 37)),
    "column": groups[:, None],
    "row": groups[None],
    "floats": groups.float(),
    "complex": groups + 0j,
    "column of floats": groups[:, None].double(),
    "one-hot": torch.eye(3)[groups],
    "one-hot integers": torch.eye(3).long()[groups],
    "one-hot bools": torch.eye(3).bool()[groups],
    "sparse": groups.to_sparse(),
}
PREDICTED = LABELS | {
    "probabilities of each class": torch.eye(3)[groups] * 0.8 + 0.1,
    "probabilities": shares[:, 1],
    "column of probabilities": shares[:, 1:],
    "logits": numbers,
    "column of logits": numbers[:, None],
}
NUMBERS = {
    "list": numbers.tolist(),
    "integers": groups,
    "bools": halves.bool(),
    "column": numbers[:, None],
    "several columns": X,
    "complex": numbers + 0j,
    "sparse": numbers.to_sparse(),
    "quantized": quantized(numbers),
}


def pca(X):
    return PCA().fit(X)


def with_island(table):
    return data.to_tensors(table, [name for name in table if name != "island"], "island")


CASES = {}  # what is tried -> the call, its argument's name, the argument


def add(what, call, name, kinds):
    CASES.update({f"{what}: {kind}": (call, name, value) for kind, value in kinds.items()})


add("X", pca, "X", MATRICES)
add("y", lambda y: LogisticRegression().fit(X, y), "y", LABELS)
add("labels", lambda labels: metrics.silhouette(X, labels), "labels", LABELS)
add("stratify", lambda y: model_selection.train_test_split(X, stratify=y), "stratify", LABELS)
add("folds", lambda y: model_selection.k_fold(30, stratify=y), "stratify", LABELS)
add("y_pred", lambda y: metrics.accuracy(groups, y), "y_pred", PREDICTED)
add("r2", lambda y: metrics.r2(numbers, y), "y_pred", NUMBERS)
TARGETS = {kind: y for kind, y in NUMBERS.items() if "column" not in kind}  # these are (n, t)
add("target", lambda y: LinearRegression().fit(X, y), "y", TARGETS)
add(
    "target of folds",
    lambda y: model_selection.cross_val_score(LinearRegression(), X, y),
    "y",
    {kind: NUMBERS[kind] for kind in ("integers", "complex")},
)
add(
    "scores",
    lambda scores: metrics.roc_auc(halves, scores),
    "scores",
    TARGETS | {"column": shares[:, 1:], "of two classes": shares},
)
ROWS = {"one row": X[0], "integers": X.long(), "half": X.half()}
add("rows to predict", known.predict, "X", ROWS)
add(
    "distances",
    lambda Y: distance.distances(X, Y),
    "Y",
    {"float64": X.double(), "CSR": X.to_sparse()},
)
add(
    "images",
    CNN(),
    "X",
    {"no channel": torch.rand(2, 28, 28), "bytes": torch.ones(2, 1, 28, 28).byte()},
)
add("classes", lambda y: preprocessing.one_hot(y, 3), "y", {"names": 5 - 7 * groups})
TABLES = {"text": penguins, "missing": penguins[["mass", "island"]].replace(3000.0, np.nan)}
add("table", with_island, "table", TABLES)
add("columns", lambda f: data.to_tensors(penguins, f, "sex"), "features", {"name": "mass"})
add("hidden", lambda h: MLP(hidden=h, epochs=1).fit(X, groups), "hidden", {"number": 5})
add("share of the variance", lambda k: PCA(k).fit(X), "n_components", {"0.8": 0.8})
add("tol", lambda tol: KMeans(3, tol=tol).fit(X), "tol", {"tensor": torch.tensor(0.5), "text": "1"})
add("k", lambda k: KMeans(k).fit(X), "k", {"float": 3.0, "array": np.array(3), "text": "3"})


@pytest.mark.parametrize("case", CASES)
def test_the_advice_works(case):
    call, name, value = CASES[case]
    errors = []
    for _ in range(5):
        try:
            call(value)
            break
        except (TypeError, ValueError) as error:
            errors.append(str(error))
        value = follow(errors[-1], name, value)
    assert 1 <= len(errors) <= 4, errors


def follow(message, name, value):
    """Return what the call makes that the message names, after its last `use` or `with`."""
    advice = re.search(
        r"(?:; |\b)(?:use|with|divide X by) (.*?)(?:,? (?:or|and|of|at) .*)?$", message
    )
    assert advice, message
    if message.endswith("X.abs().max()"):
        return value / value.abs().max()
    text = advice[1]
    if "StandardScaler" in message:
        text = "StandardScaler().fit_transform(X)"
    names = {name: value, "torch": torch, "pandas": pandas, "PCA": PCA}
    names = {"X": X, "StandardScaler": StandardScaler} | names
    return eval(text.replace("(...)", f"({name})"), names)


def test_one_class_against_the_rest():
    scores = LogisticRegression().fit(X, groups).predict_proba(X)  # (n, 3)
    with pytest.raises(ValueError, match=r"against the rest use y_true == c and scores\[:, c\]"):
        metrics.roc_auc(groups, scores)
    assert all(metrics.roc_auc(groups == c, scores[:, c]) > 0.7 for c in range(3))


def test_one_svm_for_each_class():
    with pytest.raises(ValueError, match="fit one per class, on y == c"):
        LinearSVM().fit(X, groups)
    assert all(LinearSVM().fit(X, groups == c).score(X, groups == c) > 0.6 for c in range(3))


def test_more_neighbours_than_rows_are_named_at_fit_and_after():
    message = (
        "must lie between 1 and 4, got 9; there are 4 training rows: lower n_neighbors, or fit"
    )
    with pytest.raises(ValueError, match=message):
        KNeighborsClassifier(9).fit(X[:4], groups[:4])
    model = KNeighborsClassifier(2).fit(X[:4], groups[:4]).set_params(n_neighbors=9)
    with pytest.raises(ValueError, match=message):
        model.predict(X)
    assert model.set_params(n_neighbors=4).predict(X).shape == (30,)


NOT_DENSE = ["sparse", "CSR", "CSC", "quantized", "nested", "jagged"]
FITS = {
    "PCA": pca,
    "KMeans": lambda X: KMeans(3).fit(X),
    "DBSCAN": lambda X: DBSCAN().fit(X),
    "KNeighborsClassifier": lambda X: KNeighborsClassifier().fit(X, groups),
    "its predict": known.predict,
    "LinearRegression": lambda X: LinearRegression().fit(X, numbers),
    "LogisticRegression": lambda X: LogisticRegression().fit(X, groups),
    "LinearSVM": lambda X: LinearSVM().fit(X, halves),
    "MLP": lambda X: MLP().fit(X, groups),
    "StandardScaler": lambda X: StandardScaler().fit(X),
    "MinMaxScaler": lambda X: preprocessing.MinMaxScaler().fit(X),
    "normalize": preprocessing.normalize,
    "distances": distance.distances,
    "silhouette": lambda X: metrics.silhouette(X, groups),
    "cross_val_score": lambda X: model_selection.cross_val_score(known, X, groups),
    "train_test_split": model_selection.train_test_split,
}


@pytest.mark.parametrize("kind", NOT_DENSE)
@pytest.mark.parametrize("name", FITS)
def test_only_dense_rows_are_taken(name, kind):
    with pytest.raises(TypeError, match=r"must be a dense tensor, got .*; use .*\(.*\)"):
        FITS[name](MATRICES[kind])


@pytest.mark.parametrize("name", FITS)
def test_rows_without_values_are_refused(name):
    with pytest.raises(ValueError, match="must hold values, got a tensor on 'meta'"):
        FITS[name](X.to("meta"))
