"""K-Means: each point joins the closest of k centroids, each centroid moves to its points' mean."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor

from d4sci.device import in_float64, seeded
from d4sci.distance import distance_blocks, distances
from d4sci.engines.hamerly import hamerly, nearest_centroid, own_distances
from d4sci.engines.moments import mean_variance, near_zero
from d4sci.estimator import Clusterer, warn_not_converged
from d4sci.support.checks import require_between, require_choice, require_fitted, require_matrix


@dataclass(eq=False, repr=False)
class KMeans(Clusterer):
    """Find k centroids μ, one per cluster, by Lloyd's descent of the inertia.

    I = Σ_i ‖x_i − μ_c(i)‖²,  c(i) = argmin_j ‖x_i − μ_j‖²

    n_clusters: k.
    init: how the centroids start: "random", k rows; "k-means++", k rows far from each other; or
    a tensor (k, d).
    n_init: number of starts; the run that ends with the least inertia is kept. It is ignored if
    init is a tensor.
    max_iter: the most rounds of a run.
    tol: stop when Σ_j ‖shift of μ_j‖² ≤ tol · (mean variance of the features). The slide stops on
    the relative change of I; this is scikit-learn's rule.
    algorithm: "lloyd", the rounds as the slide has them, in this class; or "hamerly", the same
    rounds sooner, which measure distances only where a point may have changed centroid.
    seed: whole number ≥ 0 from which the starts are drawn: the same seed, the same starts.
    `fit` sets cluster_centers_ (k, d), labels_ (n,), inertia_, n_iter_, n_features_in_, and
    inertia_history_: the inertia of the start and after each of the n_iter_ rounds, which never
    rises by more than rounding.
    A cluster without points takes the point farthest from its centroid, as in scikit-learn.
    `fit` warns (ConvergenceWarning) where it finds fewer than k clusters, as scikit-learn does.
    Raises TypeError or ValueError for an X or a parameter that does not fit, RuntimeError before
    `fit`.
    Source: Steinhaus 1957; Lloyd 1982, doi:10.1109/TIT.1982.1056489.
    """

    n_clusters: int = 8
    _: KW_ONLY
    init: str | Tensor = "k-means++"
    n_init: int = 1
    max_iter: int = 300
    tol: float = 1e-4
    algorithm: str = "hamerly"
    seed: int = 0

    def fit(self, X: Tensor, y: None = None) -> Self:
        """Find the centroids.  X: (n, d), n ≥ k.  y: ignored."""
        self._validate(X)
        X, origin = near_zero(X.detach())  # for the digits of means far from 0
        generator = seeded(self.seed)
        n_starts = self.n_init
        if isinstance(self.init, Tensor):  # there is one start only
            n_starts = 1
        runs = []
        for _ in range(n_starts):
            mu = self._start(X, generator, origin)  # (k, d)
            if self.algorithm == "lloyd":
                runs.append(self.lloyd(X, mu))
            else:
                runs.append(hamerly(X, mu, self.max_iter, self.tol, _refill))
        mu, labels, history = min(runs, key=lambda run: run[2][-1])  # the least inertia
        self.cluster_centers_, self.labels_ = mu + origin, labels
        self.inertia_history_, self.inertia_ = history, history[-1]
        self.n_iter_, self.n_features_in_ = len(history) - 1, X.shape[1]
        _warn_if_fewer(len(labels.unique()), self.n_clusters)
        return self

    def lloyd(self, X: Tensor, mu: Tensor) -> tuple[Tensor, Tensor, list[float]]:
        """Repeat the two steps until the centroids stop; return μ, the labels and each inertia."""
        tolerance = self.tol * mean_variance(X)
        history = []
        for _ in range(self.max_iter):
            labels, D2 = self.assign(X, mu)
            history.append(D2.sum().item())  # I = Σ_i ‖x_i − μ_c(i)‖²
            labels = _refill(X, mu, labels)
            old = mu
            mu = self.update(X, old, labels)
            if (mu - old).square().sum() <= tolerance:
                break
        labels, D2 = self.assign(X, mu)
        history.append(D2.sum().item())
        return mu, labels, history

    def assign(self, X: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """Return c(i) = argmin_j ‖x_i − μ_j‖², the lowest among equals, and that D², both (n,)."""
        blocks = distance_blocks(X, mu, metric="sqeuclidean")
        closest = [D2.min(1) for _, D2 in blocks]  # D2: (r, k)
        labels = torch.cat([block.indices for block in closest])
        return labels, torch.cat([block.values for block in closest])

    def update(self, X: Tensor, mu: Tensor, labels: Tensor) -> Tensor:
        """Return μ_j = the mean of the points with label j, (k, d); without points μ_j stays."""
        means = mu.clone()
        for j in range(len(mu)):
            points = X[labels == j]
            if len(points) > 0:
                means[j] = in_float64(points).mean(0)  # many rows need more digits
        return means

    def predict(self, X: Tensor) -> Tensor:
        """Return the index of the closest centroid of each row, (n,); the lowest among equals.

        Equal are distances whose computed values are: (a, b) and (b, a) may differ from (0, 0) in
        the last digit.
        """
        return self._closest(X)[0]

    def score(self, X: Tensor, y: None = None) -> float:
        """Return −Σ_i ‖x_i − μ_c(i)‖², minus the inertia of X.  X: (n, d).  y: ignored."""
        return -self._closest(X)[1].sum().item()

    def _closest(self, X):
        require_fitted(self, "cluster_centers_")
        require_matrix(X, n_features=self.n_features_in_)
        X, mu = X.detach(), self.cluster_centers_.to(X)
        if self.algorithm == "lloyd":
            return self.assign(X, mu)
        return nearest_centroid(X, mu)

    def _start(self, X, generator, origin=0.0):
        if isinstance(self.init, Tensor):
            return self.init.detach().to(X) - origin
        if self.init == "random":
            return X[torch.randperm(len(X), generator=generator, device="cpu")[: self.n_clusters]]
        return _k_means_plus_plus(X, self.n_clusters, generator)

    def _validate(self, X):
        require_matrix(X)
        require_between("n_clusters", self.n_clusters, 1, len(X))
        require_between("n_init", self.n_init, 1, math.inf)
        require_between("max_iter", self.max_iter, 1, math.inf)
        require_between("tol", self.tol, 0.0, math.inf)
        require_choice("algorithm", self.algorithm, ("hamerly", "lloyd"))
        _require_start(self.init, (self.n_clusters, X.shape[1]))


def _require_start(init, shape):
    """Raise unless the start is the name of a way to draw it, or a matrix of this shape, (k, d)."""
    if isinstance(init, str):
        require_choice("init", init, ("k-means++", "random"))
        return
    require_matrix(init, "init")
    if init.shape != shape:
        got = tuple(init.shape)
        raise ValueError(f"init must have shape (k, d) = {shape}, got {got}; give k rows")


def _warn_if_fewer(k_found, k):
    """Warn where fewer clusters have points than were asked for."""
    if k_found < k:
        reason = f"the number of distinct clusters found ({k_found}) is smaller than"
        reason += f" n_clusters ({k})"
        warn_not_converged(reason, "X may hold equal rows; choose a smaller n_clusters")


def _refill(X, mu, labels):
    """Return labels where each empty cluster has a point far from its centroid, farthest first."""
    empty = (labels.bincount(minlength=len(mu)) == 0).nonzero().squeeze(1)
    if len(empty) == 0:
        return labels
    D2, rows = own_distances(X, mu, labels).sort(stable=True)
    far, rows = D2.flip(0)[: len(empty)], rows.flip(0)[: len(empty)]
    labels = labels.clone()
    labels[rows[far > 0]] = empty[far > 0]  # a point on its centroid stays
    return labels


def _k_means_plus_plus(X, k, generator):
    """Return k rows of X, (k, d), each drawn with a probability ∝ D², far from those before it.

    D²: squared distance to the closest row drawn so far. Of 2 + ⌊ln k⌋ candidates the one that
    leaves the least Σ D² is taken. Source: Arthur and Vassilvitskii 2007, "k-means++: the
    advantages of careful seeding".
    """
    n, trials = len(X), 2 + int(math.log(k))
    rows = torch.randint(n, (1,), generator=generator, device="cpu")  # (1,)
    D2 = distances(X[rows], X, metric="sqeuclidean")  # (1, n)
    while len(rows) < k:
        # Draw rows with a probability ∝ D²: lay their D² side by side, from 0 to Σ D², and see in
        # which row's interval, cumulative[i − 1] to cumulative[i], a uniform number falls.
        cumulative = D2[0].cpu().double().cumsum(0)  # (n,)
        uniform = torch.rand(trials, generator=generator, dtype=torch.float64, device="cpu")
        draws = uniform * cumulative[-1]
        candidates = torch.searchsorted(cumulative, draws, right=True).clamp(max=n - 1)  # (trials,)
        D2 = torch.minimum(D2, distances(X[candidates], X, metric="sqeuclidean"))  # (trials, n)
        best = D2.sum(1).argmin().cpu()
        rows = torch.cat([rows, candidates[best, None]])
        D2 = D2[best, None]  # (1, n)
    return X[rows]
