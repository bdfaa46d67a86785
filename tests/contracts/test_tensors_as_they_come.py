"""Tensors as users have them: with a graph, in inference mode, as views, of another dtype.

Whatever they are, the result is that of a plain copy, and they stay as they were. So do models
when data change after `fit`, and when several threads fit and predict at once.
"""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from d4sci.data import make_blobs
from d4sci.kmeans import KMeans
from d4sci.model_selection import train_test_split
from d4sci.neighbors import KNeighborsClassifier
from d4sci.preprocessing import normalize
from tests.contracts.test_devices import demand_equal
from tests.support.device_cases import CASES as CALLS
from tests.support.device_cases import flat
from tests.support.estimator_paths import (
    CASES,
    PATHS,
    Z,
    alone_or_last,
    equal,
    every,
    groups,
    learned,
    make,
    quiet,
    rows_of,
    said,
    tensors,
)

READERS = {name for name in CALLS if name.startswith("load_")} | {
    *("get_device", "data_path", "verify_data", "to_tensors", "make_moons", "seeded"),
}  # take no tensors
NETWORKS = {  # there gradients are the point, and PyTorch's own rules hold
    *("save_atomically", "save_checkpoint", "CNN", "Autoencoder", "ConvAutoencoder", "Generator"),
    *("Discriminator", "discriminator_step", "generator_step", "train_gan", "GCN", "GCNConv"),
    *("fit_nodes", "node_accuracy", "History", "train", "evaluate", "minimise"),
}
OURS = sorted(CALLS.keys() - READERS - NETWORKS - {"check_"})  # checks return nothing
WITHIN = {"moments", "nearest"}  # engines, which are given rows without a graph


@pytest.fixture(scope="module")
def expected():
    """Return what a call gives for plain tensors; each is made once."""
    known = {}
    return lambda name: known.setdefault(name, flat(CALLS[name](lambda value: value)))


# --- every function and every estimator, in the calls of `device_cases`


def strided(value):
    """Return the same numbers as a transposed view that steps over others and starts later."""
    if not isinstance(value, torch.Tensor) or value.ndim == 0:
        return value
    value = value.transpose(0, -1)
    room = torch.cat([value[..., :1], value, value[..., :1]], -1)  # rows before and after
    wide = torch.stack([room, room.flip(-1)], -1)
    return wide[..., 1:-1, 0].transpose(0, -1)


