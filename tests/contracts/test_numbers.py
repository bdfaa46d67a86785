"""A parameter may be a number of NumPy's: it means what Python's float(...) or int(...) means.

NumPy calculates with a number in its own dtype: np.float32(0.1) ** 2 is rounded to float32,
np.uint8(200) + 100 overflows. So estimators keep Python's numbers, and functions turn to them.
"""

import copy
import dataclasses
import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from d4sci import data, dbscan, model_selection, preprocessing
from d4sci.data import make_blobs
from d4sci.dbscan import DBSCAN
from d4sci.estimator import ConvergenceWarning
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.preprocessing import MinMaxScaler
from d4sci.support.checks import as_python
from d4sci.svm import LinearSVM

X, groups = make_blobs(40, centers=3, n_features=3, std=1.5, seed=1)
halves, numbers = groups.clamp(max=1), X[:, 0] * 2 + 1
DESCENT = {"lr": 0.01, "max_iter": 20, "tol": 0.001}
ESTIMATORS = {  # on the path that reads all parameters, with a value for those that are None
    KMeans: ({"n_clusters": 3, "algorithm": "lloyd"}, None),
    DBSCAN: ({"eps": 1.1}, None),
    PCA: ({"n_components": 2}, None),
    KNeighborsClassifier: ({}, groups),
    LinearRegression: ({"solver": "gd", "l2": 0.1, **DESCENT}, numbers),
    LogisticRegression: ({"solver": "gd", "C": 0.1, **DESCENT}, groups),
    LinearSVM: ({"solver": "subgradient", "C": 0.1, **DESCENT}, halves),
    MLP: ({"hidden": (4,), "weight_decay": 0.1, "epochs": 2, "batch_size": 16}, groups),
    MinMaxScaler: ({"feature_range": (0.1, 3)}, None),
}
KINDS = {
    int: [np.uint8, np.int16, np.int64],
    float: [np.float16, np.float32, np.float64, np.longdouble],
    bool: [np.bool_],
    str: [np.str_],
}


def numeric(value):
    return type(value) in (int, float) or (isinstance(value, tuple) and len(value) > 0)


CASES = []
for kind, (chosen, _) in ESTIMATORS.items():
    for field in dataclasses.fields(kind):
        value = chosen.get(field.name, field.default)
        if numeric(value):
            CASES.append((kind, field.name, value))


def convert(kind, value):
    """Return the value as a number of this kind; Python's where it does not fit into it."""
    if isinstance(value, tuple):
        return tuple(convert(kind, entry) for entry in value)
    if kind not in KINDS[type(value)] or (isinstance(value, int) and value > np.iinfo(kind).max):
        return value
    return kind(value)


def plainly(value):
    """Return what Python's float(...) or int(...) makes of it."""
    if isinstance(value, tuple):
        return tuple(map(plainly, value))
    return float(value) if isinstance(value, float | np.floating) else int(value)


def learned(model):
    return {name: value for name, value in vars(model).items() if name not in model.get_params()}


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


def fit(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, ESTIMATORS[type(model)][1])


def names(case):
    return f"{case[0].__name__}.{case[1]}"


@pytest.mark.parametrize("case", CASES, ids=names)
def test_every_estimator_calculates_with_python_s_numbers(case):
    kind, name, value = case
    others = ESTIMATORS[kind][0]
    for numpy_kind in (*KINDS[int], *KINDS[float]):
        given = convert(numpy_kind, value)
        if equal(given, value):
            continue
        expected = kind(**others | {name: plainly(given)})
        for model in (
            kind(**others | {name: given}),
            kind(**others).set_params(**{name: given}),
        ):
            found = model.get_params()[name]
            assert equal(found, plainly(given))
            assert repr(model) == repr(expected)
            assert clone(model).get_params() == expected.get_params()
            assert copy.deepcopy(model).get_params() == expected.get_params()
            assert pickle.loads(pickle.dumps(model)).get_params() == expected.get_params()
        fit(model)
        fit(expected)
        assert learned(model).keys() == learned(expected).keys()
        for attribute, wanted in learned(expected).items():
            assert equal(learned(model)[attribute], wanted), (numpy_kind, attribute)


def test_all_estimators_and_all_their_numbers_are_tried():
    assert len(CASES) >= 29
    for kind, (chosen, _) in ESTIMATORS.items():
        tried = {name for k, name, _ in CASES if k is kind}
        for field in dataclasses.fields(kind):
            value = chosen.get(field.name, field.default)
            assert field.name in tried or isinstance(value, str), field.name


