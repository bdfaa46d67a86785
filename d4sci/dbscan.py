"""DBSCAN: clusters are where it is crowded, and what stands alone is noise."""

import math
from dataclasses import dataclass

import torch

from d4sci.checks import check_between, check_matrix
from d4sci.distance import distance_blocks


@dataclass(eq=False)
class DBSCAN:
    """Group points by density: core points within ε of each other share a cluster.

    eps: ε, the radius of a neighbourhood; a point at distance ε belongs to it.
    min_samples: MinPts, the points that a core point's neighbourhood holds at least, itself too.
    `fit` sets labels_ (n,), the cluster of each point, −1 for noise; clusters are numbered by their
    first core point; and core_sample_indices_, the rows of the core points, ascending.
    A border point that several clusters reach joins the one with the lowest number.
    All pairs are compared, a block of rows at a time: the memory is bounded, the time grows as n².
    Raises TypeError or ValueError for an X or a parameter that does not fit.
    Source: Ester, Kriegel, Sander and Xu 1996, KDD'96, 226; Schubert et al. 2017,
    doi:10.1145/3068335.
    """

    eps: float = 0.5
    min_samples: int = 5

    def fit(self, X):
        """Find the clusters.  X: (n, d)."""
        check_matrix(X)
        if not 0 < self.eps < math.inf:
            raise ValueError(f"eps must be positive and finite, got {self.eps}")
        check_between("min_samples", self.min_samples, 1, math.inf)
        X = X.detach()
        n = len(X)
        # 1 find the points within ε; 2 a core point has at least MinPts of them
        core = torch.cat([near.sum(1) for _, near in self._neighborhoods(X)]) >= self.min_samples
        # 3 core points within ε of each other share a cluster: they get one root, its first row
        root = torch.arange(n, device=X.device)  # (n,)
        for rows, near in self._neighborhoods(X):
            new = near & core[rows, None] & core & (root[rows, None] != root)  # (r, n)
            i, j = new.nonzero().T
            join(root, i + rows.start, j)
        labels = torch.full_like(root, n)  # (n,)
        labels[core] = root[core].unique(return_inverse=True)[1]
        # 4 a border point joins a cluster that reaches it; the rest is noise
        reached = [
            torch.where(near & core, labels, n).amin(1) for _, near in self._neighborhoods(X)
        ]
        labels = torch.where(core, labels, torch.cat(reached))
        self.labels_ = labels.masked_fill(labels == n, -1)
        self.core_sample_indices_ = core.nonzero()[:, 0]
        return self

    def fit_predict(self, X):
        """Return `fit(X).labels_`."""
        return self.fit(X).labels_

    def _neighborhoods(self, X):
        """Yield a slice `rows` and who is within ε of each of them, (r, n)."""
        for rows, D in distance_blocks(X):
            yield rows, self.eps >= D


def join(root, i, j):
    """Give the members of each pair (i, j) the same root, in place, and all who shared theirs.

    root: (n,), the first row known to be in the same group; roots point to themselves.
    Of two roots the larger is hung below the smaller, until all pairs agree.
    """
    while not torch.equal(root[i], root[j]):
        low, high = torch.minimum(root[i], root[j]), torch.maximum(root[i], root[j])
        root.scatter_reduce_(0, high, low, "amin")
        while not torch.equal(root, root[root]):  # everybody moves up to the root's root
            root.copy_(root[root])


def k_distances(X, k):
    """Return each point's distance to its k-th nearest point, ascending, (n,).

    The point itself counts as the first, as it does in min_samples: with k = min_samples a point
    is core where its k-distance is at most eps.  X: (n, d).  Raises ValueError unless 1 ≤ k ≤ n.
    """
    check_matrix(X)
    check_between("k", k, 1, len(X))
    return torch.cat([D.kthvalue(k, dim=1).values for _, D in distance_blocks(X)]).sort().values