@pytest.mark.parametrize("name", OURS)
def test_a_view_counts_as_its_copy(name, expected):
    """To rounding, as sums run in another order; labels and counts are equal."""
    demand_equal(flat(CALLS[name](strided)), expected(name), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", [name for name in OURS if name not in WITHIN])
def test_a_graph_changes_no_number_and_no_input(name, expected):
    given = []

    def put(value):
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return value
        leaf = value.detach().clone().requires_grad_()
        given.append((leaf, leaf * 1, value))
        return given[-1][1]

    found = flat(CALLS[name](put))
    demand_equal([torch.as_tensor(leaf).detach() for leaf in found],
                 [torch.as_tensor(leaf) for leaf in expected(name)])  # fmt: skip
    for leaf, rows, value in given:
        assert torch.equal(rows, value)
        assert rows.requires_grad
        assert leaf.grad is None


@pytest.mark.parametrize("name", OURS)
def test_tensors_made_in_inference_mode_are_as_good_outside(name, expected):
    """Nothing is written into them, which PyTorch would refuse."""

    def put(value):
        with torch.inference_mode():
            return value.clone() if isinstance(value, torch.Tensor) else value

    demand_equal(flat(CALLS[name](put)), expected(name))


def test_every_call_has_its_place():
    assert CALLS.keys() >= READERS | NETWORKS | WITHIN
    value = torch.arange(24.0).view(2, 3, 4)
    for tensor in (value, value[0], value[0, 0]):
        view = strided(tensor)
        assert torch.equal(view, tensor)
        assert not view.is_contiguous()
        assert view.storage_offset() > 0


# --- a graph


def with_graph(A):
    """Return the same numbers as the result of a computation that wants gradients."""
    if A is None or not A.is_floating_point():
        return A
    return A.clone().requires_grad_() * 1


@quiet
@alone_or_last
@every
def test_what_is_learned_keeps_no_graph(name, path, piped):
    A, y, *_ = rows_of(name)
    plain = make(name, path, piped).fit(A, y)
    model = make(name, path, piped).fit(with_graph(A), with_graph(y))
    kept = tensors(model)
    assert len(kept) >= 2
    assert not any(tensor.requires_grad or tensor.grad_fn for tensor in kept)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for twin in (model, *copies, torch.load(file, weights_only=False)):
        assert equal(learned(twin), learned(plain))
        assert equal(said(twin, A, y), said(plain, A, y))


CARRIED = {  # a formula of x carries the gradient on; labels, neighbours and scores cannot
    "PCA": {"transform", "inverse_transform"},
    "StandardScaler": {"transform", "inverse_transform"},
    "MinMaxScaler": {"transform", "inverse_transform"},
    "LinearRegression": {"predict"},
    "LogisticRegression": {"decision_function", "predict_proba"},
    "LinearSVM": {"decision_function"},
    "MLP": {"forward", "predict_proba"},
}


@quiet
@alone_or_last
@every
def test_which_results_carry_the_gradient_on(name, path, piped):
    A, y, *_ = rows_of(name)
    model, rows = make(name, path, piped).fit(A, y), with_graph(A)
    found = said(model, rows, with_graph(y))
    carried = {key for key, value in found.items() if any(t.requires_grad for t in tensors(value))}
    assert carried == CARRIED.get(name, set()) & found.keys()
    for key in carried:
        for tensor in tensors(found[key]):
            if tensor.requires_grad and tensor.grad_fn:
                tensor.sum().backward(retain_graph=True)
    if "transform" in found:
        assert model.fit_transform(rows).requires_grad
    if hasattr(model, "labels_"):
        assert not model.fit_predict(rows).requires_grad


# --- inference mode


@quiet
@alone_or_last
@every
def test_fitted_in_inference_mode_it_is_as_good_outside(name, path, piped):
    A, y, *_ = rows_of(name)
    plain, rows = make(name, path, piped).fit(A, y), A.clone().requires_grad_()
    with torch.inference_mode():
        model = make(name, path, piped).fit(A, y)
        inside = said(model, A, y)
    if name != "KNeighborsClassifier":  # it keeps rows that it did not make
        assert not any(tensor.is_inference() for tensor in tensors(model))
    assert equal(learned(model), learned(plain))
    outside = said(model, rows, y)  # a matrix product saves its factors for the gradient
    assert equal(inside, outside)
    for tensor in tensors(outside):
        if tensor.requires_grad and tensor.grad_fn:
            tensor.sum().backward(retain_graph=True)
    assert equal(learned(copy.deepcopy(model)), learned(plain))
    assert equal(learned(model.fit(A, y)), learned(plain))


@quiet
@every
def test_rows_made_in_inference_mode_are_as_good_outside(name, path):
    A, y, *_ = rows_of(name)
    with torch.inference_mode():
        rows, labels = A.clone(), None if y is None else y.clone()
    plain, model = make(name, path).fit(A, y), make(name, path).fit(rows, labels)
    assert equal(learned(model), learned(plain))
    said(model, A.clone().requires_grad_(), y)
    assert equal(said(copy.deepcopy(model), rows, labels), said(plain, A, y))


# --- views


VIEWS = {
    "as NumPy orders for Fortran": lambda A: torch.from_numpy(np.asfortranarray(A.numpy())),
    "one row n times": lambda A: A[:1].expand(len(A), -1),
    "one column d times": lambda A: A[:, :1].expand(-1, A.shape[1]),
}


@quiet
@pytest.mark.parametrize("view", VIEWS)
@every
def test_an_expanded_view_counts_as_its_copy(name, path, view):
    """An expanded view has one memory for many entries, and may not be written to."""
    A, y, *_ = rows_of(name)
    rows = VIEWS[view](A.double())
    model, plain = make(name, path).fit(rows, y), make(name, path).fit(rows.contiguous(), y)
    close = {"rtol": 1e-12, "atol": 1e-12}
    demand_equal(tensors(learned(model)), tensors(learned(plain)), **close)
    found, wanted = said(model, rows, y), said(plain, rows.contiguous(), y)
    assert found.keys() == wanted.keys()
    if found:  # DBSCAN has none
        demand_equal(flat(list(found.values())), flat(list(wanted.values())), **close)


# --- memory that is shared


@quiet
@alone_or_last
@every
def test_changing_the_data_after_fit_changes_no_model(name, path, piped):
    """Except for the training rows that K-NN keeps, as its docstring says."""
    A, y, *_ = rows_of(name)
    rows, labels = A.clone(), None if y is None else y.clone()
    model = make(name, path, piped).fit(rows, labels)
    before, results = copy.deepcopy(learned(model)), said(model, A, y)
    rows.mul_(-3).add_(1)
    if labels is not None:
        labels.zero_()
    if name == "KNeighborsClassifier" and not piped:
        assert model._training.data_ptr() == rows.data_ptr()
        rows.copy_(A)
    assert equal(learned(model), before)
    assert equal(said(model, A, y), results)


@pytest.mark.parametrize("algorithm", ["lloyd", "hamerly"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_k_means_keeps_its_start(algorithm, dtype):
    rows = Z.to(dtype)
    start = rows[:3]  # a view: centroids that moved in it would move the data
    before = rows.clone()
    model = KMeans(3, init=start, algorithm=algorithm, max_iter=1).fit(rows)
    start_memory = start.untyped_storage().data_ptr()
    assert model.cluster_centers_.untyped_storage().data_ptr() != start_memory
    assert torch.equal(rows, before)
    assert model.init is start


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_k_nearest_neighbours_copies_rows_for_cosine_only(metric):
    rows = Z.clone()
    model = KNeighborsClassifier(3, metric=metric).fit(rows, groups)
    shared = model._training.data_ptr() == rows.data_ptr()
    assert shared == (metric == "euclidean")


def test_what_functions_return_is_no_view_of_their_input():
    ones = torch.ones(4, 1)  # already of length 1
    for result in (normalize(ones), *train_test_split(ones, test_size=1)):
        result.zero_()
    assert torch.equal(ones, torch.ones(4, 1))


# --- dtypes


@quiet
@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_rows_decide_the_dtype_of_what_is_said(name, path, dtype):
    """Fitted to one dtype, asked about another, it answers in that of the question."""
    A, y, *_ = rows_of(name)
    fitted, asked = A.to(dtype), A.to(torch.float64 if dtype == torch.float32 else torch.float32)
    model = make(name, path).fit(fitted, y)
    assert {t.dtype for t in tensors(learned(model)) if t.is_floating_point()} <= {dtype}
    found, wanted = said(model, asked, y), said(model, fitted, y)
    floats = [tensor for tensor in tensors(found) if tensor.is_floating_point()]
    assert {tensor.dtype for tensor in floats} <= {asked.dtype}
    for a, b in zip(flat(list(found.values())), flat(list(wanted.values())), strict=True):
        a, b = torch.as_tensor(a), torch.as_tensor(b)
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, check_dtype=False)


CLASSIFIERS = [case for case in CASES if PATHS[case[0]][4] is groups or case[0] == "LinearSVM"]


@quiet
@pytest.mark.parametrize(("name", "path"), CLASSIFIERS)
def test_labels_may_be_bools(name, path):
    A, y = rows_of(name)[0], groups > 0
    model, plain = make(name, path).fit(A, y), make(name, path).fit(A, y.long())
    assert model.classes_.tolist() == [False, True]
    assert model.predict(A).dtype == torch.bool
    assert torch.equal(model.predict(A), plain.predict(A).bool())
    assert model.score(A, y) == plain.score(A, y.long())


# --- threads


@pytest.fixture(scope="module")
def many():
    """Return rows enough for the engines to be at work, and their labels."""
    return make_blobs(600, centers=4, n_features=8, std=3.0, seed=5)


@quiet
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("KMeans", "hamerly"), ("PCA", "covariance"), ("KNeighborsClassifier", "screened"),
        ("LinearRegression", "normal"), ("LogisticRegression", "newton-lbfgs"), ("MLP", "relu"),
    ],
)  # fmt: skip
def test_two_threads_disturb_nobody(name, path, many):
    X, labels = many
    y = X[:, 0] + 1 if name == "LinearRegression" else labels
    halves = [(X[:400], y[:400]), (X[200:].double(), y[200:])]

    def work(part):
        return make(name, path).fit(*halves[part])

    alone = [work(0), work(1)]
    results = [said(alone[part], *halves[part]) for part in (0, 1)]
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(work, part) for part in (0, 1)]
        uses = [pool.submit(said, alone[part], *halves[part]) for part in (0, 1)]
        for part, fit in zip((0, 1), fits, strict=True):
            assert equal(learned(fit.result()), learned(alone[part]))
        for part, use in zip((0, 1), uses, strict=True):
            assert equal(use.result(), results[part])