def test_points_exactly_eps_apart_are_neighbours_for_a_numpy_eps_too():
    """In float32 the square of eps was rounded, half of the time down: the pair was lost."""
    found = []
    for eps in torch.rand(50, generator=torch.Generator().manual_seed(0)) + 0.1:
        pair = torch.stack([0 * eps, eps]).double()[:, None]
        for algorithm in ("queue", "boxes"):
            model = DBSCAN(np.float32(eps), min_samples=2, algorithm=algorithm)
            found.append(model.fit_predict(pair).tolist())
    assert found == [[0, 0]] * 100


def test_a_grid_of_numpy_s_numbers_and_text():
    grid = {"n_neighbors": np.arange(1, 4), "weights": np.array(["uniform", "distance"])}
    search = GridSearchCV(KNeighborsClassifier(), grid, cv=2, error_score="raise").fit(X, groups)
    assert {type(value) for value in search.best_estimator_.get_params().values()} == {int, str}
    curve = model_selection.validation_curve(
        KNeighborsClassifier(), X, groups, "n_neighbors", np.arange(1, 4)
    )
    assert equal(
        curve,
        model_selection.validation_curve(
            KNeighborsClassifier(), X, groups, "n_neighbors", [1, 2, 3]
        ),
    )


REFUSED = [np.bool_(True), np.array(2), torch.tensor(2), torch.tensor([2]), np.datetime64("2020")]


@pytest.mark.parametrize("value", REFUSED, ids=repr)
@pytest.mark.parametrize("case", [case for case in CASES if type(case[2]) is not tuple], ids=names)
def test_arrays_tensors_and_bools_are_no_numbers(case, value):
    """As a list of one number is none: their shape or kind says that something else was meant."""
    kind, name, _ = case
    model = kind(**ESTIMATORS[kind][0] | {name: value})
    with pytest.raises(TypeError, match=rf"{name} must be a.* number, got .*; (use|give)"):
        fit(model)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.1), 0.10000000149011612),
        (np.longdouble("0.1"), 0.1),
        (np.uint8(200), 200),
        (np.bool_(True), True),
        (np.str_("gd"), "gd"),
        (Fraction(1, 4), 0.25),
        ((np.int64(3), 4), (3, 4)),
        ([np.float16(0.5)], [0.5]),
    ],
)
def test_what_becomes_python_s(value, expected):
    found = as_python(value)
    assert equal(found, expected)


@pytest.mark.parametrize(
    "value", [3, 0.5, True, None, "gd", (1, 2), [0.5], X, np.arange(3), np.array(3), 2j, {1: 2}]
)
def test_what_stays_as_it_is(value):
    assert as_python(value) is value


LABELS = torch.arange(200) % 3
FUNCTIONS = {
    "make_moons": (lambda n, s, z: data.make_moons(n, noise=s, seed=z), 100, 0.1, 3),
    "make_blobs": (
        lambda n, k, d, s, z: data.make_blobs(n, centers=k, n_features=d, std=s, seed=z),
        *(100, 30, 20, 0.1, 3),
    ),
    "make_blobs, lists": (lambda n, s: data.make_blobs([n] * 3, std=[s] * 3), 100, 0.1),
    "k_distances": (lambda k: dbscan.k_distances(X, k), 30),
    "one_hot": (lambda k: preprocessing.one_hot(groups, k), 100),
    "k_fold": (lambda n, k, z: list(model_selection.k_fold(n, k, seed=z)), 120, 100, 3),
    "k_fold, stratified": (
        lambda k, z: list(model_selection.k_fold(200, k, stratify=LABELS, seed=z)),
        *(100, 3),
    ),
    "train_test_split": (
        lambda n: model_selection.train_test_split(LABELS, test_size=n, stratify=LABELS),
        100,
    ),
    "train_test_split, share": (
        lambda share: model_selection.train_test_split(torch.arange(100_000), test_size=share),
        0.9,  # np.float16(0.9) · 100,000 is ∞
    ),
    "learning_curve": (
        lambda *sizes: model_selection.learning_curve(
            KNeighborsClassifier(2), X, groups, sizes, k=2
        ),
        *(5, 20),
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [*KINDS[int], *KINDS[float]])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_too(name, kind):
    call, *values = FUNCTIONS[name]
    given = [convert(kind, value) for value in values]
    assert equal(call(*given), call(*map(plainly, given)))
