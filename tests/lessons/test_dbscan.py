"""DBSCAN against scikit-learn: the same labels, the same core points, to the last row."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import DBSCAN as Peer
from sklearn.neighbors import NearestNeighbors

from d4sci.data import load_iris, make_blobs, make_moons, to_tensors
from d4sci.dbscan import DBSCAN, k_distances
from d4sci.device import seeded
from d4sci.engines import boxes

quick = settings(deadline=None, derandomize=True, max_examples=30)


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def shuffled(X, seed=0):
    return X[torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))]


def ring(n, radius):
    angle = torch.linspace(0, 2 * torch.pi, n + 1, dtype=torch.float64)[:-1]
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


MOONS = make_moons(400, noise=0.08, seed=0)[0].double()
BLOBS = make_blobs(300, centers=4, seed=1)[0].double()
GRID = torch.cartesian_prod(torch.arange(8.0), torch.arange(8.0)).double()
IRIS = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[0].double()
OUTLIERS = torch.tensor([[1e9, 0.0], [0.0, -1e12]], dtype=torch.float64)
CASES = {
    "moons": (MOONS, 0.15, 5),
    "moons, mostly noise": (MOONS, 0.03, 5),
    "moons, far away": (MOONS + 1e6, 0.15, 5),
    "moons in float32": (MOONS.float(), 0.15, 5),
    "moons in float32, far away": (MOONS.float() + 1e4, 0.15, 5),
    "moons and far outliers": (torch.cat([MOONS, OUTLIERS]), 0.15, 5),
    "blobs": (BLOBS, 0.8, 6),
    "blobs, every point core": (BLOBS, 0.5, 1),
    "circles": (torch.cat([ring(200, 1.0), ring(100, 0.5)]), 0.05, 3),
    "circles, shuffled": (shuffled(torch.cat([ring(200, 1.0), ring(100, 0.5)])), 0.07, 4),
    "all noise": (BLOBS, 1e-6, 2),
    "all one": (BLOBS, 1e6, 5),
    "tiny ε": (BLOBS, 1e-300, 1),
    "huge ε": (BLOBS, 1e300, 300),
    "grid, neighbours exactly at ε": (GRID, 1.0, 5),
    "grid, diagonals too": (GRID, 2**0.5, 9),
    "grid, shuffled": (shuffled(GRID), 1.0, 5),
    "grid of tenths": (shuffled(GRID / 10), 0.1, 5),
    "grid of tenths in float32": (shuffled(GRID / 10).float(), 0.1, 5),
    "grid of thirds, far away": (GRID / 3 + 1000, 1 / 3, 4),
    "duplicated rows": (MOONS.repeat(3, 1), 0.1, 7),
    "equal rows": (torch.ones(100, 2).double(), 0.1, 100),
    "one feature": (normal(200, 1), 0.05, 4),
    "one feature, whole numbers": ((9 * normal(300, 1)).round(), 1.0, 30),
    "three features": (normal(400, 3), 0.5, 5),
    "four features": (normal(300, 4), 0.9, 6),
    "four features, whole numbers": ((2 * normal(300, 4)).round(), 1.0, 5),
    "twelve features": (normal(300, 12), 3.0, 4),
    "fifty features": (normal(120, 50), 8.5, 4),
    "more features than rows": (normal(10, 30), 7.0, 2),
    "constant features": (torch.nn.functional.pad(normal(200, 1), (1, 1), value=3.0), 0.05, 4),
    "one row": (normal(1, 2), 0.5, 1),
    "one row, noise": (normal(1, 2), 0.5, 2),
    "two rows": (normal(2, 2), 9.0, 2),
    "fewer rows than min_samples": (normal(4, 2), 10.0, 5),
    "collinear": (torch.linspace(0, 1, 101)[:, None].double() * torch.ones(3), 0.018, 3),
    "a chain from the end": (torch.arange(500.0).flip(0)[:, None].double(), 1.0, 2),
    "iris": (IRIS, 0.5, 5),
}


def check(X, eps, min_samples, algorithm="boxes"):
    before = X.clone()
    ours = DBSCAN(eps, min_samples, algorithm).fit(X)
    peer = Peer(eps=eps, min_samples=min_samples).fit(X.numpy())
    assert ours.labels_.tolist() == peer.labels_.tolist()
    assert ours.core_sample_indices_.tolist() == peer.core_sample_indices_.tolist()
    assert ours.labels_.dtype == ours.core_sample_indices_.dtype == torch.int64
    assert torch.equal(X, before)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("pairs", ["few", "many", "in small batches"])
def test_agrees_with_scikit_learn(name, pairs, monkeypatch):
    if pairs != "few":
        monkeypatch.setattr(boxes, "KEPT", 0)
        monkeypatch.setattr(boxes, "KEPT_PER_ROW", 0)
    if pairs == "in small batches":
        monkeypatch.setattr(boxes, "LEAF", 8)
        monkeypatch.setattr(boxes, "BATCH", 2000)
    check(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_the_queue_agrees_too(name):
    check(*CASES[name], "queue")


WIDE_GRID = torch.randint(0, 4, (200, 64), generator=seeded(0)).double()
HARDER = {  # where the rounding of scikit-learn's products may decide
    "ties in many features": (WIDE_GRID, 13.0, 3),
    "ties in many features, shifted": (WIDE_GRID + 1000.1, 13.0, 3),
    "squares overflow": (normal(90, 2).round() * 1e160, 1e150, 3),
    "squared ε overflows": (normal(90, 2), 1e200, 3),
    "all overflow": (normal(90, 2).round() * 1e200, 1e201, 3),
    "squared ε vanishes": (GRID.repeat(2, 1), 1e-200, 2),
    "tenths in twenty features": (torch.randint(0, 3, (200, 20), generator=seeded(1)) / 10, 0.4, 3),
    "far clusters": (torch.cat([MOONS, MOONS + 1e7]), 0.15, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", [*CASES, *HARDER])
def test_both_algorithms_find_the_same(name):
    X, eps, min_samples = (CASES | HARDER)[name]
    queue = DBSCAN(eps, min_samples, algorithm="queue").fit(X)
    boxes = DBSCAN(eps, min_samples, algorithm="boxes").fit(X)
    assert torch.equal(queue.labels_, boxes.labels_)
    assert torch.equal(queue.core_sample_indices_, boxes.core_sample_indices_)
    assert DBSCAN().algorithm == "boxes"


@pytest.mark.parametrize("wrong", [{"X": MOONS.log()}, {"eps": -1.0}, {"algorithm": "tree"}])
def test_a_fit_that_raises_leaves_the_model_as_it_was(wrong):
    model = DBSCAN(0.15, 5).fit(MOONS)
    before = {name: value for name, value in vars(model).items() if name.endswith("_")}
    rows = wrong.get("X", BLOBS)
    with pytest.raises(ValueError, match=r"X holds|must be"):
        model.set_params(**{name: wrong[name] for name in wrong if name != "X"}).fit(rows)
    assert all(getattr(model, name) is value for name, value in before.items())


def test_it_is_an_estimator():
    model = clone(DBSCAN(0.15, algorithm="queue"))
    assert repr(model) == "DBSCAN(eps=0.15, algorithm='queue')"
    assert model.fit(MOONS, None).n_features_in_ == 2
    assert torch.equal(model.fit_predict(MOONS, None), model.labels_)


@pytest.mark.parametrize(
    ("X", "eps", "min_samples"),
    [
        (make_moons(10_000, noise=0.05, seed=0)[0], 0.02, 5),
        (make_moons(10_000, noise=0.05, seed=0)[0], 0.1, 40),
        (make_blobs(10_000, centers=20, seed=0)[0].double(), 0.2, 10),
        (make_blobs(3000, n_features=4, centers=5, seed=0)[0].double(), 0.7, 5),
        (make_blobs(2000, n_features=50, centers=10, seed=0)[0].double(), 8.0, 5),
    ],
)
def test_agrees_on_thousands_of_points(X, eps, min_samples):
    check(X, eps, min_samples)


@quick
@given(
    st.integers(0, 10**6),
    st.integers(1, 90),
    st.integers(1, 4),
    st.floats(0.05, 2),
    st.integers(1, 8),
    st.booleans(),
)
def test_agrees_on_random_data(seed, n, d, eps, min_samples, ties):
    X = normal(n, d, seed)
    for algorithm in ("boxes", "queue"):
        check(*((2 * X).round(), 1.0, min_samples) if ties else (X, eps, min_samples), algorithm)


@quick
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


@quick
@given(st.integers(-20, 20), st.sampled_from([2.0**-30, 0.25, 1.0, 8.0, 2.0**40]))
def test_shift_and_scale_do_not_matter(shift, scale):
    X = (64 * MOONS).round() / 64  # so that the shift is exact
    labels = DBSCAN(0.125, 5).fit_predict(X)
    assert torch.equal(DBSCAN(scale * 0.125, 5).fit_predict(scale * (X + shift)), labels)


def test_a_border_point_goes_to_the_first_cluster_that_reaches_it():
    """Two groups of four and a point 0.9 from both, that has too few neighbours to join them."""
    X = torch.tensor([[0.0], [0.1], [0.2], [0.3], [1.2], [2.1], [2.2], [2.3], [2.4]])
    model = DBSCAN(0.95, 4).fit(X)
    assert model.core_sample_indices_.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert model.labels_.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert DBSCAN(0.95, 4).fit_predict(X.flip(0)).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    order = torch.tensor([4, 8, 0, 1, 2, 3, 5, 6, 7])  # the border point first, then the right
    labels = DBSCAN(0.95, 4).fit_predict(X[order])
    assert labels.tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0]
    check(X[order], 0.95, 4)


def test_the_point_itself_counts_and_so_does_the_distance_eps():
    X = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    assert DBSCAN(1.0, 3).fit(X).core_sample_indices_.tolist() == [1]
    assert DBSCAN(1.0, 3).fit_predict(X).tolist() == [0, 0, 0, -1]
    assert DBSCAN(0.999, 2).fit_predict(X).tolist() == [-1] * 4
    assert DBSCAN(0.999, 1).fit_predict(X).tolist() == [0, 1, 2, 3]


MEMORY = """
import resource, sys, torch
from d4sci.data import make_moons
from d4sci.dbscan import DBSCAN
unit = 2**20 if sys.platform == "darwin" else 2**10
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit  # MB
torch.set_num_threads(1)
X = make_moons(100_000, noise=0.05, seed=0)[0]
DBSCAN(0.1).fit(X[:200])
before = peak()
for eps in (0.001, 0.01, 0.05, 0.5, 10.0):
    clusters = int(DBSCAN(eps).fit(X).labels_.max()) + 1
    print(eps, clusters, peak() - before)
