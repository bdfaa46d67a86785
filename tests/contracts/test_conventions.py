"""Every estimator, on each of its paths, keeps what scikit-learn's users expect of one, on tensors.

Its parameters go in and out by name; `clone`, `cross_val_score`, `Pipeline` and `GridSearchCV` of
scikit-learn take it; and a `fit` that stops on its way leaves what an earlier one has learned.
"""

import copy
import dataclasses
import inspect
import warnings

import pytest
import torch
from sklearn.base import clone, is_classifier, is_clusterer, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import cross_val_score as peer_cross_val_score
from sklearn.pipeline import make_pipeline
from torch.overrides import TorchFunctionMode

from d4sci.data import make_blobs
from d4sci.dbscan import DBSCAN
from d4sci.estimator import Classifier, Clusterer, ConvergenceWarning, Regressor, Transformer
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.model_selection import cross_val_score
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.pipeline import Pipeline
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from d4sci.svm import LinearSVM
from tests.support.pretend_mps import PretendMPS, plain, pretend

X, groups = make_blobs(60, centers=3, n_features=3, std=1.5, seed=1)
X_2, groups_2 = make_blobs(50, centers=4, n_features=3, std=2.5, seed=2)
Z, Z_2 = ((A - A.mean(0)) / A.std(0) for A in (X, X_2))  # for descents
halves, halves_2 = groups.clamp(max=1) * 2 - 5, groups_2.clamp(max=1)
numbers, numbers_2 = X @ torch.tensor([1.0, 2.0, -1.0]) + 3, X_2[:, 0] * 2 + X_2[:, 1]

PATHS = {  # kind, a parameter and its paths, others, y of the first and of the second fit
    "KMeans": (KMeans, "algorithm", ["lloyd", "hamerly"], {"n_clusters": 3}, None, None),
    "DBSCAN": (DBSCAN, "algorithm", ["queue", "boxes"], {"eps": 1.5}, None, None),
    "PCA": (PCA, "solver", ["svd", "covariance"], {"n_components": 2}, None, None),
    "KNeighborsClassifier": (
        KNeighborsClassifier, "algorithm", ["brute", "screened"], {"n_neighbors": 3},
        groups, groups_2,
    ),
    "LinearRegression": (
        LinearRegression, "solver", ["lstsq", "normal", "gd"], {"l2": 0.1}, numbers, numbers_2,
    ),
    "LogisticRegression": (
        LogisticRegression, "solver", ["gd", "newton-lbfgs"], {"C": 0.1}, groups, groups_2,
    ),
    "LinearSVM": (
        LinearSVM, "solver", ["subgradient", "interior-point"], {"C": 0.1}, halves, halves_2,
    ),
    "MLP": (
        MLP, "activation", ["relu"], {"hidden": (4,), "epochs": 3, "batch_size": 16},
        groups, groups_2,
    ),
    "StandardScaler": (StandardScaler, None, [None], {}, None, None),
    "MinMaxScaler": (MinMaxScaler, "feature_range", [(-1, 1)], {}, None, None),
}  # fmt: skip
CASES = [(name, path) for name, (_, _, paths, *_) in PATHS.items() for path in paths]
SUPERVISED = [case for case in CASES if PATHS[case[0]][4] is not None]
every = pytest.mark.parametrize(("name", "path"), CASES)
quiet = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")


def make(name, path):
    kind, switch, _, others, _, _ = PATHS[name]
    chosen = {} if switch is None else {switch: path}
    if path in ("gd", "subgradient"):  # their many steps are alike
        chosen["max_iter"] = 30
    return kind(**others, **chosen)


def rows_of(name):
    """Return the data of two fits; those that descend get standardised ones."""
    _, _, _, _, y, y_2 = PATHS[name]
    return (Z, y, Z_2, y_2) if PATHS[name][0] is not LinearRegression else (X, y, X_2, y_2)


