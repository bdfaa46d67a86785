"""Several steps as one model, as scikit-learn's `make_pipeline`, and never half fitted."""

import pytest
import torch
from sklearn.decomposition import PCA as PeerPCA
from sklearn.neighbors import KNeighborsClassifier as PeerNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler as PeerMinMax
from sklearn.preprocessing import StandardScaler as PeerScaler

from d4sci.data import load_iris, to_tensors
from d4sci.dbscan import DBSCAN
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.model_selection import cross_val_score
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.pipeline import Pipeline
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from d4sci.svm import LinearSVM

X, y = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[:2]
X = X.double()


def long(k=5):
    return Pipeline(StandardScaler(), PCA(3), MinMaxScaler(), KNeighborsClassifier(k))


def test_several_steps_are_those_of_scikit_learn():
    model = long().fit(X[::2], y[::2])
    peer = make_pipeline(PeerScaler(), PeerPCA(3), PeerMinMax(), PeerNeighbors())
    peer.fit(X[::2].numpy(), y[::2].numpy())
    rest = X[1::2]
    assert model.predict(rest).tolist() == peer.predict(rest.numpy()).tolist()
    torch.testing.assert_close(
        model.predict_proba(rest), torch.from_numpy(peer.predict_proba(rest.numpy()))
    )
    assert model.score(rest, y[1::2]) == peer.score(rest.numpy(), y[1::2].numpy())
    assert model.n_features_in_ == 4
    assert model.classes_.tolist() == [0, 1, 2]


def test_it_offers_what_its_model_offers():
    """scikit-learn asks by `hasattr`."""
    binary = y.clamp(max=1)
    svm = Pipeline(StandardScaler(), LinearSVM()).fit(X, binary)
    Z = StandardScaler().fit_transform(X)
    assert torch.equal(svm.decision_function(X), LinearSVM().fit(Z, binary).decision_function(Z))
    assert not hasattr(svm, "predict_proba")
    assert not hasattr(long(), "decision_function")
    assert svm.decision_function.__name__ == "decision_function"
    line = Pipeline(StandardScaler(), LinearRegression()).fit(X[:, :3], X[:, 3])
    assert not hasattr(line, "classes_")
    assert 0.9 < line.score(X[:, :3], X[:, 3]) < 1


@pytest.mark.parametrize(
    ("last", "target"), [(KNeighborsClassifier(), y), (LinearRegression(), y.double())]
)
def test_its_score_takes_y_by_name(last, target):
    model = Pipeline(StandardScaler(), last).fit(X, target)
    assert model.score(X, y=target) == model.score(X=X, y=target) == model.score(X, target)


def test_a_chain_of_transformers_transforms():
    model, peer = Pipeline(StandardScaler(), PCA(2)), make_pipeline(PeerScaler(), PeerPCA(2))
    expected = torch.from_numpy(peer.fit_transform(X.numpy()))
    for found in (model.fit(X).transform(X), Pipeline(*model.steps).fit_transform(X)):
        torch.testing.assert_close(found.abs(), expected.abs())  # signs mean nothing
    assert not hasattr(model, "fit_predict")
    assert not hasattr(model, "predict_proba")
    nested = Pipeline(Pipeline(StandardScaler(), PCA(3)), MinMaxScaler(), KNeighborsClassifier())
    assert torch.equal(nested.fit(X, y).predict(X), long().fit(X, y).predict(X))


@pytest.mark.parametrize("model", [KMeans(3), DBSCAN(0.8)])
def test_a_chain_that_ends_with_clusters_fits_and_labels(model):
    chain = Pipeline(StandardScaler(), model)
    expected = model.fit_predict(StandardScaler().fit_transform(X))
    assert torch.equal(chain.fit_predict(X), expected)
    assert torch.equal(chain.model.labels_, expected)  # the chain is fitted, too
    assert torch.equal(chain.fit_predict(X, y=None), expected)
    assert not hasattr(long(), "fit_predict")


def test_clusters_need_no_y():
    model = Pipeline(StandardScaler(), KMeans(3)).fit(X)
    assert torch.equal(model.predict(X), model.model.labels_)


def test_a_model_alone_is_a_pipeline():
    alone = Pipeline(KNeighborsClassifier()).fit(X, y)
    assert torch.equal(alone.predict(X), KNeighborsClassifier().fit(X, y).predict(X))
    with pytest.raises(AttributeError, match="0 steps transform; use steps"):
        alone.transformer  # noqa: B018


