"""K nearest neighbours: a new point joins the class of most of the points closest to it."""

from dataclasses import KW_ONLY, dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from d4sci.distance import distance_blocks, suitable_unit, unit_rows
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

    N(x): the k training rows closest to x.  [y_i = c]: 1 if row i is of class c, else 0.
    n_neighbors: k.
    metric: "euclidean", "manhattan" or "cosine", as in `distances`; what counts is what it is when
    `fit` is called.
    weights: "uniform", w = 1; or "distance", w = 1 / distance, where training rows at distance 0
    leave the others no vote.
    algorithm: how to find the neighbours. Both ways find the same.
        "brute"     compute all distances, sort them, take the first k: the plain path, below.
        "screened"  pick candidates by products of matrices, which are quick but rounded, and
                    compute the distances of these (d4sci/engines/screened.py).
    Ties: of equally close rows the lower index is nearer; of equal votes the lowest label wins.
    `fit` sets classes_ (c,), ascending, and n_features_in_. It keeps X itself, no copy, so leave X
    as it is; but for "cosine" a copy with rows of length 1.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, and for an X beside
    whose largest numbers the squares of small distances vanish; RuntimeError before `fit`.
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
        self._validate(X, X)
        require_classes(y, len(X))
        training, unit = X.detach(), 1.0
        if self.metric == "cosine":
            training = _directions(training)
        if self.metric == "euclidean":
            unit = suitable_unit(training)
        if unit != 1:  # tiny or huge numbers
            training = training / unit
        classes, codes = encode_labels(y, X.device)  # (c,), (n,)
        n_features = X.shape[1]
        self.classes_, self._training, self._codes = classes, training, codes
        self._metric, self._unit, self.n_features_in_ = self.metric, unit, n_features
        return self

    def kneighbors(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distances to the k nearest training rows, ascending, and their indices.

        X: (q, d) → (q, k), (q, k).
        """
        require_fitted(self, "classes_")
        self._validate(X, self._training, self.n_features_in_)
        X, training = X.detach(), self._training.to(X)
        if self._metric == "cosine":  # 1 − cos = ½ |x/‖x‖ − y/‖y‖|²
            D, indices = self._find(_directions(X), training, "euclidean")
            D, zero = D.square() / 2, ~X.any(1)
            D[zero] = 1  # a row of zeros has no direction: all training rows are equally far
            indices[zero] = torch.arange(self.n_neighbors, device=X.device)
            return D, indices
        if self._metric == "manhattan":
            return self._find(X, training, "manhattan")
        X = X / self._unit
        D, indices = self._find(X, training, "euclidean")
        _require_told_apart(X, training, D, indices)
        return D * self._unit, indices

    def _find(self, X, training, metric):
        """Return the distances from rows of X to the k nearest training rows, and their indices."""
        k = self.n_neighbors
        if self.algorithm == "screened":
            return nearest(X, training, k, metric=metric)
        distances, indices = [], []
        for _, D in distance_blocks(X, training, metric=metric):  # (r, n), a few rows at a time
            D, order = D.sort(dim=1, stable=True)  # stable: of equals the lower index stays first
            distances.append(D[:, :k].clone())  # a copy, so that the block can go
            indices.append(order[:, :k].clone())
        return torch.cat(distances), torch.cat(indices)

    def predict_proba(self, X: Tensor) -> Tensor:
        """Return the share of each class in the votes.  X: (q, d) → (q, c)."""
        D, indices = self.kneighbors(X)  # (q, k)
        w = torch.ones_like(D)
        if self.weights == "distance":
            closest = D[:, :1]
            w = closest / D  # ∝ 1 / D, and never above 1, so that nothing overflows
            w[w.isnan()] = 1  # 0 / 0: a training row equal to x, the others get 0; and ∞ / ∞
        codes = self._codes.to(D.device)[indices]  # (q, k), the classes of the neighbours
        votes = D.new_zeros(len(D), len(self.classes_))
        votes.scatter_add_(1, codes, w)  # votes[q, codes[q, j]] += w[q, j]
        return votes / w.sum(1, keepdim=True)

    def predict(self, X: Tensor) -> Tensor:
        """Return the class with the most votes.  X: (q, d) → labels like those of `fit`, (q,)."""
        winners = self.predict_proba(X).argmax(1)  # (q,), the first of equals
        return self.classes_.to(X.device)[winners]

    def _validate(self, X, training, n_features=None):
        require_matrix(X, n_features=n_features)
        fix = f"there are {len(training)} training rows: lower n_neighbors, or fit to more rows"
        require_between("n_neighbors", self.n_neighbors, 1, len(training), fix)
        require_choice("metric", self.metric, ("euclidean", "manhattan", "cosine"))
        require_choice("weights", self.weights, ("uniform", "distance"))
        require_choice("algorithm", self.algorithm, ("brute", "screened"))


def _require_told_apart(X, training, D, indices):
    """Raise ValueError where rows that differ are 0 apart, as the squares of distances vanish."""
    smallest = torch.finfo(D.dtype).tiny ** 0.5  # whose square has lost no digit
    query, place = torch.lt(D, smallest).nonzero(as_tuple=True)
    for q, j in zip(query.split(10_000), place.split(10_000), strict=True):
        if (X[q] != training[indices[q, j]]).any():
            raise ValueError(
                f"X must have squared distances that {X.dtype} can hold, got some that vanish; "
                "scale X with StandardScaler, or use X.double()"
            )


def _directions(X):
    """Return x / ‖x‖ with a spare column, (n, d + 1), so that each row has a direction.

    A row of zeros has none of its own. Its cosine distance to any other row is 1, as between
    directions at a right angle: so it gets 1 in the spare column.
    """
    directions = pad(unit_rows(X), (0, 1))
    zero = ~X.any(1)  # (n,)
    directions[zero, -1] = 1
    return directions
