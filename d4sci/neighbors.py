"""K nearest neighbours: a new point joins the class of most of the points closest to it."""

from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from d4sci.distance import distance_blocks, unit_rows
from d4sci.engines.screened import nearest
from d4sci.estimator import Classifier
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
)
from d4sci.support.labels import encode_labels


@dataclass(eq=False, repr=False)
class KNeighborsClassifier(Classifier):
    """Predict the class with the most votes among the k training rows closest to x.

    P(c | x) = Σ_i∈N(x) w_i [y_i = c] / Σ_i∈N(x) w_i

    n_neighbors: k.  metric: "euclidean", "manhattan" or "cosine", as in `distances`.
    weights: "uniform", w = 1; or "distance", w = 1 / distance, where training rows at distance 0
    leave the others no vote.
    algorithm: how to find the neighbours. Both ways find the same.
        "brute"     compute all distances, sort them, take the first k: the plain path, below.
        "screened"  pick candidates by products of matrices, which are quick but rounded, and
                    compute the distances of these (d4sci/engines/screened.py).
    Ties: of equally close rows the lower index is nearer; of equal votes the lowest label wins.
    `fit` sets classes_ (c,), ascending, and n_features_in_. It keeps X itself, no copy, so leave X
    as it is; but for "cosine" a copy with rows of length 1.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, RuntimeError before
    `fit`.
    Source: Fix and Hodges 1951; Cover and Hart 1967, doi:10.1109/TIT.1967.1053964; weights:
    Dudani 1976, doi:10.1109/TSMC.1976.5408784.
    """

    n_neighbors: int = 5
    _: KW_ONLY
    metric: str = "euclidean"
    weights: str = "uniform"
    algorithm: str = "screened"

    def fit(self, X: Tensor, y: Tensor) -> Self:
        """Memorise the data.  X: (n, d), n ≥ k.  y: labels, integer or bool, (n,)."""
        self._validate(X, y)
        rows = X.detach()
        if self.metric == "cosine":
            rows = _directions(rows, zero=0)
        classes, codes = encode_labels(y, X.device)  # (c,), (n,)
        n_features = X.shape[1]
        self.classes_, self._rows, self._codes = classes, rows, codes
        self.n_features_in_ = n_features
        return self

    def kneighbors(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distances to the k nearest training rows, ascending, and their indices.

        X: (q, d) → (q, k), (q, k).
        """
        require_fitted(self, "classes_")
        require_matrix(X, n_features=self.n_features_in_)
        X, Y = X.detach(), self._rows.to(X)
        if self.metric == "cosine":  # 1 − cos = ½ |x/‖x‖ − y/‖y‖|²
            D, indices = self._find(_directions(X, zero=1), Y, "euclidean")
            return D.square() / 2, indices
        return self._find(X, Y, self.metric)

    def _find(self, X, Y, metric):
        """Return the k least distances from each row of X to the rows of Y, and their indices."""
        k = self.n_neighbors
        if self.algorithm == "screened":
            return nearest(X, Y, k, metric=metric)
        distances, indices = [], []
        for _, D in distance_blocks(X, Y, metric=metric):  # (r, n), a few rows at a time
            D, order = D.sort(dim=1, stable=True)  # stable: of equals the lower index stays first
            distances.append(D[:, :k].clone())  # a copy, so that the block can go
            indices.append(order[:, :k].clone())
        return torch.cat(distances), torch.cat(indices)

    def predict_proba(self, X: Tensor) -> Tensor:
        """Return the share of each class in the votes.  X: (q, d) → (q, c)."""
        D, indices = self.kneighbors(X)  # (q, k)
        w = torch.ones_like(D)
        if self.weights == "distance":
            w = (D[:, :1] / D).nan_to_num(1)  # ∝ 1 / D, at most 1; 0 / 0: the row itself
        codes = self._codes.to(D.device)[indices]  # (q, k), the classes of the neighbours
        votes = D.new_zeros(len(D), len(self.classes_))
        votes.scatter_add_(1, codes, w)
        return votes / w.sum(1, keepdim=True)

    def predict(self, X: Tensor) -> Tensor:
        """Return the class with the most votes.  X: (q, d) → labels like those of `fit`, (q,)."""
        winners = self.predict_proba(X).argmax(1)  # (q,), the first of equals
        return self.classes_.to(X.device)[winners]

    def _validate(self, X, y):
        require_matrix(X)
        require_classes(y, len(X))
        require_between("n_neighbors", self.n_neighbors, 1, len(X))
        require_choice("metric", self.metric, ("euclidean", "manhattan", "cosine"))
        require_choice("weights", self.weights, ("uniform", "distance"))
        require_choice("algorithm", self.algorithm, ("brute", "screened"))


def _directions(X, zero):
    """Return x / ‖x‖ with two more columns, (n, d + 2), 0 but for a row that has no direction.

    Such a row gets column `zero` for its own, at a right angle to all else: cosine distance 1.
    """
    U = pad(unit_rows(X), (0, 2))
    U[:, X.shape[1] + zero] = (~X.any(1)).to(X)
    return U
