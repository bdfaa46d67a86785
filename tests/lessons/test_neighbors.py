"""KNN against scikit-learn: the same neighbours, votes and probabilities, ties by the lower row.

Distances agree to 1e-12 relative in float64, 1e-5 in float32. Where ties decide, whole numbers
and an ordering in NumPy are the oracle, as scikit-learn leaves their order open.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier as Peer

from d4sci.data import load_mnist, make_blobs
from d4sci.distance import distances
from d4sci.engines import screened
from d4sci.neighbors import KNeighborsClassifier, nearest

METRICS = ("euclidean", "manhattan", "cosine")
BF16, F32, F64 = torch.bfloat16, torch.float32, torch.float64


def normal(n, d, seed=0, dtype=F64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=dtype)


def classes(n, seed=0):
    """Labels that are neither consecutive nor positive, in unequal shares."""
    generator = torch.Generator().manual_seed(seed)
    return torch.tensor([-3, 7, 7, 7, 40])[torch.randint(5, (n,), generator=generator)]


BLOBS = make_blobs(300, centers=4, seed=1)[0].double()
LATTICE = torch.cartesian_prod(*[torch.arange(6.0)] * 3).double()
DATA = {  # training rows and queries
    "blobs": (BLOBS, BLOBS[:40] + 0.1),
    "far from the origin": (BLOBS + 1e6, BLOBS[:40] + 1e6 + 0.1),
    "one column far away": (normal(200, 3) + torch.tensor([0, 1e5, -1e3]), normal(20, 3)),
    "large scale": (1e6 * normal(200, 4), 1e6 * normal(20, 4, 1)),
    "small scale": (1e-6 * normal(200, 4), 1e-6 * normal(20, 4, 1)),
    "one feature": (normal(200, 1), normal(20, 1, 1)),
    "fifty features": (normal(200, 50), normal(20, 50, 1)),
    "more features than rows": (normal(10, 60), normal(5, 60, 1)),
    "as many rows as neighbours": (normal(5, 3), normal(7, 3, 1)),
    "one query": (normal(100, 3), normal(1, 3, 1)),
    "outlier": (torch.cat([normal(200, 3), 1e8 * normal(1, 3)]), normal(20, 3, 1)),
}
CASES = [
    (name, metric)
    for metric in METRICS
    for name in DATA  # of these two the directions are equal, or nearly so
    if metric != "cosine" or name not in ("one feature", "far from the origin")
]


def neighbors_by_hand(X, Y, k, metric="euclidean"):
    """Return distances and indices by a stable sort of all distances."""
    D = distances(X, Y, metric=metric).numpy()
    order = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(D, order, 1), order


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize(("name", "metric"), CASES)
def test_agrees_with_scikit_learn(name, metric, weights):
    X, Q = DATA[name]
    y = classes(len(X))
    ours = KNeighborsClassifier(5, metric=metric, weights=weights).fit(X, y)
    # Its brute force takes products, whose rounding hides neighbours far from the origin.
    search = "kd_tree" if name == "far from the origin" else "brute"
    peer = Peer(5, metric=metric, weights=weights, algorithm=search).fit(X.numpy(), y.numpy())
    D, indices = ours.kneighbors(Q)
    expected, rows = peer.kneighbors(Q.numpy())
    if metric == "euclidean":
        expected = np.linalg.norm(Q.numpy()[:, None] - X.numpy()[rows], axis=2)
    assert np.allclose(D, expected, rtol=1e-12, atol=1e-14 if metric == "cosine" else 0)
    assert indices.tolist() == rows.tolist()
    assert ours.classes_.tolist() == peer.classes_.tolist()
    tolerance = 1e-4 if metric == "cosine" and weights == "distance" else 1e-9
    if name != "far from the origin":  # there scikit-learn's own distances are rounded
        proba = peer.predict_proba(Q.numpy())
        assert np.allclose(ours.predict_proba(Q), proba, rtol=0, atol=tolerance)
    assert ours.predict(Q).tolist() == peer.predict(Q.numpy()).tolist()


AWKWARD = DATA | {
    "a lattice, full of ties": (LATTICE, LATTICE[::7]),
    "each row three times": (BLOBS.repeat(3, 1), BLOBS[:40]),
    "one row many times": (torch.ones(150, 3).double(), normal(5, 3)),
    "constant columns": (torch.nn.functional.pad(normal(200, 2), (1, 1), value=3.0), normal(9, 4)),
    "rows without a direction": (torch.cat([normal(90, 3), torch.zeros(30, 3)]), LATTICE[::20]),
    "multiples of few directions": (LATTICE, 2 * LATTICE[::7]),
}


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", AWKWARD)
def test_both_algorithms_find_the_same(name, metric, dtype):
    X, Q = (rows.to(dtype) for rows in AWKWARD[name])
    y = classes(len(X))
    model = KNeighborsClassifier(5, metric=metric, weights="distance", algorithm="brute").fit(X, y)
    brute = (*model.kneighbors(Q), model.predict_proba(Q), model.predict(Q))
    model.set_params(algorithm="screened")
    quick = (*model.kneighbors(Q), model.predict_proba(Q), model.predict(Q))
    assert all(map(torch.equal, brute, quick))
    assert model.algorithm == "screened" == KNeighborsClassifier().algorithm
    if metric != "cosine":
        expected, rows = neighbors_by_hand(Q, X, 5, metric)
        assert brute[1].tolist() == rows.tolist()
        assert np.array_equal(brute[0], expected)


@pytest.mark.parametrize("metric", METRICS)
def test_nearest_without_a_model(metric):
    X, Q = normal(100, 3), normal(9, 3, 1)
    D, indices = nearest(Q, X, 4, metric=metric)
    expected, rows = neighbors_by_hand(Q, X, 4, metric)
    assert indices.tolist() == rows.tolist()
    assert np.array_equal(D, expected)


def test_brute_compares_block_by_block():
    """1,500 queries and 3,000 rows are more than a block holds; the other rows change nothing."""
    X, Q = normal(3000, 2), normal(1500, 2, 1)
    model = KNeighborsClassifier(3, algorithm="brute").fit(X, classes(3000))
    D, indices = model.kneighbors(Q)
    expected, rows = neighbors_by_hand(Q, X, 3)
    assert indices.tolist() == rows.tolist()
    assert np.array_equal(D, expected)
    assert D.untyped_storage().nbytes() == 1500 * 3 * 8  # no block is kept


@pytest.mark.parametrize("wrong", [{"X": normal(2, 7)}, {"y": torch.zeros(9).long()}])
@pytest.mark.parametrize("metric", METRICS)
def test_a_fit_that_raises_leaves_the_model_as_it_was(wrong, metric):
    good = {"X": normal(60, 3), "y": classes(60)}
    model = KNeighborsClassifier(3, metric=metric).fit(**good)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="must"):
        model.fit(**{**good, **wrong})
    assert all(value is before[name] for name, value in vars(model).items())
    assert model.score(**good) > 0.5


@pytest.mark.parametrize("algorithm", ["brute", "screened"])
@pytest.mark.parametrize("metric", METRICS)
def test_more_neighbours_than_rows_are_refused_after_fit_too(metric, algorithm):
    model = KNeighborsClassifier(3, metric=metric, algorithm=algorithm)
    model.fit(X5, Y5).set_params(n_neighbors=6)
    for ask in (model.kneighbors, model.predict_proba, model.predict):
        with pytest.raises(ValueError, match="n_neighbors must lie between 1 and 5, got 6"):
            ask(X5)
    assert model.set_params(n_neighbors=5).kneighbors(X5)[1].shape == (5, 5)
    with pytest.raises(ValueError, match="weights must be one of"):
        model.set_params(weights="votes").predict(X5)


@pytest.mark.parametrize("algorithm", ["brute", "screened"])
@pytest.mark.parametrize("later", METRICS)
@pytest.mark.parametrize("metric", METRICS)
def test_the_metric_is_the_one_of_fit(metric, later, algorithm):
    """The rows are stored as their metric wants them."""
    model = KNeighborsClassifier(3, metric=metric, algorithm=algorithm).fit(X5, Y5)
    expected = model.kneighbors(2 * X5 - 1)
    found = model.set_params(metric=later).kneighbors(2 * X5 - 1)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("algorithm", ["brute", "screened"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e-12, 1e12, 1e25, 1e38])
def test_tiny_and_huge_numbers_have_the_neighbours_of_ordinary_ones(scale, metric, algorithm):
    X, Q, y = normal(200, 3).float(), normal(30, 3, seed=1).float(), classes(200)
    X, Q = X.clamp(-1.5, 1.5), Q.clamp(-1.5, 1.5)
    model = KNeighborsClassifier(4, metric=metric, algorithm=algorithm)
    D, indices = model.fit(X, y).kneighbors(Q)
    unit = 2.0 ** math.floor(math.log2(scale))  # a factor that costs no digit, but below 1e-38
    scaled_D, scaled_indices = model.fit(unit * X, y).kneighbors(unit * Q)
    if scale > 1e-38:
        assert torch.equal(scaled_indices, indices)
    factor = 1.0 if metric == "cosine" else unit
    assert torch.allclose(scaled_D.double(), factor * D.double(), rtol=1e-3, atol=1e-5 * factor)


@pytest.mark.parametrize("algorithm", ["brute", "screened"])
def test_distances_whose_squares_vanish_are_refused(algorithm):
    """Differences of 1e-25 beside numbers of 1, or of 1e-15 beside 1e38."""
    X, y = torch.tensor([[1e-25], [2e-25], [1.0]]).repeat(40, 1), torch.arange(120)
    model = KNeighborsClassifier(1, algorithm=algorithm).fit(X, y)
    with pytest.raises(ValueError, match=r"some that vanish; scale X .* or use X.double\(\)"):
        model.predict(torch.tensor([[2e-25]]))
    with pytest.raises(ValueError, match="some that vanish"):
        model.predict(torch.tensor([[0.9], [1e38]]) * torch.tensor([[1e-15], [1.0]]))
    assert model.predict(torch.tensor([[0.9], [1e25]])).tolist() == [2, 0]  # all are equally far
    assert model.predict(torch.ones(1, 1)).item() == 2  # equal rows are 0 apart
    model.fit(X.double(), y)
    assert model.predict(torch.tensor([[2e-25], [0.9]]).double()).tolist() == [1, 2]


@pytest.mark.parametrize("algorithm", ["brute", "screened"])
def test_by_cosine_all_rows_are_equally_far_from_a_row_of_zeros(algorithm):
    X = torch.tensor([[-2.0, 0, 2, -2], [-2, -1, 1, 1], [-1, -2, -1, 2]]).repeat(30, 1)
    model = KNeighborsClassifier(3, metric="cosine", algorithm=algorithm).fit(X, torch.arange(90))
    D, indices = model.kneighbors(torch.stack([torch.zeros(4), X[1]]))
    assert D[0].tolist() == [1, 1, 1]
    assert indices.tolist() == [[0, 1, 2], [1, 4, 7]]


def test_it_is_an_estimator():
    X, y = normal(60, 3), classes(60)
    model = clone(KNeighborsClassifier(1, metric="manhattan")).fit(X, y)
    assert repr(model) == "KNeighborsClassifier(n_neighbors=1, metric='manhattan')"
    assert model.n_features_in_ == 3
    assert model.score(X, y) == 1
    assert KNeighborsClassifier(60, metric="cosine").fit(X, y).n_features_in_ == 3


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 80), st.integers(1, 3), st.sampled_from(METRICS[:2]))
def test_ties_go_to_the_lower_row(seed, n, d, metric):
    generator = torch.Generator().manual_seed(seed)
    X, Q = (torch.randint(4, (rows, d), generator=generator).float() for rows in (n, 6))
    k = min(n, 1 + seed % 40)
    model = KNeighborsClassifier(k, metric=metric).fit(X, torch.zeros(n, dtype=torch.long))
    D, indices = model.kneighbors(Q)
    all_ = np.abs(Q.numpy()[:, None] - X.numpy())
    all_ = all_.sum(2) if metric == "manhattan" else np.sqrt((all_**2).sum(2))
    order = np.argsort(all_, axis=1, kind="stable")[:, :k]
    assert indices.tolist() == order.tolist()
    assert np.allclose(D, np.take_along_axis(all_, order, 1), rtol=1e-6)


def test_a_case_by_hand():
    """Distances 1, 2, 2, 4 from the origin: classes 9, 2, 2, 5."""
    X = torch.tensor([[4.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [2.0, 0.0]])
    y, q = torch.tensor([5, 2, 9, 2]), torch.zeros(1, 2)
    D, indices = KNeighborsClassifier(4).fit(X, y).kneighbors(q)
    assert (D.tolist(), indices.tolist()) == ([[1, 2, 2, 4]], [[2, 1, 3, 0]])
    assert [KNeighborsClassifier(k).fit(X, y).predict(q).item() for k in (1, 2, 3, 4)] == [
        9,
        2,
        2,
        2,
    ]
    votes = KNeighborsClassifier(4, weights="distance").fit(X, y).predict_proba(q)
    assert votes[0].tolist() == pytest.approx([4 / 9, 1 / 9, 4 / 9])  # 1/2 + 1/2, 1/4, 1 of 9/4
    assert KNeighborsClassifier(4, weights="distance").fit(X, y).predict(q).item() == 2


def test_a_row_at_distance_0_leaves_the_others_no_vote():
    X = torch.tensor([[0.0], [0.0], [1e-18], [1.0]])
    y = torch.tensor([1, 3, 2, 2])
    model = KNeighborsClassifier(4, weights="distance").fit(X, y)
    assert model.predict_proba(torch.zeros(1, 1)).tolist() == [[0.5, 0, 0.5]]
    X, q = torch.tensor([[0.0], [2e-310], [3.0]], dtype=F64), torch.tensor([[1e-310]], dtype=F64)
    model = KNeighborsClassifier(3, metric="manhattan", weights="distance")
    shares = model.fit(X, y[:3]).predict_proba(q)  # 1 / 1e-310 would be infinite
    assert shares[0].tolist() == pytest.approx([0.5, 0, 0.5])


def test_cosine_of_a_row_without_direction_is_1():
    X = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    model = KNeighborsClassifier(4, metric="cosine").fit(X, torch.tensor([0, 0, 1, 1]))
    D, indices = model.kneighbors(torch.tensor([[0.0, 0.0], [1e30, 0.0], [1e-30, 0.0]]))
    expected = [[1, 1, 1, 1], [0, 1, 1, 2], [0, 1, 1, 2]]
    assert torch.allclose(D, torch.tensor(expected, dtype=F32), rtol=0, atol=1e-6)
    assert indices[1:].tolist() == [[1, 0, 2, 3]] * 2
    assert torch.allclose(D, distances(torch.tensor([[0.0, 0], [1, 0], [1, 0]]), X, metric="cosine")
                          .sort().values, atol=1e-6)  # fmt: skip


@pytest.mark.parametrize("screens", [[BF16, F32], [F32]])
def test_mnist_in_float32(screens, monkeypatch):
    monkeypatch.setattr(screened, "_screens", lambda Y: screens)
    images, y = load_mnist("test")
    X = images.flatten(1).float() / 255
    X, Q, y, truth = X[:5000], X[5000:5200], y[:5000], y[5000:5200]
    ours = KNeighborsClassifier(5, weights="distance").fit(X, y)
    peer = Peer(5, weights="distance", algorithm="brute").fit(X.numpy(), y.numpy())
    D, indices = ours.kneighbors(Q)
    expected, rows = peer.kneighbors(Q.numpy())
    assert D.dtype == ours.predict_proba(Q).dtype == F32
    assert indices.tolist() == rows.tolist()
    assert np.allclose(D, expected, rtol=1e-5)
    assert ours.predict(Q).tolist() == peer.predict(Q.numpy()).tolist()
    assert (ours.predict(Q) == truth).float().mean() > 0.9


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64, torch.bool])
def test_any_labels(dtype):
    y = (torch.arange(30) % 2 * 5).to(dtype)
    model = KNeighborsClassifier(1).fit(normal(30, 2), y)
    assert model.predict(normal(30, 2)).dtype == model.classes_.dtype == dtype
    assert torch.equal(model.predict(normal(30, 2)), y)
    assert torch.equal(model.fit(normal(30, 2), y[:1].repeat(30)).classes_, y[:1])  # one class


@pytest.mark.parametrize("metric", METRICS)
def test_inputs_and_generator_are_left_alone_and_twice_is_once(metric):
    X, Q, y = normal(100, 3).requires_grad_(), normal(10, 3, 1), classes(100)
    before, state = [t.detach().clone() for t in (X, Q, y)], torch.get_rng_state()
    model = KNeighborsClassifier(3, metric=metric).fit(normal(50, 7), classes(50))
    assert model.fit(X, y) is model
    once = KNeighborsClassifier(3, metric=metric).fit(X, y)
    assert torch.equal(model.predict_proba(Q), once.predict_proba(Q))
    assert not model.predict_proba(Q).requires_grad
    assert all(map(torch.equal, (X, Q, y), before))
    assert torch.equal(torch.get_rng_state(), state)
    assert model.predict(Q.float()).tolist() == model.predict(Q).tolist()
    assert model.kneighbors(Q.float())[0].dtype == F32


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_follows_its_input(metric, weights, meta_default):
    X = torch.ones(90, 2, device="cpu").cumsum(0).cumsum(1)
    y = torch.ones_like(X[:, 0]).long().cumsum(0) % 3
    model = KNeighborsClassifier(3, metric=metric, weights=weights).fit(X, y)
    results = (*model.kneighbors(X[:5]), model.predict_proba(X[:5]), model.predict(X[:5]))
    assert {t.device.type for t in results} == {"cpu"}
    if metric != "cosine":
        assert results[1][:, 0].tolist() == [0, 1, 2, 3, 4]


X5, Y5 = normal(5, 2), torch.tensor([0, 1, 0, 1, 1])


@pytest.mark.parametrize(
    ("options", "X", "y", "error", "message"),
    [
        ({"n_neighbors": 6}, X5, Y5, ValueError, "n_neighbors must lie between 1 and 5, got 6"),
        ({"n_neighbors": 0}, X5, Y5, ValueError, "n_neighbors must lie between 1 and 5, got 0"),
        ({"metric": "minkowski"}, X5, Y5, ValueError, "metric must be one of 'euclidean'"),
        ({"weights": "votes"}, X5, Y5, ValueError, "weights must be one of 'uniform'"),
        ({"algorithm": "auto"}, X5, Y5, ValueError, "algorithm must be one of 'brute', 'screened'"),
        ({}, X5[:, 0], Y5, ValueError, "reshape"),
        ({}, X5.long(), Y5, TypeError, "float"),
        ({}, X5.log(), Y5, ValueError, "NaN"),
        ({}, X5, Y5[:4], ValueError, "expected 5, got 4"),
        ({}, X5, Y5.float(), TypeError, "integer class labels"),
    ],
)
def test_bad_input_is_named(options, X, y, error, message):
    with pytest.raises(error, match=message):
        KNeighborsClassifier(**options).fit(X, y)


@pytest.mark.parametrize("metric", METRICS)
def test_a_query_wants_a_fit_and_the_same_columns(metric):
    model = KNeighborsClassifier(2, metric=metric)
    for method in (model.kneighbors, model.predict_proba, model.predict):
        with pytest.raises(RuntimeError, match="not fitted yet"):
            method(X5)
    with pytest.raises(ValueError, match="X has 1 features, but fit saw 2"):
        model.fit(X5, Y5).predict(X5[:, :1])
