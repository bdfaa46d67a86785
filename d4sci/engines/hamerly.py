"""K-Means by Hamerly's bound: a round looks only at points that may have changed centroid.

The same labels, rounds and centroids as the plain loop of `KMeans`, sooner: after a few
rounds nearly all points are so much closer to their own centroid than to any other that no
distance of theirs has to be measured again. Two more savings: scores by a matrix product instead
of distances by differences, and sums that change by the points that move instead of new ones.
Source: Hamerly 2010, "Making k-means even faster", doi:10.1137/1.9781611972801.12.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.distance import euclidean
from d4sci.engines.moments import near_zero
from d4sci.support.checks import require_squares

BLOCK_NUMBERS = 1_600_000  # coordinates and scores at a time: about as many as the cache holds


def hamerly(
    X: Tensor,
    start: Tensor,
    max_iter: int,
    tol: float,
    refill: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor, list[float]]:
    """Return what the plain loop returns: centroids (k, d), labels (n,), the inertia's history.

    X: (n, d), best near 0, where squares keep their digits.  start: (k, d).
    max_iter: the most rounds.
    tol: stop when Σ_j ‖shift of μ_j‖² ≤ tol · (mean variance of the features).
    refill: (X, centroids, labels) → labels without an empty cluster.
    The last inertia is measured from the distances. Those before it differ from it by what the
    sums and counts of each round tell, in float64, so none has to be measured.
    """
    clusters = _Clusters(X, start)
    require_squares(clusters.square, X)
    tolerance = tol * clusters.variance
    spread = [clusters.spread()]
    for _ in range(max_iter):
        if (clusters.counts == 0).any():
            clusters.relabel(refill(X, clusters.centers, clusters.labels))
        shift = clusters.update()
        clusters.assign()
        spread.append(clusters.spread())
        if shift <= tolerance:
            break
    inertia = own_distances(X, clusters.centers, clusters.labels).sum().item()
    history = [inertia + (value - spread[-1]) for value in spread]
    return clusters.centers, clusters.labels, history


def nearest_centroid(X: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the closest centroid of each row, the lowest among equals, and D² to it; both (n,)."""
    X, origin = near_zero(X)
    centers = centers - origin
    labels = _Clusters(X, centers).labels
    return labels, own_distances(X, centers, labels)


def own_distances(X: Tensor, centers: Tensor, labels: Tensor) -> Tensor:
    """Return D² of each row to the centroid of its label, (n,), exact near zero."""
    r = _block_size(centers)
    D2 = X.new_empty(len(X))
    for start in range(0, len(X), r):
        rows = slice(start, start + r)
        difference = X[rows] - centers.index_select(0, labels[rows])  # (r, d)
        D2[rows] = difference.square_().sum(1)
    return D2