def learned(model):
    """Return what `fit` has set."""
    return {key: value for key, value in vars(model).items() if key not in model.get_params()}


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(plain(a), plain(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, int | float | str | bool | None):
        return a == b
    return equal(vars(a), vars(b))  # an object of an engine


@every
def test_its_parameters_are_its_fields(name, path):
    model = make(name, path)
    params = model.get_params()
    assert list(params) == [field.name for field in dataclasses.fields(model)]
    assert params.keys() == inspect.signature(type(model)).parameters.keys()
    assert model.get_params(deep=False) == params
    assert model.set_params(**params) is model
    with pytest.raises(ValueError, match=f"{name} has no parameter 'fit'"):
        model.set_params(fit=3)


@quiet
@every
def test_scikit_learn_clones_it_unfitted(name, path):
    A, y, *_ = rows_of(name)
    model = make(name, path).fit(A, y)
    twin = clone(model)
    assert type(twin) is type(model)
    assert twin.get_params() == model.get_params()
    assert learned(twin) == {}
    assert learned(model) != {}
    assert repr(twin) == repr(model)
    assert repr(model).startswith(name + "(")


def test_a_repr_does_not_print_the_numbers_of_a_start():
    model = KMeans(3, init=torch.rand(3, 3))
    assert "<tensor (3, 3)>" in repr(model)
    assert torch.equal(clone(model).init, model.init)


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        (Classifier, (True, False, False)),
        (Regressor, (False, True, False)),
        (Clusterer, (False, False, True)),
        (Transformer, (False, False, False)),
    ],
)
def test_scikit_learn_knows_what_it_is(kind, tests):
    found = [make(name, path) for name, path in CASES if issubclass(PATHS[name][0], kind)]
    assert found
    for model in found:
        assert (is_classifier(model), is_regressor(model), is_clusterer(model)) == tests
        pipeline = Pipeline(StandardScaler(), model)
        assert (is_classifier(pipeline), is_regressor(pipeline), is_clusterer(pipeline)) == tests


@quiet
@every
def test_fit_returns_it_and_fitting_twice_is_fitting_once(name, path):
    A, y, A_2, y_2 = rows_of(name)
    given = A.clone().requires_grad_()
    once, twice = make(name, path), make(name, path).fit(A_2, y_2)
    assert once.fit(given, y) is once
    assert once.n_features_in_ == 3
    assert equal(learned(once), learned(twice.fit(A, y)))
    assert torch.equal(given.detach(), A)
    assert given.grad is None
    tensors = [value for value in learned(once).values() if isinstance(value, torch.Tensor)]
    assert not any(value.requires_grad for value in tensors)


@quiet
@pytest.mark.parametrize(("name", "path"), SUPERVISED)
def test_scikit_learn_scores_it_as_we_do(name, path):
    A, y, *_ = rows_of(name)
    model = make(name, path)
    folds = [(torch.arange(30).numpy(), torch.arange(30, 60).numpy())]
    expected = copy.deepcopy(model).fit(A[:30], y[:30]).score(A[30:], y[30:])
    assert peer_cross_val_score(model, A, y, cv=folds, error_score="raise") == [expected]
    piped = peer_cross_val_score(
        make_pipeline(MinMaxScaler(), model), A, y, cv=folds, error_score="raise"
    )
    ours = peer_cross_val_score(
        Pipeline(MinMaxScaler(), model), A, y, cv=folds, error_score="raise"
    )
    assert piped == ours
    assert cross_val_score(model, A, y, k=2).mean() <= 1
    assert learned(model) == {}


@quiet
@every
def test_scikit_learn_searches_its_parameters(name, path):
    A, y, *_ = rows_of(name)
    switch = PATHS[name][1]
    if switch is None:
        switch, path, model = "minmaxscaler__feature_range", (0, 2), make_pipeline(MinMaxScaler())
    else:
        model = make(name, path)
    steps = Pipeline(StandardScaler(), model), {f"model__{switch}": [path]}
    for searched, grid in ((model, {switch: [path]}), steps):
        search = GridSearchCV(
            searched,
            grid,
            cv=2,
            scoring=lambda model, A, y=None: float(len(A)),
            error_score="raise",
        ).fit(A, y)
        assert list(search.best_params_.values()) == [path]


@quiet
@every
def test_scikit_learn_s_pipeline_takes_rows_through_it(name, path):
    model = make(name, path)
    if isinstance(model, Transformer):
        found = make_pipeline(model, KNeighborsClassifier()).fit(Z, groups).predict(Z)
        chained = KNeighborsClassifier().fit(model.fit_transform(Z), groups)
        assert torch.equal(found, chained.predict(model.transform(Z)))
    elif isinstance(model, Clusterer):
        found = make_pipeline(StandardScaler(), model).fit_predict(X)
        assert torch.equal(found, model.fit_predict(StandardScaler().fit_transform(X), None))


