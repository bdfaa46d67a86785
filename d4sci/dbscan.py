"""DBSCAN: clusters are dense regions; isolated points are noise."""

import math
import sys
from collections import deque
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.distance import distance_blocks, suitable_unit
from d4sci.engines.boxes import squares_of_pairs
from d4sci.engines.components import density_clusters
from d4sci.estimator import Clusterer
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_matrix,
    require_positive,
)

NOISE = -1


@dataclass(eq=False, repr=False)
class DBSCAN(Clusterer):
    """Group points by density: core points within ε of each other share a cluster.

    neighbours     points at most ε apart, |x − y| ≤ ε; a point is a neighbour of itself
    core point     has at least MinPts neighbours
    cluster        core points that a chain of core points joins, each a neighbour of the next
    border point   not core, but a neighbour of a core point, whose cluster it joins
    noise          all others

    eps: ε, in the units of X.  min_samples: MinPts.
    algorithm: how to find the clusters. Both ways give the same labels.
        "queue"  go from point to point, with a queue of those to go on from: the plain path, below.
        "boxes"  find the pairs of neighbours box by box, and join them (d4sci/engines/boxes.py and
                 components.py); many times as fast.
    `fit` sets labels_ (n,), the cluster of each point, −1 for noise; clusters are numbered by their
    first core point; core_sample_indices_, the rows of the core points, ascending; n_features_in_.
    A border point that several clusters reach joins the one with the lowest number, so that only
    there the order of the rows matters.
    Distances are computed in float64, where a difference below 1e-162 of ordinary numbers is 0.
    Raises TypeError or ValueError unless eps is positive and finite, min_samples whole and ≥ 1.
    Source: Ester, Kriegel, Sander and Xu 1996, KDD'96, 226; Schubert et al. 2017,
    doi:10.1145/3068335; what it must cost: Gan and Tao 2015, doi:10.1145/2723372.2737792.
    """

    eps: float = 0.5
    min_samples: int = 5
    algorithm: str = "boxes"

    def fit(self, X: Tensor, y: None = None) -> Self:
        """Find the clusters.  X: floating point, (n, d).  y: ignored, as in scikit-learn."""
        self._validate(X)
        # In float64 the difference of two float32 numbers is exact, or nearly so.
        points = in_float64(X.detach())
        unit = suitable_unit(points)  # 1, but for numbers whose squares leave float64
        points, eps = points / unit, self.eps / unit
        if self.algorithm == "queue":
            labels, core = self._expand_clusters(points, eps)  # (n,), (n,)
        else:
            labels, core = density_clusters(points, eps, self.min_samples)
        labels, core_rows = labels.to(X.device), core.nonzero().squeeze(1).to(X.device)
        n_features = X.shape[1]
        self.labels_, self.core_sample_indices_ = labels, core_rows
        self.n_features_in_ = n_features
        return self

    def _expand_clusters(self, X, eps):
        """Return the cluster of each point and which points are core, (n,), (n,)."""
        labels = torch.full((len(X),), NOISE, device=X.device)  # until a cluster reaches the point
        core = torch.zeros(len(X), dtype=torch.bool, device=X.device)
        cluster = 0
        for start in range(len(X)):
            if labels[start] != NOISE:
                continue  # already in a cluster
            queue = deque([start])  # points to expand the cluster from
            while queue:
                p = queue.popleft()
                neighbors = self._find_neighbors(X, p, eps)
                if len(neighbors) < self.min_samples:
                    continue  # not core: nothing to expand
                core[p] = True
                reached = neighbors[labels[neighbors] == NOISE]
                labels[reached] = cluster
                queue.extend(reached.tolist())
            if core[start]:
                cluster += 1
        return labels, core

    def _find_neighbors(self, X, p, eps):
        """Return the points at most ε from point p, itself among them: Σ_f (x_f − p_f)² ≤ ε²."""
        # Added up feature by feature, as the engine does: a sum in another order may round another
        # way, and then points exactly ε apart would be neighbours for one of the two paths only.
        squares = torch.zeros_like(X[:, 0])  # (n,)
        for x in X.T:  # a feature, (n,)
            squares += (x - x[p]).square()
        # Where ε² overflows to ∞ the largest number stands for it: a sum that overflows is too far.
        limit = min(eps * eps, sys.float_info.max)
        return (squares <= limit).nonzero().squeeze(1)

    def _validate(self, X):
        require_matrix(X)
        require_positive("eps", self.eps, "k_distances(X, min_samples) shows what is usual")
        require_between("min_samples", self.min_samples, 1, math.inf)
        require_choice("algorithm", self.algorithm, ("queue", "boxes"))


def k_distances(X: Tensor, k: int) -> Tensor:
    """Return each point's distance to its k-th nearest point, ascending, (n,).

    The point itself counts as the first, as it does in min_samples: with k = min_samples a point
    is core where its k-distance is at most eps. To keep that true to the last digit, distances are
    rounded up to the dtype of X. A good ε lies where the sorted distances bend up.
    X: (n, d).  k: whole number, 1 ≤ k ≤ n, else TypeError or ValueError.
    Source: Ester, Kriegel, Sander and Xu 1996, KDD'96, 226.
    """
    require_matrix(X)
    require_between("k", k, 1, len(X))
    points = in_float64(X.detach())
    unit = suitable_unit(points)  # as DBSCAN has it
    points = points / unit
    kth = []
    for rows, D in distance_blocks(points):  # (r, n)
        nearest = D.topk(k, largest=False).indices  # (r, k)
        own = torch.arange(len(points), device=points.device)[rows, None]  # (r, 1)
        kth.append(squares_of_pairs(points.T, own, nearest).amax(1))  # as DBSCAN rounds them
    return _rounded_root(torch.cat(kth), unit, X.dtype).sort().values.to(X.device)


def _rounded_root(squares, unit, dtype):
    """Return the least distances of this dtype that are no less than these roots, in this unit."""
    root = (squares.sqrt() * unit).to(dtype)
    short = (root.double() / unit).square() < squares
    return torch.where(short, root.nextafter(torch.full_like(root, torch.inf)), root)
