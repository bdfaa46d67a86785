"""What is raced with labels: nearest neighbours, linear and logistic regression, the SVM."""

import warnings
from importlib import import_module

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.race import OURS, Race
from benchmarks.rows.base import PLAIN_PATH, SKLEARN, TORCH, digits, random, row, with_intel


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
    plain = KNeighborsClassifier(5, algorithm="brute").fit(X, y)

    def bare():
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
        PLAIN_PATH: lambda: plain.predict(T).numpy(),
        TORCH: bare,
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

    def bare():
        return torch.linalg.lstsq(F.pad(X, (0, 1), value=1.0), y[:, None]).solution[:-1, 0].numpy()

    runners = {
        SKLEARN: lambda: Peer().fit(N, t).coef_,
        OURS: lambda: LinearRegression().fit(X, y).coef_.numpy(),
        PLAIN_PATH: lambda: LinearRegression(solver="lstsq").fit(X, y).coef_.numpy(),
        "Ridge, Cholesky, α → 0": lambda: Ridge(1e-9, solver="cholesky").fit(N, t).coef_,
        TORCH: bare,
    }
    race = Race(runners, lambda a, _: abs(a - truth).max(), "largest error of a weight", 1e-6)
    return with_intel(race, "linear_model.LinearRegression", lambda P: P().fit(N, t).coef_)


@row("Logistic regression, MNIST, 60,000 × 784, C = 1", {SKLEARN: 0.15}, quick=5000,
     warm=2000, scaling={"n": (3750, 7500, 15_000, 30_000)})  # fmt: skip
def logistic_regression(n=60_000):
    from sklearn.linear_model import LogisticRegression as Peer

    from d4sci.logistic import LogisticRegression

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
    race.left_out[PLAIN_PATH] = "left out: gradient descent takes over 60 s to come as near"
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
        # LinearSVC penalises b too: the less, the larger the scaling, and the slower it is.
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

    race = Race(runners, excess, "objective / reference − 1", 1e-4)
    race.left_out[PLAIN_PATH] = "left out: subgradient descent stops within 1 %, not within 1e-4"
    return race