"""


def test_memory_is_bounded_at_every_eps():
    """10,000 million pairs lie within the largest ε."""
    pytest.importorskip("resource", reason="Windows does not tell the peak")
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runs = [[float(value) for value in line.split()] for line in done.stdout.splitlines()]
    assert [clusters for _, clusters, _ in runs[-3:]] == [2, 1, 1]
    assert max(peak for _, _, peak in runs) < 300, done.stdout


@pytest.mark.parametrize("k", [1, 2, 10, 400])
def test_k_distances(k):
    peer = NearestNeighbors(n_neighbors=k).fit(MOONS.numpy())
    expected = np.sort(peer.kneighbors(MOONS.numpy())[0][:, -1])
    assert np.allclose(k_distances(MOONS, k), expected, rtol=1e-12, atol=1e-12)


def test_k_distances_say_which_points_are_core():
    core = len(DBSCAN(0.1, 6).fit(MOONS).core_sample_indices_)
    assert (k_distances(MOONS, 6) <= 0.1).sum() == core


@pytest.mark.parametrize("algorithm", ["queue", "boxes"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-22, 1.0, 1e4])
def test_a_k_distance_taken_as_eps_makes_its_point_core(scale, dtype, algorithm):
    """Rounded to nearest, √37 and every second root fell short of the distance."""
    rng = torch.Generator().manual_seed(0)
    for n in range(2, 9):
        X = scale * torch.randn(n, 1 + n % 5, generator=rng, dtype=torch.float64)
        X = X.to(dtype)
        k = 1 + n // 2
        for i, eps in enumerate(k_distances(X, k).tolist()):
            core = DBSCAN(eps, k, algorithm).fit(X).core_sample_indices_
            assert len(core) >= i + 1
    pair = torch.tensor([[0, 0], [1, 6]], dtype=dtype)
    eps = float(k_distances(pair, 2)[0])
    assert DBSCAN(eps, 2, algorithm).fit_predict(pair).tolist() == [0, 0]
    assert eps == pytest.approx(37**0.5, rel=torch.finfo(dtype).eps)


def test_k_distances_are_exact_where_they_can_be():
    X = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])
    assert k_distances(X, 2).tolist() == [0, 0, 5]
    far = torch.tensor([[0.0], [1e25], [3e25]])  # squares leave float32
    assert torch.equal(k_distances(far, 2), far[[1, 1, 2], 0] - far[[0, 0, 1], 0])


@pytest.mark.parametrize("algorithm", ["queue", "boxes"])
@pytest.mark.parametrize("exponent", [-1000, -600, 600, 1015])
def test_squares_need_not_fit_into_float64(exponent, algorithm):
    X, unit = MOONS[:80], 2.0**exponent
    expected, model = DBSCAN(0.2, 5).fit(X), DBSCAN(0.2 * unit, 5, algorithm).fit(X * unit)
    assert set(expected.labels_.tolist()) >= {-1, 0, 1}
    assert torch.equal(model.labels_, expected.labels_)
    assert torch.equal(k_distances(X * unit, 5), k_distances(X, 5) * unit)


@pytest.mark.parametrize("algorithm", ["queue", "boxes"])
@pytest.mark.parametrize("eps", [np.float32(1e30), np.float16(300), np.int8(100), np.float64(2)])
def test_eps_may_be_a_number_of_numpy(eps, algorithm):
    """Its square, taken in its own dtype, would overflow: int8 knows no 10,000."""
    X = torch.arange(20.0)[:, None]
    model = DBSCAN(eps, 3, algorithm).fit(X)
    assert model.labels_.tolist() == [0] * 20
    assert len(model.core_sample_indices_) == 20


def test_dtype_input_and_generator_are_left_alone():
    X, state = MOONS.float().requires_grad_(), torch.get_rng_state()
    before = X.detach().clone()
    model = DBSCAN(0.15, 5)
    assert not [name for name in vars(model) if name.endswith("_")]
    assert model.fit(BLOBS.float()).fit(X) is model
    assert torch.equal(model.labels_, DBSCAN(0.15, 5).fit_predict(before))
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert k_distances(X, 3).dtype == torch.float32


def test_follows_its_input(meta_default):
    X = torch.arange(12.0, device="cpu").reshape(6, 2)
    model = DBSCAN(3.0, 2).fit(torch.cat([X, X[:1] - 9]))
    assert model.labels_.tolist() == [0] * 6 + [-1]
    assert model.core_sample_indices_.device.type == k_distances(X, 2).device.type == "cpu"


BAD = {
    "eps 0": (lambda: DBSCAN(0).fit(MOONS), "eps must be positive and finite, got 0; k_distances("),
    "eps < 0": (lambda: DBSCAN(-1.0).fit(MOONS), "eps must be positive and finite, got -1.0"),
    "eps inf": (lambda: DBSCAN(np.inf).fit(MOONS), "eps must be positive and finite, got inf"),
    "eps nan": (lambda: DBSCAN(np.nan).fit(MOONS), "eps must be positive and finite, got nan"),
    "tree": (
        lambda: DBSCAN(algorithm="tree").fit(MOONS),
        "algorithm must be one of 'queue', 'boxes', got 'tree'",
    ),
    "none": (lambda: DBSCAN(0.5, 0).fit(MOONS), "min_samples must lie between 1 and inf, got 0"),
    "half": (lambda: DBSCAN(0.5, 2.5).fit(MOONS), "min_samples must be a whole number, got 2.5"),
    "vector": (lambda: DBSCAN().fit(MOONS[:, 0]), "for one feature use X.reshape(-1, 1)"),
    "nan": (lambda: DBSCAN().fit(MOONS.log()), "NaN"),
    "integers": (lambda: DBSCAN().fit(GRID.long()), "use X.float()"),
    "large k": (lambda: k_distances(MOONS, 401), "k must lie between 1 and 400, got 401"),
    "k 0": (lambda: k_distances(MOONS, 0), "k must lie between 1 and 400, got 0"),
    "half k": (lambda: k_distances(MOONS, 1.5), "k must be a whole number, got 1.5"),
    "k of nan": (lambda: k_distances(MOONS.log(), 2), "NaN"),
    "k of a list": (lambda: k_distances(MOONS.tolist(), 2), "X must be a torch.Tensor"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_with_the_fix(case):
    call, message = BAD[case]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


def test_by_default_it_is_the_dbscan_of_scikit_learn():
    assert DBSCAN().fit(BLOBS).labels_.tolist() == Peer().fit(BLOBS.numpy()).labels_.tolist()
