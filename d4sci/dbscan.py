"""DBSCAN: clusters are where it is crowded, and what stands alone is noise."""

import math
from dataclasses import dataclass

import torch

from d4sci.device import in_float64
from d4sci.distance import distance_blocks
from d4sci.engines.boxes import NeighborPairs
from d4sci.support.checks import require_between, require_matrix, require_positive


@dataclass(eq=False)
class DBSCAN:
    """Group points by density: core points within ε of each other share a cluster.

    neighbours     points at most ε apart, |x − y| ≤ ε; a point is a neighbour of itself
    core point     has at least MinPts neighbours
    cluster        core points that a chain of core points joins, each a neighbour of the next
    border point   not core, but a neighbour of a core point, whose cluster it joins
    noise          all others

    eps: ε, in the units of X.  min_samples: MinPts.
    `fit` sets labels_ (n,), the cluster of each point, −1 for noise; clusters are numbered by their
    first core point; and core_sample_indices_, the rows of the core points, ascending.
    A border point that several clusters reach joins the one with the lowest number, so that only
    there the order of the rows matters.
    Raises TypeError or ValueError unless eps is positive and finite, min_samples whole and ≥ 1.
    Source: Ester, Kriegel, Sander and Xu 1996, KDD'96, 226; Schubert et al. 2017,
    doi:10.1145/3068335; what it must cost: Gan and Tao 2015, doi:10.1145/2723372.2737792.
    """

    eps: float = 0.5
    min_samples: int = 5

    def fit(self, X):
        """Find the clusters.  X: floating point, (n, d)."""
        self._check(X)
        # In float64 the difference of two float32 numbers is exact, or nearly so.
        X, device = in_float64(X.detach()), X.device
        n, points = len(X), torch.arange(len(X), device=X.device)  # (n,)

        # 1. Find the pairs of neighbours. A lambda says what a step does not need: it puts points
        #    into groups, and where neighbours are many, pairs inside a group are left out.
        neighbors = NeighborPairs(X, self.eps)

        # 2. Core points have at least MinPts neighbours, themselves included.
        #    (Points with enough of them are one group, number n.)
        count = torch.ones_like(points)  # (n,)
        for i, j in neighbors.pairs(lambda p: torch.where(count[p] < self.min_samples, p, n)):
            both = torch.cat([i, j])
            count.index_add_(0, both, torch.ones_like(both))
        core = count >= self.min_samples  # (n,)

        # 3. Core points that are neighbours share a cluster, known by its first point, the root.
        #    (A cluster is a group; −1: of no interest.)
        root = points.clone()  # (n,)
        for i, j in neighbors.pairs(lambda p: torch.where(core[p], _find_root(root, p), -1)):
            both_core = core.gather(0, i) & core.gather(0, j)
            _join(root, i, torch.where(both_core, j, i))
        labels = torch.full_like(points, n)  # (n,)
        labels[core] = _find_root(root, points[core]).unique(return_inverse=True)[1]

        # 4. A border point joins the first cluster that reaches it.
        #    (The core points are one group.)
        for i, j in neighbors.pairs(lambda p: torch.where(core[p], n, p)):
            one_core = core.gather(0, i) != core.gather(0, j)
            i, j = i[one_core], j[one_core]
            inner, border = torch.where(core[i], i, j), torch.where(core[i], j, i)
            labels.scatter_reduce_(0, border, labels[inner], "amin")

        # The rest is noise.
        self.labels_ = labels.masked_fill(labels == n, -1).to(device)
        self.core_sample_indices_ = points[core].to(device)
        return self

    def fit_predict(self, X):
        """Return `fit(X).labels_`."""
        return self.fit(X).labels_

    def _check(self, X):
        require_matrix(X)
        require_positive("eps", self.eps, "k_distances(X, min_samples) shows what is usual")
        require_between("min_samples", self.min_samples, 1, math.inf)


def k_distances(X, k):
    """Return each point's distance to its k-th nearest point, ascending, (n,).

    The point itself counts as the first, as it does in min_samples: with k = min_samples a point
    is core where its k-distance is at most eps. A good ε lies where the sorted distances bend up.
    X: (n, d).  k: whole number, 1 ≤ k ≤ n, else TypeError or ValueError.
    Source: Ester, Kriegel, Sander and Xu 1996, KDD'96, 226.
    """
    require_matrix(X)
    require_between("k", k, 1, len(X))
    nearest = (D.topk(k, largest=False).values for _, D in distance_blocks(X.detach()))  # (r, k)
    return torch.cat([D[:, -1].clone() for D in nearest]).sort().values


def _find_root(root, p):
    """Follow the pointers of points p, (m,), to the roots of their clusters, and shorten the way.

    root: (n,); a root points to itself, any other point to an earlier one of its cluster.
    """
    goal = root.gather(0, p)  # root[p]
    while not torch.equal(goal, further := root.gather(0, goal)):
        goal = further
    root.scatter_(0, p, goal)
    return goal


def _join(root, i, j):
    """Join the clusters of i[k] and j[k] for all k, in place: the later root points to the earlier.

    Where a root could point to several others, one wins; the rest follows in the next round.
    """
    while len(i):
        i, j = _find_root(root, i), _find_root(root, j)
        apart = (i != j).nonzero().squeeze(1)
        i, j = i.gather(0, apart), j.gather(0, apart)  # i[apart], several times as fast
        late = torch.maximum(i, j)
        root.scatter_(0, late, torch.minimum(i, j))
        # Now there are chains, root after root. Each round of jumps makes them half as long.
        while not torch.equal(goal := root.gather(0, late), further := root.gather(0, goal)):
            root.scatter_(0, late, further)
