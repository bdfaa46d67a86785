"""Every estimator, on each of its paths, keeps what scikit-learn's users expect of one, on tensors.

Its parameters go in and out by name; `clone`, `cross_val_score`, `Pipeline` and `GridSearchCV` of
scikit-learn take it. For a `fit` that stops on its way see test_failed_fit.
"""

import copy
import dataclasses
import inspect
import itertools
import warnings

import pytest
import torch
from sklearn.base import clone, is_classifier, is_clusterer, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import cross_val_score as peer_cross_val_score
from sklearn.pipeline import make_pipeline

from d4sci.estimator import Classifier, Clusterer, ConvergenceWarning, Regressor, Transformer
from d4sci.kmeans import KMeans
from d4sci.model_selection import cross_val_score
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pipeline import Pipeline
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from tests.support.estimator_paths import (
    CASES,
    EARLY,
    PATHS,
    SUPERVISED,
    X,
    Z,
    equal,
    every,
    groups,
    learned,
    make,
    quiet,
    rows_of,
)
from tests.support.pretend_mps import PretendMPS, plain, pretend


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
@pytest.mark.parametrize("name", [name for name in PATHS if len(PATHS[name][2]) > 1])
def test_a_fit_on_one_path_leaves_nothing_for_a_fit_on_another(name):
    A, y, *_ = rows_of(name)
    for first, second in itertools.permutations(PATHS[name][2], 2):
        twice = make(name, first).fit(A, y).set_params(**make(name, second).get_params())
        assert equal(learned(twice.fit(A, y)), learned(make(name, second).fit(A, y)))


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
