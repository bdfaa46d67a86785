"""What is raced without labels: PCA, K-Means, DBSCAN."""

from importlib import import_module

import numpy as np
import torch

from benchmarks.race import OURS, Race
from benchmarks.rows.base import PLAIN_PATH, SKLEARN, TORCH, digits, random, row, with_intel


@row("PCA, MNIST, 60,000 × 784 → 50", {SKLEARN: 1.1}, quick=15_000, warm=4000,
     scaling={"n": (7500, 15_000, 30_000, 60_000), "d": (98, 196, 392, 784)})  # fmt: skip
def pca(n=60_000, d=784, k=50):
    from sklearn.decomposition import PCA as Peer

    from d4sci.pca import PCA

    X = digits()[0][:n, :: 784 // d].contiguous()
    N = X.numpy()

    def bare():
        Z = X - X.mean(0)
        return torch.linalg.eigh(Z.T @ Z / (n - 1))[0].flip(0)[:k].numpy()

    truth = np.linalg.eigvalsh(np.cov(N.T, dtype=np.float64))[::-1][:k]
    runners = {
        SKLEARN: lambda: Peer(k).fit(N).explained_variance_,
        OURS: lambda: PCA(k).fit(X).explained_variance_.numpy(),
        PLAIN_PATH: lambda: PCA(k, solver="svd").fit(X).explained_variance_.numpy(),
        TORCH: bare,
    }
    race = Race(runners, lambda a, _: abs(a / truth - 1).max(), "largest error of a variance", 1e-4)
    return with_intel(race, "decomposition.PCA", lambda P: P(k).fit(N).explained_variance_)


def _kmeans(X, k, rounds=30):
    from sklearn.cluster import KMeans as Peer

    from d4sci.kmeans import KMeans

    N, start = X.numpy(), X[:k].clone()

    def bare():
        mu = start
        for _ in range(rounds):
            labels = torch.cat([torch.cdist(rows, mu).argmin(1) for rows in X.split(4096)])
            sums = torch.zeros_like(mu).index_add(0, labels, X)
            mu = sums / labels.bincount(minlength=k).clamp(min=1)[:, None]
        return mu

    def faiss():
        faiss = import_module("faiss")

        model = faiss.Kmeans(X.shape[1], k, niter=rounds, max_points_per_centroid=len(X))
        model.train(N, init_centroids=start.numpy())
        return torch.from_numpy(model.centroids.copy())

    def inertia(mu):
        parts = [torch.cdist(rows.double(), mu.double()).amin(1) for rows in X.split(4096)]
        return sum(closest.square().sum() for closest in parts)

    def excess(mu, reference):
        return inertia(mu) / inertia(reference) - 1

    fit = {"n_clusters": k, "n_init": 1, "max_iter": rounds, "tol": 0}
    peer = Peer(init=start.numpy(), **fit)
    race = Race(
        {
            SKLEARN: lambda: torch.from_numpy(peer.fit(N).cluster_centers_),
            OURS: lambda: KMeans(init=start, **fit).fit(X).cluster_centers_,
            PLAIN_PATH: lambda: (
                KMeans(init=start, algorithm="lloyd", **fit).fit(X).cluster_centers_
            ),
            TORCH: bare,
        },
        excess, "inertia / reference − 1", 1e-5,
    )  # fmt: skip
    race.add_if_installed("faiss", "faiss", faiss)

    def intel(P):
        return torch.from_numpy(P(init=start.numpy(), **fit).fit(N).cluster_centers_)

    return with_intel(race, "cluster.KMeans", intel)


@row("K-Means, MNIST, 60,000 × 784, k = 10, 30 rounds", {SKLEARN: 0.7}, quick=15_000,
     scaling={"n": (7500, 15_000, 30_000, 60_000)})  # fmt: skip
def kmeans_digits(n=60_000, k=10):
    return _kmeans(digits()[0][:n], k)


@row("K-Means, 100,000 × 16, k = 50, 30 rounds", {SKLEARN: 1.0}, quick=25_000,
     scaling={"n": (12_500, 25_000, 50_000, 100_000), "k": (10, 20, 40, 80)})  # fmt: skip
def kmeans_narrow(n=100_000, k=50):
    centers = 1.5 * torch.randn(50, 16, generator=random())
    y = torch.randint(50, (n,), generator=random(1))
    return _kmeans(centers[y] + torch.randn(n, 16, generator=random(2)), k)


QUEUE_ROWS = 20_000  # the most at which the plain path is raced
QUEUE_REASON = "left out: all pairs are measured, which takes over 60 s at this n"


def _dbscan(X, eps, min_samples, algorithm="auto"):
    from sklearn.cluster import DBSCAN as Peer

    from d4sci.dbscan import DBSCAN

    T = torch.from_numpy(X)
    peer = Peer(eps=eps, min_samples=min_samples, algorithm=algorithm)
    runners = {
        SKLEARN: lambda: peer.fit(X).labels_,
        OURS: lambda: DBSCAN(eps, min_samples).fit(T).labels_.numpy(),
    }
    left_out = {}
    if len(X) <= QUEUE_ROWS:
        plain = DBSCAN(eps, min_samples, algorithm="queue")
        runners[PLAIN_PATH] = lambda: plain.fit(T).labels_.numpy()
    else:
        left_out[PLAIN_PATH] = QUEUE_REASON
    if algorithm == "auto":
        ball = Peer(eps=eps, min_samples=min_samples, algorithm="ball_tree")
        runners["ball tree"] = lambda: ball.fit(X).labels_
    race = Race(runners, lambda a, b: (a != b).mean(), "share of other labels", 0)
    race.left_out = left_out
    if algorithm != "auto":
        return race
    fit = {"eps": eps, "min_samples": min_samples}
    return with_intel(race, "cluster.DBSCAN", lambda P: P(**fit).fit(X).labels_)


@row("DBSCAN, moons, 100,000 × 2", {SKLEARN: 0.5}, quick=25_000, slope=1.2,
     scaling={"n": (25_000, 50_000, 100_000, 200_000)})  # fmt: skip
def dbscan_moons(n=100_000):
    from sklearn.datasets import make_moons

    X = make_moons(n, noise=0.05, random_state=0)[0]
    return _dbscan(X, 0.01 * (100_000 / n) ** 0.5, 5)  # about as many neighbours at every n


@row("DBSCAN, blobs, 100,000 × 2", {SKLEARN: 0.5}, quick=25_000)
def dbscan_blobs(n=100_000):
    from sklearn.datasets import make_blobs

    return _dbscan(make_blobs(n, centers=10, random_state=0)[0], 0.1, 10)


@row(
    "DBSCAN, moons, 100,000 × 2, 600 neighbours each",
    {"scikit-learn, ball tree": 1.0},
    quick=25_000,
)
def dbscan_dense(n=100_000):
    from sklearn.datasets import make_moons

    race = _dbscan(make_moons(n, noise=0.05, random_state=0)[0], 0.05, 10, "ball_tree")
    race.runners = {"scikit-learn, ball tree": race.runners[SKLEARN], OURS: race.runners[OURS]}
    return race


@row("DBSCAN, blobs, 20,000 × 4", {SKLEARN: 0.6}, quick=10_000)
def dbscan_4d(n=20_000):
    from sklearn.datasets import make_blobs

    return _dbscan(make_blobs(n, 4, centers=10, random_state=0)[0], 0.7, 5)


@row("DBSCAN, blobs, 10,000 × 50", {SKLEARN: 0.6}, quick=5000)
def dbscan_50d(n=10_000):
    from sklearn.datasets import make_blobs

    return _dbscan(make_blobs(n, 50, centers=10, random_state=0)[0], 8.0, 5)