def _block_size(centers):
    """Return how many rows fill a block with their coordinates and their scores."""
    return max(300, BLOCK_NUMBERS // sum(centers.shape))


def _not_positive(slack):
    """Return where the slack is 0, less, or no number, (u,)."""
    return (~(slack > 0)).nonzero().squeeze(1)


def _take(values, rows):
    """Return the values, (n,), of these rows, a slice or numbers; faster than values[numbers]."""
    return values[rows] if isinstance(rows, slice) else values.index_select(0, rows)


def _number(rows, some):
    """Return the numbers of some of these rows, a slice or numbers; some: positions, (u,)."""
    return some + rows.start if isinstance(rows, slice) else rows.index_select(0, some)


class _Clusters:
    """Where the centroids are, which points are theirs, and how long that is sure to stay so.

    centers: the centroids μ, (k, d).  labels: the index of each point's own centroid, (n,).
    sums, counts: Σ x and the number of the points with each label, (k, d) in float64 and (k,).
    slack: by how much at least the second-closest centroid of a point is farther than its own,
    (n,); 0 or less where that is not sure.

    Scores: ‖x − μ‖² = ‖x‖² + (‖μ‖² − 2 x·μ), the score in parentheses.
    """

    def __init__(self, X: Tensor, start: Tensor) -> None:
        """Assign each point to the closest centroid of the start."""
        n, d = X.shape
        self.X = X
        self.r = _block_size(start)
        self.buffer = X.new_empty(min(n, self.r), d)
        self.labels = torch.zeros(n, dtype=torch.long, device=X.device)
        self.slack = X.new_empty(n)
        self.norms = X.new_empty(n)  # ‖x‖²
        self.sums = in_float64(torch.zeros_like(start))
        # A product of d terms is wrong by some √d units in its last place, of x² or more.
        self.rounding = 4 * math.sqrt(d) * torch.finfo(X.dtype).eps
        self._place(start)
        self._assign_all()

    def _assign_all(self):
        """Assign each point to the closest centroid; find sums, counts and the variance of X."""
        n, d = self.X.shape
        for first in range(0, n, self.r):
            rows = slice(first, first + self.r)
            points = self._rows(rows)
            self.norms[rows] = torch.linalg.vector_norm(points, dim=1).square_()
            labels, self.slack[rows] = self._closest(rows, self._scores(points))
            self._settle(rows, labels)
            self.labels[rows] = labels
            self.sums.index_add_(0, labels.to(self.sums.device), in_float64(points))
        self.counts = self.labels.bincount(minlength=len(self.centers))
        # The variance comes out of the norms. The plain loop's `mean_variance` would take two more
        # passes over X, a tenth of the time of a fit.
        self.square = self.norms.mean() / d  # mean of the squared entries
        mean = self.sums.sum(0).to(self.X) / n  # (d,)
        self.variance = (self.square - mean.square().mean()).clamp(min=0)

    def assign(self) -> None:
        """Assign each point to the closest centroid; those with slack left keep theirs."""
        found = []
        for rows in self._blocks(_not_positive(self.slack)):
            scores = self._scores(self._rows(rows))  # (k, r)
            labels = _take(self.labels, rows)  # (r,)
            own = scores.gather(0, labels[None])[0]  # (r,)
            others = scores.scatter_(0, labels[None], torch.inf).amin(0)  # (r,)
            slack = self._gap(rows, own, others)
            self.slack[rows] = slack
            again = _not_positive(slack)  # (u,)
            if len(again):
                scores = scores.index_select(1, again)  # (k, u)
                old, own = labels.index_select(0, again), own.index_select(0, again)  # (u,)
                scores.scatter_(0, old[None], own[None])
                numbers = _number(rows, again)
                labels, slack = self._closest(numbers, scores)
                self.slack.index_copy_(0, numbers, slack)
                found.append((numbers, labels))
        if found:
            rows = torch.cat([rows for rows, _ in found])
            labels = torch.cat([labels for _, labels in found])
            self._settle(rows, labels)
            moved = (labels != _take(self.labels, rows)).nonzero().squeeze(1)
            self._move(rows.index_select(0, moved), labels.index_select(0, moved))

    def update(self) -> Tensor:
        """Move each centroid to the mean of its points; return Σ_j ‖shift of μ_j‖²."""
        counts = self.counts.to(self.sums)[:, None]
        means = torch.where(counts > 0, self.sums / counts, in_float64(self.centers))  # (k, d)
        before = self.centers
        self._place(means.to(before))
        shift = torch.linalg.vector_norm(self.centers - before, dim=1)  # (k,)
        # At most, its own centroid is farther by its shift, another one closer by the largest.
        self.slack -= (shift + shift.max()).index_select(0, self.labels)
        return shift.square().sum()

    def spread(self) -> float:
        """Return Σ ‖x − μ‖² − Σ ‖x‖² over all points, the inertia up to a constant, in float64."""
        counts = self.counts.to(self.sums)[:, None]  # (k, 1)
        mu = in_float64(self.centers)  # (k, d)
        return (counts * mu.square() - 2 * mu * self.sums).sum().item()

    def relabel(self, labels: Tensor) -> None:
        """Take these labels, (n,), for which the bounds say nothing."""
        rows = (labels != self.labels).nonzero().squeeze(1)
        self._move(rows, labels[rows])
        self.slack[rows] = 0

    def _place(self, centers):
        """Put the centroids there."""
        self.centers = centers
        self.center_norms = centers.square().sum(1, keepdim=True)  # (k, 1)

    def _blocks(self, rows):
        """Return these rows in blocks; all rows, as slices, if they are many."""
        if 2 * len(rows) < len(self.X):
            return rows.split(self.r)
        return [slice(first, first + self.r) for first in range(0, len(self.X), self.r)]

    def _rows(self, rows):
        """Return these rows, (r, d), in memory that the next call reuses."""
        if isinstance(rows, slice):
            return self.X[rows]
        return torch.index_select(self.X, 0, rows, out=self.buffer[: len(rows)])

    def _scores(self, points):
        """Return ‖μ‖² − 2 x·μ for each centroid and row, (k, r).  points: (r, d)."""
        return torch.addmm(self.center_norms, self.centers, points.T, alpha=-2)

    def _gap(self, rows, own, others):
        """Return the slack of these rows, less what rounding may have done to their scores."""
        norms = _take(self.norms, rows)
        near = (own + norms * (1 + self.rounding)).clamp_(min=0).sqrt_()
        far = (others + norms * (1 - self.rounding)).clamp_(min=0).sqrt_()
        return far * (1 - torch.finfo(far.dtype).eps ** 0.5) - near

    def _closest(self, rows, scores):
        """Return the closest centroid of these rows, the lowest among equals, and their slack."""
        own, labels = scores.min(0)  # (r,), (r,)
        others = scores.scatter_(0, labels[None], torch.inf).amin(0)  # (r,)
        return labels, self._gap(rows, own, others)

    def _settle(self, rows, labels):
        """Correct the labels of these rows, (r,), by differences where scores leave a doubt."""
        unsure = _not_positive(_take(self.slack, rows))  # (u,)
        if len(unsure) == 0:
            return
        for some in unsure.split(self.r):
            points = self.X.index_select(0, _number(rows, some))
            labels[some] = euclidean(points, self.centers).min(1).indices

    def _move(self, rows, labels):
        """Give these rows these labels, and the sums and counts their part."""
        k = len(self.counts)
        old = _take(self.labels, rows)
        for block, leave, join in zip(
            rows.split(self.r), old.split(self.r), labels.split(self.r), strict=True
        ):
            points = in_float64(self.X.index_select(0, block))  # (r, d)
            self.sums.index_add_(0, leave.to(points.device), points, alpha=-1)
            self.sums.index_add_(0, join.to(points.device), points)
        self.counts += labels.bincount(minlength=k) - old.bincount(minlength=k)
        self.labels[rows] = labels
