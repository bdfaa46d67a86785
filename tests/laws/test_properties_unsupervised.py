"""Laws of what learns without labels: how results move when the rows, columns or axes move.

All in float64; what rounding alone may change is compared to 1e-9 of its size. Rows are drawn from
a normal distribution: two equal distances or variances, which would spoil the laws, do not occur.
"""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from d4sci.dbscan import DBSCAN, k_distances
from d4sci.distance import distances
from d4sci.kmeans import KMeans
from d4sci.metrics import silhouette
from d4sci.pca import PCA
from d4sci.preprocessing import MinMaxScaler, StandardScaler
from tests.support.properties import (
    classes,
    few,
    normal,
    seeds,
    shift,
    shuffled,
    sizes,
    turn,
    widths,
)


def same(a, b):
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-9)


def same_but_for_sign(A, B):
    """Whether the rows are the same, each of them up to its sign."""
    return same(A * (A * B).sum(1, keepdim=True).sign(), B)


def distinct(n, d, seed):
    """Draw rows whose variances along the axes of PCA are exactly 1, 1/4, 1/9, … times n − 1."""
    A = normal(n, d, seed)
    U = torch.linalg.qr(A - A.mean(0)).Q  # its columns have mean 0, too
    return U / torch.arange(1, d + 1) @ turn(d, seed)


@pytest.mark.parametrize("solver", ["covariance", "svd"])
@few
@given(seed=seeds, n=sizes, d=widths)
def test_pca(solver, seed, n, d):
    """Scores follow the rows; directions follow the axes; the sign rule follows the columns."""
    X = distinct(n, d, seed)
    pca = PCA(solver=solver).fit(X)
    W, T = pca.components_, pca.transform(X)
    rows, columns = shuffled(n, seed), shuffled(d, seed)
    assert same(PCA(solver=solver).fit(X[rows]).components_, W)
    assert same(PCA(solver=solver).fit_transform(X[rows]), T[rows])
    assert same(PCA(solver=solver).fit(X[:, columns]).components_, W[:, columns])
    assert same(PCA(solver=solver).fit_transform(X[:, columns]), T)
    moved = PCA(solver=solver).fit(X + shift(d, seed))
    assert same(moved.components_, W)
    assert same(moved.mean_, pca.mean_ + shift(d, seed))
    assert same(PCA(solver=solver).fit_transform(X + shift(d, seed)), T)
    assert same(PCA(solver=solver).fit_transform(-4 * X), -4 * T)
    assert same(
        PCA(solver=solver).fit(-4 * X).explained_variance_ratio_, pca.explained_variance_ratio_
    )
    Q = turn(d, seed + 1)
    assert same_but_for_sign(PCA(solver=solver).fit(X @ Q).components_, W @ Q)
    assert same_but_for_sign(PCA(solver=solver).fit_transform(X @ Q).T, T.T)


@pytest.mark.parametrize("algorithm", ["hamerly", "lloyd"])
@few
@given(seed=seeds, n=sizes, d=widths, k=st.integers(1, 4))
def test_k_means(algorithm, seed, n, d, k):
    """From starts that move along, centroids move along and labels stay, or take new names."""
    X = normal(n, d, seed)
    start = X[shuffled(n, seed)[:k]]
    model = KMeans(k, init=start, algorithm=algorithm).fit(X)
    mu, inertia = model.cluster_centers_, model.inertia_history_
    columns, Q, a = shuffled(d, seed), turn(d, seed), shift(d, seed)
    for f in (lambda A: A[:, columns], lambda A: A @ Q, lambda A: A + a):
        moved = KMeans(k, init=f(start), algorithm=algorithm).fit(f(X))
        assert torch.equal(moved.labels_, model.labels_)
        assert same(moved.cluster_centers_, f(mu))
        assert moved.inertia_history_ == pytest.approx(inertia, rel=1e-9)
        assert torch.equal(moved.predict(f(X[:5])), model.labels_[:5])
    scaled = KMeans(k, init=-8 * start, algorithm=algorithm).fit(-8 * X)
    assert torch.equal(scaled.labels_, model.labels_)
    assert same(scaled.cluster_centers_, -8 * mu)
    assert scaled.inertia_ == pytest.approx(64 * model.inertia_, rel=1e-9)
    rows, names = shuffled(n, seed + 1), shuffled(k, seed)
    mixed = KMeans(k, init=start, algorithm=algorithm).fit(X[rows])
    assert same(mixed.cluster_centers_, mu)
    assert torch.equal(mixed.labels_, model.labels_[rows])
    renamed = KMeans(k, init=start[names], algorithm=algorithm).fit(X)
    assert same(renamed.cluster_centers_, mu[names])
    assert torch.equal(names[renamed.labels_], model.labels_)


