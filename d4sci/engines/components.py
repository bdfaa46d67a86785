"""DBSCAN on pairs of neighbours: core points by counting, clusters as connected components."""

import torch
from torch import Tensor

from d4sci.engines.boxes import NeighborPairs


def density_clusters(X: Tensor, eps: float, min_samples: int) -> tuple[Tensor, Tensor]:
    """Return the cluster of each row, −1 for noise, and which rows are core points, (n,), (n,).

    What comes out is what DBSCAN with a queue gives; the pairs of neighbours may come in any order.
    X: float64, (n, d).  eps: ε.  min_samples: MinPts.
    """
    n = len(X)
    points = torch.arange(n, device=X.device)  # (n,)
    neighbors = NeighborPairs(X, eps)

    # 1. Core points have at least MinPts neighbours, themselves included.
    counts = NeighborCounts(points, min_samples)
    for i, j in neighbors.pairs(counts):
        counts.add(i, j)
    core = counts.enough()  # (n,)

    # 2. Core points that are neighbours share a cluster. They are numbered by their first points.
    components = Components(points, core)
    for i, j in neighbors.pairs(components):
        both_core = core.gather(0, i) & core.gather(0, j)
        components.join(i, torch.where(both_core, j, i))  # i with itself: nothing to join
    labels = torch.full_like(points, n)  # (n,), n: of no cluster
    labels[core] = components.find(points[core]).unique(return_inverse=True)[1]

    # 3. A border point joins the first cluster that reaches it. What none reaches is noise.
    for i, j in neighbors.pairs(CoreOrNot(points, core)):
        one_core = core.gather(0, i) != core.gather(0, j)
        i, j = i[one_core], j[one_core]
        inner, border = torch.where(core[i], i, j), torch.where(core[i], j, i)
        labels.scatter_reduce_(0, border, labels[inner], "amin")
    return labels.masked_fill(labels == n, -1), core


# Each step puts the points into groups, in a way of its own. It has no need of pairs inside a
# group, and `NeighborPairs` leaves out what it can of them. `of` tells the groups of some points.


class NeighborCounts:
    """How many neighbours each point has, itself included; points with enough are one group."""

    def __init__(self, points: Tensor, min_samples: int) -> None:
        self.count = torch.ones_like(points)
        self.min_samples = min_samples

    def add(self, i: Tensor, j: Tensor) -> None:
        """Count the pairs i, j (m,), for both."""
        both = torch.cat([i, j])
        self.count.index_add_(0, both, torch.ones_like(both))

    def enough(self) -> Tensor:
        """Return which points have enough, (n,)."""
        return self.count >= self.min_samples

    def of(self, rows: Tensor) -> Tensor:
        """Return n for those with enough, and a group of its own for any other point."""
        return torch.where(self.count[rows] < self.min_samples, rows, len(self.count))


class Components:
    """Clusters of core points that grow together, each known by its first point, its root.

    root: (n,); a root points to itself, any other point to an earlier one of its cluster.
    Source: Tarjan 1975, doi:10.1145/321879.321884, for the pointers and for shortening them.
    """

    def __init__(self, points: Tensor, core: Tensor) -> None:
        self.root = points.clone()
        self.core = core

    def of(self, rows: Tensor) -> Tensor:
        """Return the roots of core points, −1 for others, which join no clusters."""
        return torch.where(self.core[rows], self.find(rows), -1)

    def find(self, rows: Tensor) -> Tensor:
        """Follow the pointers of rows, (m,), to the roots of their clusters; shorten the way."""
        goal = self.root.gather(0, rows)  # root[rows]
        further = self.root.gather(0, goal)
        while not torch.equal(goal, further):
            goal, further = further, self.root.gather(0, further)
        self.root.scatter_(0, rows, goal)
        return goal

    def join(self, i: Tensor, j: Tensor) -> None:
        """Join the clusters of i[k] and j[k] for all k: the later root points to the earlier.

        Where a root could point to several others, one wins; the rest follows in the next round.
        """
        while len(i):
            i, j = self.find(i), self.find(j)
            apart = (i != j).nonzero().squeeze(1)
            i, j = i.gather(0, apart), j.gather(0, apart)  # i[apart], several times as fast
            late = torch.maximum(i, j)
            self.root.scatter_(0, late, torch.minimum(i, j))
            self._halve_chains(late)

    def _halve_chains(self, late):
        """Let late roots, chained to each other, point to the last: each round halves the way."""
        goal = self.root.gather(0, late)
        further = self.root.gather(0, goal)
        while not torch.equal(goal, further):
            self.root.scatter_(0, late, further)
            goal = self.root.gather(0, late)
            further = self.root.gather(0, goal)


class CoreOrNot:
    """The core points as one group, and each other point as a group of its own."""

    def __init__(self, points: Tensor, core: Tensor) -> None:
        self.group = torch.where(core, len(points), points)  # (n,)

    def of(self, rows: Tensor) -> Tensor:
        """Return n for core points, and a group of its own for any other point."""
        return self.group[rows]
