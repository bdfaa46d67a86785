"""What is raced: one function a row, which makes the data and names the runners."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.race import OURS, Race

SKLEARN, PLAIN = "scikit-learn", "plain PyTorch"
ROWS = {}


@dataclass
class Row:
    """A row of the table.

    build: (n=..., **sizes) → Race.  targets: {peer: the most that our time / its time should be}.
    warm: an n that is quickly done.  scaling: {size: values to run it at}.
    """

    title: str
    build: Callable
    targets: dict[str, float]
    warm: int = 600
    quick: int | None = None
    scaling: dict[str, tuple] = field(default_factory=dict)
    slope: float = 1.1


def row(title, targets, **more):
    """Enter the function that follows into ROWS under its name."""

    def enter(build):
        ROWS[build.__name__] = Row(title, build, targets, **more)
        return build

    return enter


@cache
def digits():
    """Return MNIST as float32 rows from 0 to 1: X (60000, 784), y, X_test, y_test."""
    from d4sci.data import load_mnist

    (X, y), (T, t) = load_mnist("train"), load_mnist("test")
    return X.flatten(1).float() / 255, y, T.flatten(1).float() / 255, t


def with_intel(race, place, work):
    """Enter the class of scikit-learn-intelex, where it is installed; work: class → result."""
    module, name = place.split(".")
    race.add_if_installed(
        "sklearnex", "scikit-learn-intelex",
        lambda: work(getattr(import_module(f"sklearnex.{module}"), name)),
    )  # fmt: skip
    return race


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@row("PCA, MNIST, 60,000 × 784 → 50", {SKLEARN: 1.1}, quick=15_000, warm=4000,
     scaling={"n": (7500, 15_000, 30_000, 60_000), "d": (98, 196, 392, 784)})  # fmt: skip
def pca(n=60_000, d=784, k=50):
    from sklearn.decomposition import PCA as Peer

    from d4sci.pca import PCA

    X = digits()[0][:n, :: 784 // d].contiguous()
    N = X.numpy()

    def plain():
        Z = X - X.mean(0)
        return torch.linalg.eigh(Z.T @ Z / (n - 1))[0].flip(0)[:k].numpy()

    truth = np.linalg.eigvalsh(np.cov(N.T, dtype=np.float64))[::-1][:k]
    runners = {
        SKLEARN: lambda: Peer(k).fit(N).explained_variance_,
        OURS: lambda: PCA(k).fit(X).explained_variance_.numpy(),
        PLAIN: plain,
    }
    race = Race(runners, lambda a, _: abs(a / truth - 1).max(), "largest error of a variance", 1e-4)
    return with_intel(race, "decomposition.PCA", lambda P: P(k).fit(N).explained_variance_)


def _kmeans(X, k, rounds=30):
    from sklearn.cluster import KMeans as Peer

    from d4sci.kmeans import KMeans

    N, start = X.numpy(), X[:k].clone()

    def plain():
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

    def inertia(mu, reference):
        far, near = (
            sum(torch.cdist(rows.double(), c.double()).amin(1).square().sum()
                for rows in X.split(4096)) for c in (mu, reference)
        )  # fmt: skip
        return far / near - 1

    fit = {"n_clusters": k, "n_init": 1, "max_iter": rounds, "tol": 0}
    peer = Peer(init=start.numpy(), **fit)
    race = Race(
        {
            SKLEARN: lambda: torch.from_numpy(peer.fit(N).cluster_centers_),
            OURS: lambda: KMeans(init=start, **fit).fit(X).cluster_centers_,
            PLAIN: plain,
        },
        inertia, "inertia / reference − 1", 1e-5,
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


def _dbscan(X, eps, min_samples, algorithm="auto"):
    from sklearn.cluster import DBSCAN as Peer

    from d4sci.dbscan import DBSCAN

    T = torch.from_numpy(X)
    peer = Peer(eps=eps, min_samples=min_samples, algorithm=algorithm)
    runners = {
        SKLEARN: lambda: peer.fit(X).labels_,
        OURS: lambda: DBSCAN(eps, min_samples).fit(T).labels_.numpy(),
    }
    if algorithm == "auto":
        ball = Peer(eps=eps, min_samples=min_samples, algorithm="ball_tree")
        runners["ball tree"] = lambda: ball.fit(X).labels_
    race = Race(runners, lambda a, b: (a != b).mean(), "share of other labels", 0)
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


@row("KNN, MNIST, 60,000 × 784, 2,000 queries, k = 5", {SKLEARN: 0.5}, quick=15_000, warm=4000,
     scaling={"n": (7500, 15_000, 30_000, 60_000), "q": (500, 1000, 2000, 4000)})  # fmt: skip
def knn(n=60_000, q=2000):
    from sklearn.neighbors import KNeighborsClassifier as Peer

    from d4sci.neighbors import KNeighborsClassifier

    X, y, T, _ = digits()
    X, y, T = X[:n], y[:n], T[:q]
    N, Q = X.numpy(), T.numpy()
    peer = Peer(5, algorithm="brute").fit(N, y.numpy())
    ours = KNeighborsClassifier(5).fit(X, y)

    def plain():
        closest = [torch.cdist(rows, X).topk(5, largest=False)[1] for rows in T.split(250)]
        return y[torch.cat(closest)].mode(1)[0].numpy()

    def faiss():
        faiss = import_module("faiss")

        index = faiss.IndexFlatL2(X.shape[1])
        index.add(N)
        return y[torch.from_numpy(index.search(Q, 5)[1])].mode(1)[0].numpy()

    runners = {
        SKLEARN: lambda: peer.predict(Q),
        OURS: lambda: ours.predict(T).numpy(),
        PLAIN: plain,
    }
    race = Race(runners, lambda a, b: (a != b).mean(), "share of other answers", 0.002)
    race.add_if_installed("faiss", "faiss", faiss)
    intel = lambda P: P(5, algorithm="brute").fit(N, y.numpy()).predict(Q)  # noqa: E731
    return with_intel(race, "neighbors.KNeighborsClassifier", intel)


@row("Linear regression, 100,000 × 100", {SKLEARN: 0.4}, quick=25_000,
     scaling={"n": (25_000, 50_000, 100_000, 200_000), "d": (50, 100, 200, 400)})  # fmt: skip
def linear_regression(n=100_000, d=100):
    from sklearn.linear_model import LinearRegression as Peer
    from sklearn.linear_model import Ridge

    from d4sci.linear import LinearRegression

    X = torch.randn(n, d, generator=random())
    y = X @ torch.randn(d, generator=random(1)) + torch.randn(n, generator=random(2))
    N, t = X.numpy(), y.numpy()
    A = np.column_stack([N.astype(np.float64), np.ones(n)])
    truth = np.linalg.lstsq(A, t.astype(np.float64), rcond=None)[0][:-1]

    def plain():
        return torch.linalg.lstsq(F.pad(X, (0, 1), value=1.0), y[:, None]).solution[:-1, 0].numpy()

    runners = {
        SKLEARN: lambda: Peer().fit(N, t).coef_,
        OURS: lambda: LinearRegression().fit(X, y).coef_.numpy(),
        "Ridge, Cholesky, α → 0": lambda: Ridge(1e-9, solver="cholesky").fit(N, t).coef_,
        PLAIN: plain,
    }
    race = Race(runners, lambda a, _: abs(a - truth).max(), "largest error of a weight", 1e-6)
    return with_intel(race, "linear_model.LinearRegression", lambda P: P().fit(N, t).coef_)


@row("Logistic regression, MNIST, 60,000 × 784, C = 1", {SKLEARN: 0.15}, quick=5000,
     warm=2000, scaling={"n": (3750, 7500, 15_000, 30_000)})  # fmt: skip
def logistic_regression(n=60_000):
    from sklearn.linear_model import LogisticRegression as Peer

    from d4sci.linear import LogisticRegression

    X, y = digits()[0][:n], digits()[1][:n]
    N, t = X.numpy(), y.numpy()

    def ours():
        model = LogisticRegression(tol=1e-4).fit(X, y)
        return model.coef_.numpy(), model.intercept_.numpy()

    def peer(solver, Peer=Peer):
        model = Peer(tol=1e-4, max_iter=2000, solver=solver).fit(N, t)
        return model.coef_, model.intercept_

    def objective(result):
        W, b = (torch.from_numpy(np.asarray(a, dtype=np.float64)) for a in result)
        loss = sum(F.cross_entropy(x.double() @ W.T + b, c, reduction="sum")
                   for x, c in zip(X.split(4096), y.split(4096), strict=True))  # fmt: skip
        return float(loss + W.square().sum() / 2)

    runners = {SKLEARN: lambda: peer("lbfgs"), OURS: ours, "newton-cg": lambda: peer("newton-cg")}

    def excess(a, b):
        return objective(a) / objective(b) - 1

    race = Race(runners, excess, "objective / reference − 1", 1e-5)
    return with_intel(race, "linear_model.LogisticRegression", lambda P: peer("lbfgs", P))


@row("Linear SVM, 20,000 × 50, hinge, C = 1", {"LinearSVC": 0.4, "SVC(kernel=linear)": 0.1},
     quick=5000, warm=1000,
     scaling={"n": (5000, 10_000, 20_000, 40_000), "C": (0.01, 0.1, 1.0, 10.0)})  # fmt: skip
def svm(n=20_000, C=1.0):
    from sklearn.datasets import make_classification
    from sklearn.svm import SVC, LinearSVC

    from d4sci.svm import LinearSVM

    X, y = make_classification(n, 50, n_informative=20, random_state=0)
    X = (X - X.mean(0)) / X.std(0)
    T, t, sign = torch.from_numpy(X).float(), torch.from_numpy(y), 2 * y - 1
    N = T.numpy()

    def run(model):
        model.fit(N, y)
        return model.coef_.ravel(), float(model.intercept_[0])

    def ours():
        model = LinearSVM(C).fit(T, t)
        return model.coef_.numpy().ravel(), model.intercept_.item()

    def objective(result):
        w, b = result
        return w @ w / 2 + C * np.maximum(0, 1 - sign * (N.astype(np.float64) @ w + b)).sum()

    def loose(rounds, scaling):
        # LinearSVC has a price on b too: the smaller, the larger the scaling, and the slower.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that these rounds do not do
            return run(LinearSVC(C=C, loss="hinge", intercept_scaling=scaling, max_iter=rounds,
                                 random_state=0))  # fmt: skip

    runners = {
        "LinearSVC": lambda: loose(2000, 1),
        OURS: ours,
        "SVC(kernel=linear)": lambda: run(SVC(kernel="linear", C=C)),
        "LinearSVC, intercept_scaling=100": lambda: loose(1000, 100),
    }

    def excess(a, b):
        return objective(a) / objective(b) - 1

    return Race(runners, excess, "objective / reference − 1", 1e-4)
