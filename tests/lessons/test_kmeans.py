"""K-Means against scikit-learn's Lloyd: from the same start the same labels, rounds, inertia."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans as Peer
from sklearn.cluster import kmeans_plusplus

from d4sci.data import load_iris, load_mnist, make_blobs, to_tensors
from d4sci.estimator import ConvergenceWarning
from d4sci.kmeans import KMeans


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def peer_from(start, X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct points than clusters
        return Peer(len(start), init=start.numpy(), n_init=1, **options).fit(X.numpy())


IRIS = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[0].double()
BLOBS = make_blobs(400, centers=5, std=1.5, seed=0)[0].double()
ALGORITHMS = ["hamerly", "lloyd"]
CASES = {
    "iris": (IRIS, IRIS[[0, 60, 120]]),
    "blobs": (BLOBS, BLOBS[:5]),
    "far from the origin": (BLOBS + 1e4, BLOBS[:5] + 1e4),
    "tiny": (1e-5 * BLOBS, 1e-5 * BLOBS[:5]),
    "duplicated rows": (BLOBS.repeat(2, 1), BLOBS[:4]),
    "one feature": (normal(300, 1), normal(300, 1)[:4]),
    "more features than rows": (normal(30, 80), normal(30, 80)[:3]),
    "one cluster": (BLOBS, BLOBS[:1]),
    "a centroid for each row": (normal(8, 2), normal(8, 2)),
    "a constant feature": (torch.cat([BLOBS, torch.ones(400, 1)], 1), 2 + normal(3, 3)),
    "more rows than a block": (normal(10_000, 3), normal(10_000, 3)[:6]),
}  # fmt: skip


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_scikit_learn(name, algorithm):
    X, start = (part.double() for part in CASES[name])
    ours = KMeans(len(start), init=start, algorithm=algorithm).fit(X)
    peer = peer_from(start, X)
    assert ours.labels_.tolist() == peer.labels_.tolist()
    assert ours.n_iter_ == peer.n_iter_
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-9, abs=1e-18)
    scale = X.abs().max()
    assert np.allclose(ours.cluster_centers_, peer.cluster_centers_, atol=1e-12 * scale)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 80), st.integers(1, 5), st.integers(1, 8))
def test_agrees_on_small_random_data(seed, n, d, k):
    X, k = normal(n, d, seed), min(k, n)
    ours, peer = KMeans(k, init=X[:k], tol=0).fit(X), peer_from(X[:k], X, tol=0)
    assert ours.labels_.tolist() == peer.labels_.tolist()
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("scale", [1, 1e-4])
@pytest.mark.parametrize("far", [1, 2])
def test_empty_clusters_are_filled_as_scikit_learn_does(far, scale, algorithm):
    X = scale * BLOBS
    start = torch.cat([X[:3], 1e3 + normal(far, 2)])
    ours = KMeans(3 + far, init=start, algorithm=algorithm).fit(X)
    peer = peer_from(start, X)
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-9)
    assert sorted(ours.labels_.bincount().tolist()) == sorted(np.bincount(peer.labels_).tolist())
    assert (ours.labels_.bincount(minlength=3 + far) > 0).all()


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_a_run_cut_short_agrees_too(max_iter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = peer_from(BLOBS[:5], BLOBS, max_iter=max_iter, tol=0)
    ours = KMeans(5, init=BLOBS[:5], max_iter=max_iter, tol=0).fit(BLOBS)
    assert (ours.n_iter_, ours.labels_.tolist()) == (peer.n_iter_, peer.labels_.tolist())
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_history_is_the_inertia_of_each_round(algorithm):
    model = KMeans(5, init=BLOBS[:5], tol=0, algorithm=algorithm).fit(BLOBS)
    mu, history = BLOBS[:5], []
    for _ in model.inertia_history_:
        labels = torch.cdist(BLOBS, mu).argmin(1)
        history.append((BLOBS - mu[labels]).square().sum().item())
        mu = torch.stack([BLOBS[labels == j].mean(0) for j in range(5)])
    assert model.inertia_history_ == pytest.approx(history, rel=1e-9)
    assert model.inertia_history_ == sorted(model.inertia_history_, reverse=True)
    assert len(model.inertia_history_) == model.n_iter_ + 1
    assert model.inertia_history_[-1] == model.inertia_


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_starts_are_rows_and_depend_on_the_seed(init):
    def start(seed):
        return KMeans(4, init=init)._start(BLOBS, torch.Generator().manual_seed(seed))

    starts = [start(seed) for seed in range(5)]
    assert len(torch.stack(starts).unique(dim=0)) == 5
    assert torch.equal(start(0), starts[0])
    for mu in starts:
        assert (torch.cdist(mu, BLOBS).amin(1) == 0).all()
        assert len(mu.unique(dim=0)) == 4


def test_careful_starts_are_as_good_as_those_of_scikit_learn():
    """Both take the best of several candidates; a mean of 80 starts is sure to 2.4 %."""

    def inertia(start):
        return torch.cdist(BLOBS, start).amin(1).square().sum().item()

    ours, peers = 0, 0
    for seed in range(80):
        ours += inertia(KMeans(5)._start(BLOBS, torch.Generator().manual_seed(seed)))
        peer, _ = kmeans_plusplus(BLOBS.numpy(), 5, random_state=seed)
        peers += inertia(torch.from_numpy(peer))
    assert ours == pytest.approx(peers, rel=0.1)


def test_more_starts_are_never_worse_and_careful_ones_better():
    near = {}
    for init in ("random", "k-means++"):
        runs = [KMeans(3, init=init, seed=seed).fit(IRIS).inertia_ for seed in range(60)]
        near[init] = sum(run < 1.01 * 78.8514 for run in runs) / 60
    assert 0.6 < near["random"] < near["k-means++"]
    assert KMeans(3, init="random", n_init=10).fit(IRIS).inertia_ == pytest.approx(
        78.8514, abs=1e-3
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(4, 60), st.integers(1, 4), st.integers(1, 4))
def test_laws(seed, n, d, k):
    X = normal(n, d, seed)
    model = KMeans(k, init=X[:k]).fit(X)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(KMeans(k, init=X[:k]).fit(X[order]).labels_, model.labels_[order])
    moved = KMeans(k, init=4 * X[:k] + 8).fit(4 * X + 8)
    assert torch.equal(moved.labels_, model.labels_)
    assert moved.inertia_ == pytest.approx(16 * model.inertia_, rel=1e-9, abs=1e-9)
    assert torch.equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_equal_points_do_no_harm(init, algorithm):
    with pytest.warns(ConvergenceWarning, match=r"clusters found \(1\) is smaller than n_clusters"):
        model = KMeans(3, init=init, algorithm=algorithm).fit(torch.full((10, 2), 3.0))
    assert model.inertia_ == 0
    assert model.cluster_centers_.tolist() == [[3, 3]] * 3


def test_float32_images():
    X = load_mnist("test")[0].flatten(1).float() / 255
    ours, peer = KMeans(10, init=X[:10]).fit(X), peer_from(X[:10], X)
    assert (ours.labels_.numpy() == peer.labels_).mean() > 0.999
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-4)
    assert ours.cluster_centers_.dtype == torch.float32


def test_input_and_generator_are_left_alone():
    X, state = BLOBS.clone().requires_grad_(), torch.get_rng_state()
    model = KMeans(3, n_init=2)
    assert model.fit(IRIS).fit(X) is model
    once = KMeans(3, n_init=2).fit(BLOBS)
    assert torch.equal(model.cluster_centers_, once.cluster_centers_)
    assert torch.equal(X.detach(), BLOBS)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(KMeans(3, n_init=2).fit_predict(BLOBS), once.labels_)


@pytest.mark.parametrize("init", ["random", "k-means++", torch.eye(3)[:2] * 9])
def test_follows_its_input(init, meta_default):
    X = torch.arange(24.0, device="cpu").reshape(8, 3).sin()
    model = KMeans(2, init=init, n_init=2).fit(X)
    tensors = (model.cluster_centers_, model.labels_, model.predict(X))
    assert {t.device.type for t in tensors} == {"cpu"}


@pytest.mark.parametrize(
    ("options", "X", "error", "message"),
    [
        ({"n_clusters": 9}, IRIS[:8], ValueError, "n_clusters must lie between 1 and 8, got 9"),
        ({"n_clusters": 0}, IRIS, ValueError, "n_clusters must lie"),
        ({"init": "best"}, IRIS, ValueError, "init must be one of"),
        ({"init": IRIS[:3]}, IRIS, ValueError, r"init must have shape .k, d. = \(8, 4\)"),
        ({"n_init": 0}, IRIS, ValueError, "n_init must lie"),
        ({"max_iter": 0}, IRIS, ValueError, "max_iter must lie"),
        ({"tol": -1}, IRIS, ValueError, "tol must lie"),
        ({"algorithm": "elkan"}, IRIS, ValueError, "algorithm must be one of 'hamerly', 'lloyd'"),
        ({}, IRIS.log().log(), ValueError, "NaN"),
        ({}, IRIS[:, 0], ValueError, "reshape"),
        ({}, IRIS.long(), TypeError, "float"),
    ],
)
def test_bad_input_is_named(options, X, error, message):
    with pytest.raises(error, match=message):
        KMeans(**options).fit(X)


def test_predict_wants_a_fit_and_the_same_columns():
    with pytest.raises(RuntimeError, match="not fitted yet"):
        KMeans().predict(IRIS)
    with pytest.raises(ValueError, match="X has 3 features, but fit saw 4"):
        KMeans(2).fit(IRIS).predict(IRIS[:, :3])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("factor", [1e-30, 1e25, 1e37])
def test_what_cannot_be_squared_is_refused(factor, algorithm):
    what = "vanish" if factor < 1 else "overflow"
    with pytest.raises(ValueError, match=rf"some that {what}; scale X with StandardScaler, or use"):
        KMeans(5, algorithm=algorithm).fit(factor * BLOBS.float())
    model = KMeans(5, init=BLOBS[:5]).fit(BLOBS)
    scaled = KMeans(5, init=factor * BLOBS[:5]).fit(factor * BLOBS)
    assert torch.equal(scaled.labels_, model.labels_)
    assert scaled.inertia_ == pytest.approx(factor**2 * model.inertia_)


def test_equal_rows_are_not_too_small():
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        assert KMeans(2).fit(torch.full((4, 2), 1e-30)).inertia_ == 0


def test_a_cluster_of_one_point_has_its_centroid_there():
    X, start = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[0.0], [9.0]])
    model = KMeans(2, init=start).fit(X)
    assert model.cluster_centers_.tolist() == [[0.5], [10]]
    assert model.inertia_ == 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("place", [0, 4, 8])  # first, between, last
def test_careful_starts_find_the_only_row_that_differs(place, seed):
    X = torch.zeros(9, 2)
    X[place] = 1
    start = KMeans(2)._start(X, torch.Generator().manual_seed(seed))
    assert sorted(start[:, 0].tolist()) == [0, 1]


def test_few_rows_of_very_many_features():
    X = torch.zeros(3, 300_000)
    X[2] = 1
    assert KMeans(2, init=X[1:]).fit(X).labels_.tolist() == [0, 0, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_huge_value_does_not_spoil_the_rest_in_float32(algorithm):
    """Squares of 1e6 have no digits left for 25, 45 and 70: these are told by differences."""
    steps = torch.linspace(-2, 2, 100)
    X = torch.cat([25 + steps, 45 + steps, 70 + steps, torch.tensor([999_999.0])])[:, None]
    model = KMeans(4, n_init=10, algorithm=algorithm).fit(X)
    assert sorted(model.labels_.bincount().tolist()) == [1, 100, 100, 100]
    assert model.inertia_ == pytest.approx(3 * steps.square().sum().item(), rel=1e-4)
    assert torch.equal(model.predict(X), model.labels_)
    X = torch.tensor([[0.0], [10.0], [1e6]])
    assert KMeans(3, init=X, algorithm=algorithm).fit(X).labels_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("algorithm", ["lloyd", "hamerly"])
def test_small_gaps_far_from_zero_are_seen_in_float32(algorithm):
    """Two pairs of groups, 20,000 apart; those of a pair only 0.5."""
    places = torch.tensor([[1e4, 0], [1e4, 0.5], [-1e4, 0], [-1e4, 0.5]]).repeat_interleave(50, 0)
    X = places + 0.05 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    model = KMeans(4, n_init=10, algorithm=algorithm).fit(X)
    truth = KMeans(4, n_init=10, algorithm="lloyd").fit(X.double())
    assert torch.equal(model.labels_, truth.labels_)
    assert model.inertia_ == pytest.approx(truth.inertia_, rel=1e-4)


@pytest.mark.parametrize("algorithm", ["lloyd", "hamerly"])
@pytest.mark.parametrize("offset", [0.0, 1e3, -77_777.0, 1e6])
def test_between_two_centroids_the_first_wins(offset, algorithm):
    centers = torch.tensor([[0.0], [1.0], [5.0]]) + offset
    model = KMeans(3, init=centers, algorithm=algorithm).fit(centers)
    assert model.labels_.tolist() == [0, 1, 2]
    assert model.predict(torch.tensor([[0.5], [3.0]]) + offset).tolist() == [0, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_start_that_is_given_is_tried_once(algorithm, monkeypatch):
    starts = []
    monkeypatch.setattr(KMeans, "_start", lambda self, *_: starts.append(1) or self.init)
    KMeans(3, init=IRIS[:3], n_init=10, algorithm=algorithm).fit(IRIS)
    assert len(starts) == 1


def test_fewer_distinct_rows_than_clusters_is_said_and_max_iter_is_not():
    X = IRIS[:2].repeat(5, 1)
    for algorithm in ALGORITHMS:
        with pytest.warns(ConvergenceWarning, match=r"\(2\) is smaller than n_clusters \(3\)"):
            model = KMeans(3, init="random", algorithm=algorithm).fit(X)
        assert model.inertia_ == 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            KMeans(3, max_iter=1, tol=0, algorithm=algorithm).fit(IRIS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_fit_that_raises_leaves_the_model_as_it_was(algorithm):
    model = KMeans(3, algorithm=algorithm).fit(IRIS)
    before = dict(vars(model))
    for bad in (1e25 * BLOBS.float(), IRIS[:2], IRIS.log().log()):
        with pytest.raises(ValueError, match=r"squares|n_clusters|NaN"):
            model.fit(bad)
        assert vars(model) == before
    assert torch.equal(model.predict(IRIS), model.labels_)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_score_is_minus_the_inertia(algorithm):
    model = KMeans(3, algorithm=algorithm).fit(IRIS)
    assert model.score(IRIS) == pytest.approx(-model.inertia_, rel=1e-12)
    peer = Peer(3, init=model.cluster_centers_.numpy(), n_init=1).fit(IRIS.numpy())
    assert model.score(IRIS) == pytest.approx(peer.score(IRIS.numpy()), rel=1e-6)
    assert model.n_features_in_ == peer.n_features_in_ == 4


def test_the_mean_of_very_many_rows():
    """A float32 that adds up one by one stalls at 2²⁴; means of that many ones must be 1."""
    X = torch.ones(2**24 + 8, 1)
    X[-8:] = 3
    mu = KMeans(2).update(X, X[[0, -1]], (X[:, 0] > 2).long())
    assert mu.tolist() == [[1], [3]]
