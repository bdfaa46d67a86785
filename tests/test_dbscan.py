"""DBSCAN against scikit-learn: the same labels, the same core points, to the last row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN as Peer
from sklearn.neighbors import NearestNeighbors

from d4sci import dbscan
from d4sci.data import load_iris, make_blobs, make_moons, to_tensors
from d4sci.dbscan import DBSCAN, k_distances
from d4sci.distance import distance_blocks


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


MOONS = make_moons(400, noise=0.08, seed=0)[0].double()
BLOBS = make_blobs(300, centers=4, seed=1)[0].double()
GRID = torch.cartesian_prod(torch.arange(8.0), torch.arange(8.0)).double()
CASES = {
    "moons": (MOONS, 0.15, 5),
    "moons, mostly noise": (MOONS, 0.03, 5),
    "moons, far away": (MOONS + 1e6, 0.15, 5),
    "blobs": (BLOBS, 0.8, 6),
    "blobs, every point core": (BLOBS, 0.5, 1),
    "all noise": (BLOBS, 1e-6, 2),
    "all one": (BLOBS, 1e6, 5),
    "grid, neighbours exactly at eps": (GRID, 1.0, 5),
    "grid, diagonals too": (GRID, 2**0.5, 9),
    "duplicated rows": (MOONS.repeat(3, 1), 0.1, 7),
    "one feature": (normal(200, 1), 0.05, 4),
    "four features": (normal(300, 4), 0.9, 6),
    "fifty features": (normal(120, 50), 8.5, 4),
    "more features than rows": (normal(10, 30), 7.0, 2),
    "one row": (normal(1, 2), 0.5, 1),
    "one row, noise": (normal(1, 2), 0.5, 2),
    "fewer rows than min_samples": (normal(4, 2), 10.0, 5),
    "collinear": (torch.linspace(0, 1, 101)[:, None].double() * torch.ones(3), 0.018, 3),
    "iris": (to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[0].double(), 0.5, 5),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("small_blocks", [False, True])
def test_agrees_with_scikit_learn(name, small_blocks, monkeypatch):
    X, eps, min_samples = CASES[name]
    if small_blocks:
        few = lambda X: distance_blocks(X, max_elements=7 * len(X))  # noqa: E731
        monkeypatch.setattr(dbscan, "distance_blocks", few)
    ours = DBSCAN(eps, min_samples).fit(X)
    peer = Peer(eps=eps, min_samples=min_samples).fit(X.numpy())
    assert ours.labels_.tolist() == peer.labels_.tolist()
    assert ours.core_sample_indices_.tolist() == peer.core_sample_indices_.tolist()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0.05, 2), st.integers(1, 8))
def test_agrees_on_small_random_data(seed, n, eps, min_samples):
    X = normal(n, 2, seed)
    peer = Peer(eps=eps, min_samples=min_samples).fit(X.numpy())
    assert DBSCAN(eps, min_samples).fit_predict(X).tolist() == peer.labels_.tolist()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_order_does_not_matter_for_core_and_noise(seed):
    order = torch.randperm(len(MOONS), generator=torch.Generator().manual_seed(seed))
    one, other = DBSCAN(0.1, 5).fit(MOONS), DBSCAN(0.1, 5).fit(MOONS[order])
    labels = torch.empty_like(one.labels_)
    labels[order] = other.labels_
    core = one.core_sample_indices_
    assert core.tolist() == order[other.core_sample_indices_].sort().values.tolist()
    assert torch.equal(labels < 0, one.labels_ < 0)
    pairs = {*zip(one.labels_[core].tolist(), labels[core].tolist(), strict=True)}
    assert len(pairs) == one.labels_.max() + 1 == labels.max() + 1  # the same groups, renumbered


def test_shift_and_scale():
    labels = DBSCAN(0.15, 5).fit_predict(MOONS).tolist()
    assert DBSCAN(0.15, 5).fit_predict(MOONS + 3).tolist() == labels
    assert DBSCAN(0.6, 5).fit_predict(4 * MOONS).tolist() == labels


def test_a_case_by_hand():
    """Two groups of four and a point 0.9 from both: it is border, and goes to the first."""
    X = torch.tensor([[0.0], [0.1], [0.2], [0.3], [1.2], [2.1], [2.2], [2.3], [2.4]])
    model = DBSCAN(0.95, 4).fit(X)
    assert model.core_sample_indices_.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert model.labels_.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert DBSCAN(0.95, 4).fit_predict(X.flip(0)).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_join_makes_chains_one_group():
    root = torch.arange(8)
    dbscan.join(root, torch.tensor([6, 5, 4, 2]), torch.tensor([5, 4, 3, 1]))
    assert root.tolist() == [0, 1, 1, 3, 3, 3, 3, 7]
    dbscan.join(root, torch.tensor([2]), torch.tensor([6]))
    assert root.tolist() == [0, 1, 1, 1, 1, 1, 1, 7]


@pytest.mark.parametrize("k", [1, 2, 10, 400])
def test_k_distances(k):
    peer = NearestNeighbors(n_neighbors=k).fit(MOONS.numpy())
    expected = np.sort(peer.kneighbors(MOONS.numpy())[0][:, -1])
    assert np.allclose(k_distances(MOONS, k), expected, rtol=1e-12, atol=1e-12)


def test_k_distances_say_which_points_are_core():
    core = len(DBSCAN(0.1, 6).fit(MOONS).core_sample_indices_)
    assert (k_distances(MOONS, 6) <= 0.1).sum() == core


def test_dtype_input_and_generator_are_left_alone():
    X, state = MOONS.float().requires_grad_(), torch.get_rng_state()
    before = X.detach().clone()
    model = DBSCAN(0.15, 5)
    assert model.fit(BLOBS.float()).fit(X) is model
    assert torch.equal(model.labels_, DBSCAN(0.15, 5).fit_predict(before))
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert k_distances(before, 3).dtype == torch.float32


def test_follows_its_input(meta_default):
    X = torch.arange(12.0, device="cpu").reshape(6, 2)
    model = DBSCAN(3.0, 2).fit(X)
    assert model.labels_.tolist() == [0] * 6
    assert model.core_sample_indices_.device.type == k_distances(X, 2).device.type == "cpu"


@pytest.mark.parametrize("eps", [0, -1, float("inf"), float("nan")])
def test_bad_eps(eps):
    with pytest.raises(ValueError, match="eps must be positive and finite"):
        DBSCAN(eps).fit(MOONS)


def test_bad_input():
    with pytest.raises(ValueError, match="min_samples must lie between 1"):
        DBSCAN(0.5, 0).fit(MOONS)
    with pytest.raises(ValueError, match="reshape"):
        DBSCAN().fit(MOONS[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        DBSCAN().fit(MOONS.log())
    with pytest.raises(ValueError, match="k must lie between 1 and 400, got 401"):
        k_distances(MOONS, 401)