@few
@given(seeds, st.sampled_from(["random", "k-means++"]))
def test_k_means_that_draws_its_start(seed, init):
    """Drawn starts are rows: shifted, turned or scaled data have the same ones, and the labels.

    Of several starts (n_init) some may end at the same inertia, and rounding choose among them.
    """
    X = normal(30, 3, seed)
    labels = KMeans(4, init=init, seed=seed).fit_predict(X)
    for Z in (X + shift(3, seed), X @ turn(3, seed), 8 * X, X[:, shuffled(3, seed)]):
        assert torch.equal(KMeans(4, init=init, seed=seed).fit_predict(Z), labels)


@few
@given(seeds, sizes, widths, st.floats(0.2, 2), st.integers(1, 6))
def test_dbscan(seed, n, d, eps, min_samples):
    """Turned data have the same clusters; a larger ε or a smaller MinPts, more core points.

    In another order the rows have the same core points, clusters of core points, and noise. A pair
    of rows as far apart as ε, to rounding, would spoil it.
    """
    X = normal(n, d, seed)
    assume((distances(X) - eps).abs().min() > 1e-9)
    model = DBSCAN(eps, min_samples, "queue").fit(X)  # the boxes must find the same, turned or not
    for Z in (X, X @ turn(d, seed), X[:, shuffled(d, seed)], -X, X + shift(d, seed)):
        assert torch.equal(DBSCAN(eps, min_samples).fit_predict(Z), model.labels_)
    scaled = DBSCAN(4 * eps, min_samples).fit(4 * X)
    assert torch.equal(scaled.labels_, model.labels_)
    rows = shuffled(n, seed + 1)
    mixed = DBSCAN(eps, min_samples).fit(X[rows])
    labels, found = torch.full((2, n), n)
    labels[model.core_sample_indices_] = model.labels_[model.core_sample_indices_]
    found[rows[mixed.core_sample_indices_]] = mixed.labels_[mixed.core_sample_indices_]
    assert torch.equal(labels[:, None] == labels, found[:, None] == found)
    assert torch.equal(mixed.labels_ < 0, model.labels_[rows] < 0)
    core, noise = set(model.core_sample_indices_.tolist()), (model.labels_ < 0).nonzero().tolist()
    for other in (
        DBSCAN(1.5 * eps, min_samples).fit(X),
        DBSCAN(eps, max(1, min_samples - 1)).fit(X),
    ):
        assert core <= set(other.core_sample_indices_.tolist())
        assert all(row in noise for row in (other.labels_ < 0).nonzero().tolist())
    assert (model.labels_[model.core_sample_indices_] >= 0).all()


@few
@given(seeds, sizes, widths, st.integers(1, 10))
def test_k_distances(seed, n, d, k):
    X = normal(n, d, seed)
    D = k_distances(X, k)
    for Z in (X[shuffled(n, seed)], X[:, shuffled(d, seed)], X @ turn(d, seed), X + shift(d, seed)):
        assert same(k_distances(Z, k), D)
    assert same(k_distances(-3 * X, k), 3 * D)
    assert (k_distances(X, k + 1) >= D).all()


@few
@given(seeds, sizes, widths, st.integers(2, 4))
def test_silhouette(seed, n, d, k):
    """Names of clusters, columns and axes mean nothing to it; Manhattan wants its axes, though."""
    X, labels = normal(n, d, seed), classes(n, k, seed)
    names = 10 * shuffled(k, seed) - 7
    for metric in ("euclidean", "manhattan", "cosine"):
        s = silhouette(X, labels, metric=metric, per_sample=True)
        assert same(silhouette(X, names[labels], metric=metric, per_sample=True), s)
        assert same(silhouette(X[:, shuffled(d, seed)], labels, metric=metric, per_sample=True), s)
        if metric != "manhattan":
            assert same(silhouette(X @ turn(d, seed), labels, metric=metric, per_sample=True), s)


@few
@given(seeds, sizes, widths)
def test_scalers(seed, n, d):
    """Each feature is scaled by itself, whatever its unit and zero; turned over, it is mirrored."""
    X, columns, rows = normal(n, d, seed), shuffled(d, seed), shuffled(n, seed + 1)
    units = normal(1, d, seed + 5)[0].exp()
    for scaler in (MinMaxScaler, StandardScaler):
        Z = scaler().fit_transform(X)
        assert same(scaler().fit_transform(units * X + shift(d, seed)), Z)
        assert same(scaler().fit_transform(X[:, columns]), Z[:, columns])
        assert same(scaler().fit_transform(X[rows]), Z[rows])
        assert same(scaler().fit(X).transform(X[:3]), Z[:3])
        assert same(scaler().fit_transform(Z), Z)
    assert same(MinMaxScaler().fit_transform(-X), 1 - MinMaxScaler().fit_transform(X))
    assert same(StandardScaler().fit_transform(-X), -StandardScaler().fit_transform(X))
