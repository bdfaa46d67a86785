"""What every estimator owes its caller, on data of any size: nothing is remembered, nothing spoilt.

Fitted to other data first, of another width and dtype, each estimator ends up as if it were new.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d4sci.dbscan import DBSCAN
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from d4sci.svm import LinearSVM
from tests.support.properties import classes, few, normal, seeds, sizes, widths

# A few steps of a descent are enough for these laws.
pytestmark = pytest.mark.filterwarnings("ignore::d4sci.estimator.ConvergenceWarning")
ESTIMATORS = {
    "MinMaxScaler": (MinMaxScaler, None),
    "StandardScaler": (StandardScaler, None),
    "PCA": (lambda: PCA(1), None),
    "PCA, svd": (lambda: PCA(1, solver="svd"), None),
    "KMeans": (lambda: KMeans(3, n_init=2), None),
    "KMeans, random": (lambda: KMeans(3, init="random"), None),
    "KMeans, lloyd": (lambda: KMeans(3, algorithm="lloyd"), None),
    "DBSCAN": (lambda: DBSCAN(1.0, 3), None),
    "DBSCAN, queue": (lambda: DBSCAN(1.0, 3, "queue"), None),
    "KNeighborsClassifier": (lambda: KNeighborsClassifier(3, weights="distance"), 3),
    "KNeighborsClassifier, brute": (lambda: KNeighborsClassifier(3, algorithm="brute"), 3),
    "KNeighborsClassifier, cosine": (lambda: KNeighborsClassifier(3, metric="cosine"), 3),
    "LinearRegression": (LinearRegression, 0),
    "LinearRegression, lstsq": (lambda: LinearRegression(solver="lstsq"), 0),
    "LinearRegression, gd": (lambda: LinearRegression(l2=1.0, solver="gd", max_iter=5), 0),
    "LogisticRegression": (lambda: LogisticRegression(max_iter=9), 3),
    "LogisticRegression, gd": (lambda: LogisticRegression(solver="gd", max_iter=5), 2),
    "LinearSVM": (LinearSVM, 2),
    "LinearSVM, subgradient": (lambda: LinearSVM(solver="subgradient", max_iter=9), 2),
    "MLP": (lambda: MLP((4,), epochs=2, batch_size=7), 3),
}
FLOATS = st.sampled_from([torch.float32, torch.float64])
WHOLE = st.sampled_from([torch.int64, torch.int32, torch.uint8])  # dtypes of labels
METHODS = (
    "transform", "inverse_transform", "kneighbors", "decision_function", "predict_proba", "predict",
)  # fmt: skip


def tensors(value):
    """Return all tensors in a value, or in the attributes of an object."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors(part)]
    return [] if not hasattr(value, "__dict__") else tensors(list(vars(value).values()))


def use(model, X):
    """Return what all methods of a fitted model say about rows."""
    rows = {name: X for name in METHODS if hasattr(model, name)}
    if isinstance(model, PCA):
        rows["inverse_transform"] = X[:, :1]
    return [getattr(model, name)(value) for name, value in rows.items()]


@pytest.mark.parametrize("name", ESTIMATORS)
@few
@given(seed=seeds, n=sizes, d=widths, dtype=FLOATS, whole=WHOLE)
def test_manners(name, seed, n, d, dtype, whole):
    make, k = ESTIMATORS[name]
    other_dtype = ({torch.float32, torch.float64} - {dtype}).pop()
    X, other, Q = (
        normal(n, d, seed, dtype),
        normal(20, 3, seed, other_dtype),
        normal(4, d, 7, dtype),
    )
    labels = classes(n, k, seed).to(whole) if k else normal(n, 1, seed + 8, dtype)[:, 0]
    y = [] if k is None else [labels]
    y_other = [5 + classes(20, k, 0) if k else other[:, 0] for _ in y]
    given_data, state = [X.clone(), Q.clone(), *(t.clone() for t in y)], torch.get_rng_state()
    parameters = dict(vars(make()))
    new, used = make(), make().fit(other, *y_other)
    with torch.device("meta"):  # what forgets the device of its input fails
        assert new.fit(X, *y) is new
        said = use(new, Q)
    assert used.fit(X, *y) is used  # refit = fit
    assert vars(used).keys() == vars(new).keys()
    assert all(map(torch.equal, tensors([used, use(used, Q)]), tensors([new, said])))
    assert all(map(torch.equal, [X, Q, *y], given_data))  # inputs are left alone
    assert torch.equal(torch.get_rng_state(), state)  # and so is the global generator
    assert parameters.items() <= vars(new).items()  # and the parameters
    made = tensors([new, said])
    assert len(made) >= 2
    assert {t.device.type for t in made} == {"cpu"}
    assert {t.dtype for t in made if t.is_floating_point()} <= {dtype}
    if k:
        assert new.predict(Q).dtype == new.classes_.dtype == whole  # labels like those of fit
