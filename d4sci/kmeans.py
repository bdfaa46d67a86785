"""K-Means: each point joins the closest of k centroids, each centroid moves to its points' mean."""

import math
from dataclasses import KW_ONLY, dataclass

import torch
from torch.nn.functional import pad

from d4sci.device import seeded
from d4sci.distance import distances
from d4sci.engines.moments import find_origin
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_fitted,
    require_matrix,
    require_squares,
)

BLOCK = 1_600_000  # coordinates and distances at a time, which stay in the cache


@dataclass(eq=False)
class KMeans:
    """Find k centroids μ, one per cluster, by Lloyd's descent of the inertia.

    I = Σ_i ‖x_i − μ_c(i)‖²,  c(i) = argmin_j ‖x_i − μ_j‖²

    n_clusters: k.
    init: how the centroids start: "random", k rows; "k-means++", k rows far from each other; or
    a tensor (k, d).  n_init: number of starts; the run that ends with the least inertia is kept.
    max_iter: the most rounds.
    tol: rest once Σ_j ‖shift of μ_j‖² ≤ tol · (mean variance of the features).
    `fit` sets cluster_centers_ (k, d), labels_ (n,), inertia_, n_iter_, and inertia_history_: the
    inertia at the start and after each of the n_iter_ rounds; it never rises.
    A cluster that runs empty takes the point farthest from its centroid, as in scikit-learn.
    Raises TypeError or ValueError for an X or a parameter that does not fit, RuntimeError before
    `fit`.
    Source: Steinhaus 1957; Lloyd 1982, doi:10.1109/TIT.1982.1056489.
    """

    n_clusters: int = 8
    _: KW_ONLY
    init: str | torch.Tensor = "k-means++"
    n_init: int = 1
    max_iter: int = 300
    tol: float = 1e-4
    seed: int = 0

    def fit(self, X):
        """Find the centroids.  X: (n, d), n ≥ k."""
        self._check(X)
        X, generator = X.detach(), seeded(self.seed)
        runs = (self._lloyd(X, self._start(X, generator)) for _ in range(self.n_init))
        best = min(runs, key=lambda run: run[0][-1])
        self.inertia_history_, self.cluster_centers_, self.labels_ = best
        self.inertia_, self.n_iter_ = best[0][-1], len(best[0]) - 1
        return self

    def predict(self, X):
        """Return the index of the closest centroid of each row, (n,); the lowest among equals."""
        require_fitted(self, "cluster_centers_")
        require_matrix(X, n_features=self.cluster_centers_.shape[1])
        return _nearest(X.detach(), self.cluster_centers_.to(X))[0]

    def fit_predict(self, X):
        """Return `fit(X).labels_`."""
        return self.fit(X).labels_

    def _lloyd(self, X, start):
        """Repeat the two steps until the centroids rest; return them and the inertia's history."""
        clusters, gains = _Clusters(X, start), []
        for _ in range(self.max_iter):
            gains.append(clusters.assign())  # assign each point to the closest centroid
            shift = clusters.update()  # recompute the centroids
            if clusters.moved == 0 or shift <= self.tol * clusters.variance():
                break
        gains.append(clusters.assign())
        centers = clusters.origin + clusters.mu  # (k, d)
        labels, D2 = _nearest(X, centers)  # (n,)
        return [D2.sum().item() + (gains[-1] - gain) for gain in gains], centers, labels

    def _start(self, X, generator):
        if isinstance(self.init, torch.Tensor):
            return self.init.detach().to(X)
        if self.init == "random":
            return X[torch.randperm(len(X), generator=generator, device="cpu")[: self.n_clusters]]
        return _k_means_plus_plus(X, self.n_clusters, generator)

    def _check(self, X):
        require_matrix(X)
        k = self.n_clusters
        require_between("n_clusters", k, 1, len(X))
        require_between("n_init", self.n_init, 1, math.inf)
        require_between("max_iter", self.max_iter, 1, math.inf)
        require_between("tol", self.tol, 0.0, math.inf)
        if isinstance(self.init, str):
            return require_choice("init", self.init, ("k-means++", "random"))
        require_matrix(self.init, "init")
        if self.init.shape != (k, X.shape[1]):
            wanted, got = (k, X.shape[1]), tuple(self.init.shape)
            raise ValueError(f"init must have shape (k, d) = {wanted}, got {got}; give k rows")


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
        reach = D2[0].cpu().double().cumsum(0)  # (n,), row i owns reach[i − 1] to reach[i]
        draws = torch.rand(trials, generator=generator, dtype=reach.dtype, device="cpu") * reach[-1]
        candidates = torch.searchsorted(reach, draws, right=True).clamp(max=n - 1)  # (trials,)
        D2 = torch.minimum(D2, distances(X[candidates], X, metric="sqeuclidean"))  # (trials, n)
        best = D2.sum(1).argmin().cpu()
        rows, D2 = torch.cat([rows, candidates[best, None]]), D2[best, None]
    return X[rows]