# --- a fit that stops on its way


class Stop(Exception):
    pass


class StopAt(TorchFunctionMode):
    """Raise at the call to torch with this number; count the calls that compute something."""

    def __init__(self, number):
        super().__init__()
        self.number, self.count = number, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__ not in ("__get__", "__len__"):  # of a shape, of a device
            self.count += 1
        if self.count == self.number:
            raise Stop
        return func(*args, **kwargs or {})


@quiet
@every
def test_a_fit_that_is_stopped_leaves_the_earlier_one_whole(name, path):
    """Wherever Ctrl-C falls, all is learned from the old rows, or all from the new ones."""
    A, y, A_2, y_2 = rows_of(name)
    with StopAt(None) as mode:
        make(name, path).fit(A_2, y_2)
    n = mode.count
    old, new = make(name, path).fit(A, y), make(name, path).fit(A_2, y_2)
    for number in sorted({1, 2, 3, 5, 9, n // 4, n // 2, *range(n - 5, n + 1)}):
        if 1 <= number <= n:
            model = copy.deepcopy(old)
            with StopAt(number), pytest.raises(Stop):
                model.fit(A_2, y_2)
            whole = equal(learned(model), learned(old)) or equal(learned(model), learned(new))
            assert whole, f"half fitted when stopped at call {number} of {n}"


BAD = {
    "NaN": lambda A, y: (A * torch.nan, y),
    "other columns and NaN": lambda A, y: (torch.cat([A, A * torch.inf], 1), y),
    "other rows": lambda A, y: (A[:, :2], y[:-1]),
    "one class": lambda A, y: (A[:, :2], y * 0),
    "text": lambda A, y: (A[:, :2], ["a"] * len(A)),
}
BAD_ROWS = ("NaN", "other columns and NaN")  # the others are bad labels, for those who read them
REFUSED = [(*case, fault) for case in CASES for fault in BAD_ROWS]
REFUSED += [(*case, fault) for case in SUPERVISED for fault in BAD if fault not in BAD_ROWS]


@quiet
@pytest.mark.parametrize(("name", "path", "fault"), REFUSED)
def test_a_refused_fit_leaves_the_earlier_one_whole(name, path, fault):
    A, y, *_ = rows_of(name)
    model = make(name, path).fit(A, y)
    before, copies = learned(model), copy.deepcopy(learned(model))
    try:
        model.fit(*BAD[fault](A, y))
    except (ValueError, TypeError):
        assert all(value is before[key] for key, value in learned(model).items())
        assert equal(learned(model), copies)
    else:
        assert fault == "one class"
        assert name in ("KNeighborsClassifier", "LinearRegression")


# --- where the data are


@quiet
@pytest.mark.parametrize(("name", "path"), SUPERVISED)
def test_labels_on_the_cpu_go_to_rows_elsewhere(name, path):
    A, y, *_ = rows_of(name)
    expected = make(name, path).fit(A, y)
    with PretendMPS() as mps:
        model = make(name, path).fit(pretend(A), y)
        found = model.predict(pretend(A))
        score = model.score(pretend(A), y)
    assert mps.missing() == []
    torch.testing.assert_close(plain(found), expected.predict(A), rtol=1e-3, atol=1e-3)
    assert score == pytest.approx(expected.score(A, y), abs=1e-3)


# --- a fit that stops early says so


EARLY = {
    "fewer rows than clusters": (lambda: KMeans(5), None),
    "linear": (lambda: LinearRegression(solver="gd", max_iter=2), Z[:, 0] * 2 + 1),
    "logistic": (lambda: LogisticRegression(solver="gd", max_iter=2), groups),
    "svm": (lambda: LinearSVM(solver="subgradient", max_iter=2), halves),
}


@pytest.mark.parametrize("case", EARLY)
def test_the_warning_points_to_the_line_that_called_fit(case):
    build, y = EARLY[case]
    model = build()
    rows = Z.round().sign()[:, :1].repeat(1, 3) if y is None else Z  # three points at most
    calls = (
        lambda: model.fit(rows, y),
        lambda: Pipeline(StandardScaler(), model).fit(rows, y),
    )
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [warning.category for warning in caught] == [ConvergenceWarning]
        assert caught[0].filename == __file__


@quiet
def test_k_means_at_max_iter_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KMeans(3, max_iter=1).fit(X)