def test_the_steps_by_name():
    short = Pipeline(StandardScaler(), KNeighborsClassifier())
    assert short.transformer is short.steps[0]
    assert short.model is short.steps[1]
    assert list(short.get_params(deep=False)) == ["transformer", "model"]
    assert short.set_params(model__n_neighbors=3) is short
    assert short.model.n_neighbors == 3
    assert list(long().get_params(deep=False)) == ["standardscaler", "pca", "minmaxscaler", "model"]
    twice = Pipeline(MinMaxScaler(), StandardScaler(), MinMaxScaler(), KNeighborsClassifier())
    assert list(twice.get_params(deep=False)) == [
        "minmaxscaler-1", "standardscaler", "minmaxscaler-2", "model",
    ]  # fmt: skip
    assert twice.set_params(**{"minmaxscaler-2__feature_range": (0, 5)}).steps[0].feature_range == (
        0.0, 1.0,
    )  # fmt: skip
    assert twice.steps[2].feature_range == (0, 5)


def test_parameters_deep_and_nested():
    inner = Pipeline(PCA(2), KNeighborsClassifier(3))
    outer = Pipeline(StandardScaler(), inner)
    params = outer.get_params()
    assert params["model"] is inner
    assert params["model__transformer__n_components"] == 2
    assert params["model__model__n_neighbors"] == 3
    outer.set_params(model__model__n_neighbors=9, model__transformer=PCA(1))
    assert (inner.model.n_neighbors, inner.transformer.n_components) == (9, 1)
    outer.set_params(model=KNeighborsClassifier(), model__n_neighbors=2)  # the new one's
    assert (outer.model.n_neighbors, inner.model.n_neighbors) == (2, 9)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_neighbors", "Pipeline has no step 'n_neighbors'; it has transformer, model"),
        ("knn__n_neighbors", "Pipeline has no step 'knn'"),
        ("model__predict", "KNeighborsClassifier has no parameter 'predict'"),
    ],
)
def test_an_unknown_name_changes_nothing(name, text):
    model = Pipeline(StandardScaler(), KNeighborsClassifier())
    before = model.get_params()
    with pytest.raises(ValueError, match=text):
        model.set_params(**{name: 3})
    assert model.get_params() == before


@pytest.mark.parametrize("order", [1, -1])
def test_parameters_are_set_together_or_not_at_all(order):
    inner = Pipeline(PCA(2), KNeighborsClassifier())
    model = Pipeline(StandardScaler(), MinMaxScaler(), inner).fit(X, y)
    before, steps, predicted = model.get_params(), model.steps, model.predict(X)
    wanted = {"minmaxscaler__feature_range": (0, 5), "model__model__n_neighbors": 3}
    wanted |= {"standardscaler__nope": 1}
    with pytest.raises(ValueError, match="StandardScaler has no parameter 'nope'"):
        model.set_params(**dict(list(wanted.items())[::order]))
    assert model.get_params() == before
    assert model.steps is steps
    assert torch.equal(model.predict(X), predicted)
    with pytest.raises(ValueError, match="PCA has no parameter 'nope'"):
        model.set_params(model__model__n_neighbors=3, model__transformer__nope=1)
    assert model.get_params() == before


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ([("scale", StandardScaler()), ("model", KNeighborsClassifier())],),
        (StandardScaler, KNeighborsClassifier()),
        (KNeighborsClassifier(), StandardScaler()),
        (StandardScaler(), None),
    ],
)
def test_what_is_no_step_is_refused(steps):
    with pytest.raises(TypeError, match=r"must (be|have) .*, got .*; give"):
        Pipeline(*steps)
    with pytest.raises(TypeError, match="got"):
        Pipeline(StandardScaler(), KNeighborsClassifier()).set_params(transformer=3)


def test_a_fit_that_fails_on_the_way_leaves_the_pipeline_as_it_was():
    model = Pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y)
    before, steps = model.predict(X), model.steps
    with pytest.raises(ValueError, match="y must have one entry per row"):
        model.fit(X[:, :2] * 7, y[:5])  # the scaler fits, the model does not
    assert model.steps is steps
    assert torch.equal(model.predict(X), before)


def test_the_steps_that_were_given_stay_as_they_are():
    knn = KNeighborsClassifier()
    first, second = Pipeline(StandardScaler(), knn), Pipeline(MinMaxScaler(), knn)
    expected = first.fit(X, y).predict(X)
    second.fit(X[:, :2], y)
    assert torch.equal(first.predict(X), expected)
    assert not hasattr(knn, "classes_")


def test_its_repr_reads_as_it_is_written():
    model = Pipeline(StandardScaler(), PCA(2), KNeighborsClassifier(3))
    assert repr(model) == "Pipeline(StandardScaler(), PCA(n_components=2), " + (
        "KNeighborsClassifier(n_neighbors=3))"
    )


def test_it_is_scored_fold_by_fold():
    scores = cross_val_score(long(3), X, y, stratify=y)
    assert scores.shape == (5,)
    assert scores.mean() > 0.9


def test_a_step_without_transform_is_refused_before_predict_needs_it():
    class OnlyInFit:
        def fit_transform(self, X, y=None):
            return X

    with pytest.raises(TypeError, match=r"steps\[0\] must be .* with fit_transform and transform"):
        Pipeline(OnlyInFit(), KNeighborsClassifier())