def _nearest(X, centers):
    """Return the index of the closest centroid of each row and D², exact near zero, both (n,)."""
    origin = centers.mean(0)  # (d,), measured from where the squares keep their digits
    mu, r = centers - origin, _rows_at_a_time(centers)
    compared, buffer = _with_none(mu), X.new_empty(min(len(X), r), X.shape[1])
    labels, D2 = X.new_empty(len(X), dtype=torch.long), X.new_empty(len(X))
    for rows, c, D in zip(X.split(r), labels.split(r), D2.split(r), strict=True):
        A = torch.sub(rows, origin, out=buffer[: len(rows)])  # (r, d)
        c[:] = torch.addmm(*compared, A.T, alpha=-2).min(0).indices  # the lowest of equals
        D[:] = A.sub_(mu.index_select(0, c)).square_().sum(1)
    return labels, D2


def _rows_at_a_time(mu):
    """Return r, an odd multiple of 8: at a power of 2 rows fight for the same lines of cache."""
    return max(300, BLOCK // sum(mu.shape)) // 16 * 16 + 8


def _with_none(mu):
    """Return ‖μ‖², (k + 1, 1), and μ, (k + 1, d), with a last row at ∞: it stands for no centroid.

    For D² = ‖a − μ‖² = ‖a‖² + ‖μ‖² − 2 a·μ, without ‖a‖², which is the same for all μ.
    """
    norms = mu.square().sum(1, keepdim=True)
    return pad(norms, (0, 0, 0, 1), value=torch.inf), pad(mu, (0, 0, 0, 1))


class _Clusters:
    """One run: where the centroids are, which points are theirs, and for how long that is sure.

    origin: 0, or close to the mean of X if that is far. All else is measured from there, where
    squares keep their digits.
    mu: (k, d).  labels: (n,), k for a point not yet assigned.
    sums, counts: of the points with each label, (k + 1, d) and (k + 1,).
    slack: (n,), the second-closest centroid of a point is at least so much farther than its own.
    moved: how many labels this round has changed.  gain: by how much the inertia has come down.
    """

    def __init__(self, X, start):
        (n, d), k = X.shape, len(start)
        self.X, self.origin = X, find_origin(X)
        self.far = bool(self.origin.any())
        self.mu = start - self.origin
        self.buffer = X.new_empty(min(n, _rows_at_a_time(start)), d)
        self.labels, self.slack = torch.full((n,), k, device=X.device), X.new_zeros(n)
        self.sums, self.counts, self.gain = X.new_zeros(k + 1, d), X.new_zeros(k + 1), 0.0
        norms = [torch.linalg.vector_norm(self._rows(rows), dim=1) for rows in self._doubtful()]
        self.norms = torch.cat(norms).square()  # (n,)
        require_squares(self.norms.mean() / d, X)

    def variance(self):
        """Return the mean variance of the features, once all points have left the last sum."""
        return self.norms.mean() / self.X.shape[1] - (self.sums[-1] / len(self.X)).square().mean()

    def _rows(self, rows):
        """Return these rows measured from the origin, in memory that the next call reuses."""
        if isinstance(rows, slice):
            A = self.X[rows]  # (r, d)
        else:
            A = torch.index_select(self.X, 0, rows, out=self.buffer[: len(rows)])
        return torch.sub(A, self.origin, out=self.buffer[: len(A)]) if self.far else A

    def _doubtful(self):
        """Return the rows with no slack left in blocks; all rows, as slices, if they are many."""
        rows, r = (self.slack <= 0).nonzero().squeeze(1), len(self.buffer)
        if 2 * len(rows) < len(self.X):
            return rows.split(r)
        return [slice(i, i + r) for i in range(0, len(self.X), r)]

    def assign(self):
        """Assign each point to the closest centroid; return the gain since the start.

        A point with slack left cannot have changed, and is not looked at (Hamerly 2010,
        doi:10.1137/1.9781611972801.12).
        """
        self.moved, compared = 0, _with_none(self.mu)
        for rows in self._doubtful() if self.counts.any() else ():
            self._measure(rows, compared)
        for rows in self._doubtful():  # few after the first rounds
            A = self._rows(rows)
            self._move(rows, A, torch.addmm(*compared, A.T, alpha=-2).min(0).indices)
        return self.gain

    def _measure(self, rows, compared):
        """Find the slack of these rows: their own centroid against the best of the others."""
        A, labels = self._rows(rows), self.labels[rows]  # (r, d), (r,)
        D2 = torch.addmm(*compared, A.T, alpha=-2)  # (k + 1, r), less ‖a‖²
        own = D2.gather(0, labels[None])[0]  # (r,), ∞ for a point not yet assigned
        best = D2.scatter_(0, labels[None], torch.inf).amin(0)  # (r,)
        near, far = ((self.norms[rows] + D).clamp_(min=0).sqrt_() for D in (own, best))
        rounding = torch.finfo(far.dtype).eps ** 0.5  # so that it never hides a tie
        self.slack[rows] = (1 - rounding) * far - near

    def _move(self, rows, A, labels):
        """Give these rows their labels, and take sums, counts and gain along."""
        old, k = self.labels[rows], len(self.mu)
        moved = (labels != old).nonzero().squeeze(1)  # (m,)
        T = A.new_zeros(k + 1, len(moved))  # (k + 1, m): −1 where a point leaves, 1 where it joins
        T.scatter_(0, old[None, moved], -1).scatter_(0, labels[None, moved], 1)
        self.labels[rows] = labels
        sums, counts = T @ A.index_select(0, moved), T.sum(1)
        self.sums, self.counts = self.sums + sums, self.counts + counts
        drop = 2 * self.mu * sums[:k] - self.mu.square() * counts[:k, None]  # of Σ ‖a − μ‖²
        self.gain += max(0.0, drop.sum().item())
        self.moved += len(moved)

    def update(self):
        """Recompute the centroids, the means of their points; return Σ_j ‖shift of μ_j‖²."""
        before = self.mu.clone()
        empty = (self.counts[:-1] == 0).nonzero().squeeze(1)
        if len(empty):
            self._fill(empty)
        sums, counts = self.sums[:-1], self.counts[:-1, None]
        means = torch.where(counts > 0, sums / counts, self.mu)  # (k, d)
        self.gain += (counts * (means - self.mu).square()).sum().item()
        self.mu = means
        shift = torch.linalg.vector_norm(means - before, dim=1)  # (k,)
        self.slack -= (shift + shift.max()).index_select(0, self.labels)
        return shift.square().sum()

    def _fill(self, empty):
        """Move each empty cluster to a point far from its centroid, the farthest first."""
        blocks = torch.arange(len(self.X), device=self.X.device).split(len(self.buffer))
        D2 = [(self._rows(i) - self.mu[self.labels[i]]).square().sum(1) for i in blocks]
        far, rows = (A.flip(0)[: len(empty)] for A in torch.cat(D2).sort(stable=True))
        empty, rows = empty[far > 0], rows[far > 0]
        self.mu[empty] = A = self.X[rows] - self.origin
        self._move(rows, A, empty)
