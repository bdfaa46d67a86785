"""Hamerly's bound against the plain loop of KMeans: one answer by two paths, on awkward data."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d4sci.data import load_mnist
from d4sci.engines.hamerly import _Clusters, nearest_centroid, own_distances
from d4sci.engines.moments import mean_variance, near_zero
from d4sci.estimator import ConvergenceWarning
from d4sci.kmeans import KMeans
from tests.lessons.test_kmeans import BLOBS, CASES

INTEGERS = torch.arange(144.0).reshape(72, 2).remainder(7).double()
MORE = {
    "ties": (INTEGERS, INTEGERS[[0, 1, 2, 3]]),
    "equal starts": (BLOBS, BLOBS[[0, 0, 1, 2]]),
    "empty clusters": (BLOBS, torch.cat([BLOBS[:3], 1e3 + BLOBS[:2]])),
    "zeros": (torch.zeros(20, 3).double(), torch.zeros(2, 3).double()),
    "a far cluster": (torch.cat([BLOBS, 1e6 + BLOBS[:30]]), BLOBS[:6]),
    "very many features": (torch.eye(3, 200_000).double(), torch.eye(3, 200_000)[:2].double()),
}


def both(X, start, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer rows than clusters
        return [
            KMeans(len(start), init=start, algorithm=algorithm, **options).fit(X)
            for algorithm in ("lloyd", "hamerly")
        ]


def demand_one_answer(plain, engine, X):
    assert torch.equal(engine.labels_, plain.labels_)
    assert engine.n_iter_ == plain.n_iter_
    scale = plain.inertia_history_[0]
    assert engine.inertia_history_ == pytest.approx(
        plain.inertia_history_, rel=1e-9, abs=1e-12 * scale
    )
    assert torch.allclose(
        engine.cluster_centers_, plain.cluster_centers_, rtol=1e-9, atol=1e-11 * X.abs().max()
    )


@pytest.mark.parametrize("max_iter", [1, 3, 300])
@pytest.mark.parametrize("tol", [0.0, 1e-4])
@pytest.mark.parametrize("name", CASES | MORE)
def test_two_paths_one_answer(name, tol, max_iter):
    X, start = (CASES | MORE)[name]
    demand_one_answer(*both(X, start, tol=tol, max_iter=max_iter), X)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 90), st.integers(1, 5), st.integers(1, 9))
def test_two_paths_on_small_random_data(seed, n, d, k):
    generator = torch.Generator().manual_seed(seed)
    X, k = torch.randn(n, d, generator=generator).double(), min(k, n)
    demand_one_answer(*both(X, X[:k], tol=0.0), X)


@pytest.mark.parametrize("shift", [0.0, 100.0, 1e4])
@pytest.mark.parametrize("name", ["iris", "blobs", "one feature", "duplicated rows", "images"])
def test_two_paths_in_float32(name, shift):
    if name == "images":
        X = load_mnist("test")[0][:1000].flatten(1) / 255
        start = X[:10]
    else:
        X, start = CASES[name]
    plain, engine = both(X.float() + shift, start.float() + shift, tol=0.0, max_iter=30)
    assert engine.inertia_history_ == pytest.approx(plain.inertia_history_, rel=1e-5)
    assert torch.equal(engine.labels_, plain.labels_)
    assert engine.cluster_centers_.dtype == torch.float32


def test_the_history_of_far_clusters_is_true_in_float32():
    """Ten blobs a thousand apart, twenty centroids: squares of 1e6 would hide the inertia of 1."""
    generator = torch.Generator().manual_seed(0)
    places = 1000 * torch.randn(10, 3, generator=generator)
    X = (places.repeat(300, 1) + torch.randn(3000, 3, generator=generator)).contiguous()
    plain, engine = both(X, X[:20], tol=0.0, max_iter=12)
    assert engine.inertia_history_ == pytest.approx(plain.inertia_history_, rel=1e-5)
    for t in (1, 4, 9):  # a run cut short ends where the long one was
        mu = both(X, X[:20], tol=0.0, max_iter=t)[1].cluster_centers_.double()
        inertia = torch.cdist(X.double(), mu).amin(1).square().sum().item()
        assert engine.inertia_history_[t] == pytest.approx(inertia, rel=1e-5)


def test_nearest_is_exact_where_products_are_not():
    """In float32 the squares of 1e6 leave no digit that tells 0 from 10."""
    X = torch.tensor([[0.0], [10.0], [1e6]])
    labels, D2 = nearest_centroid(X, X)
    assert labels.tolist() == [0, 1, 2]
    assert D2.tolist() == [0, 0, 0]
    assert nearest_centroid(X, X[[0, 0, 2, 2]])[0].tolist() == [0, 0, 2]  # the lowest of equals


def test_nearest_against_differences():
    X, centers = CASES["more rows than a block"]
    labels, D2 = nearest_centroid(X.float(), centers.float())
    D = torch.cdist(X, centers).square()
    assert (labels == D.argmin(1)).double().mean() > 0.999
    assert torch.allclose(D2.double(), D.amin(1), rtol=1e-4, atol=1e-10)
    assert torch.equal(own_distances(X.float(), centers.float(), labels), D2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CASES | MORE)
def test_both_paths_stop_at_the_same_tolerance(name, dtype):
    """The variance out of the norms is that of the plain loop, up to rounding."""
    X, start = ((CASES | MORE)[name][i].to(dtype) for i in (0, 1))
    true = mean_variance(X.double()).item()
    X, origin = near_zero(X)
    start = start - origin
    assert _Clusters(X, start).variance.item() == pytest.approx(true, rel=1e-4, abs=1e-30)


def test_counts_are_whole_numbers():
    """A float32 that counts stalls at 2²⁴: one more is none more."""
    X = torch.tensor([[0.0], [1.0], [9.0], [10.0]])
    clusters = _Clusters(X, torch.tensor([[0.0], [10.0]]))
    clusters.counts[0] = 2**24
    labels = clusters.labels.clone()
    labels[2] = 0
    clusters.relabel(labels)
    assert clusters.counts.tolist() == [2**24 + 1, 1]


@pytest.mark.parametrize("rows", [slice(0, 50), torch.arange(0, 60, 2)])
def test_slack_is_never_too_much(rows):
    X = BLOBS[:60].contiguous()
    clusters = _Clusters(X, X[:5].clone())
    for _ in range(4):
        clusters.update()
        D = torch.cdist(X, clusters.centers)
        own = D.gather(1, clusters.labels[:, None])[:, 0]
        others = D.scatter(1, clusters.labels[:, None], torch.inf).amin(1)
        assert (clusters.slack <= others - own + 1e-12).all()
        clusters.assign()
