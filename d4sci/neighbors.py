"""K nearest neighbours: a new point joins the class of most of the points closest to it."""

from dataclasses import KW_ONLY, dataclass

import torch
from torch import inf
from torch.nn.functional import pad

from d4sci.distance import distance_blocks
from d4sci.support.checks import (
    require_between,
    require_choice,
    require_classes,
    require_fitted,
    require_matrix,
)

QUERIES, TILE, ROWS = 4096, 1024, 4096  # a product is TILE × ROWS numbers, and stays in the cache
SPARE = 32  # candidates more than k, so that few queries need a second look
GROUP = 16  # scores that are looked at together
DIFFERENCES = "donot_use_mm_for_euclid_dist"  # exact near 0, as in `distances`


@dataclass(eq=False)
class KNeighborsClassifier:
    """Predict the class with the most votes among the k training rows closest to x.

    P(c | x) = Σ_i∈N(x) w_i [y_i = c] / Σ_i∈N(x) w_i

    n_neighbors: k.  metric: "euclidean", "manhattan" or "cosine", as in `distances`.
    weights: "uniform", w = 1; or "distance", w = 1 / distance, where training rows at distance 0
    leave the others no vote.
    Ties: of equally close rows the lower index is nearer; of equal votes the lowest label wins.
    `fit` sets classes_ (c,), ascending. It keeps X itself, no copy, so leave X as it is; but for
    "cosine" a copy with rows of length 1.
    Raises TypeError or ValueError for an X, y or parameter that does not fit, RuntimeError before
    `fit`.
    Source: Fix and Hodges 1951; Cover and Hart 1967, doi:10.1109/TIT.1967.1053964; weights:
    Dudani 1976, doi:10.1109/TSMC.1976.5408784.
    """

    n_neighbors: int = 5
    _: KW_ONLY
    metric: str = "euclidean"
    weights: str = "uniform"

    def fit(self, X, y):
        """Memorise the data.  X: (n, d), n ≥ k.  y: labels, integer or bool, (n,)."""
        require_matrix(X)
        require_classes(y, len(X))
        require_between("n_neighbors", self.n_neighbors, 1, len(X))
        require_choice("metric", self.metric, ("euclidean", "manhattan", "cosine"))
        require_choice("weights", self.weights, ("uniform", "distance"))
        self.classes_, labels = y.unique(return_inverse=True)  # (c,), (n,)
        self._X, self._labels = X.detach(), labels.to(X.device)
        if self.metric == "cosine":
            self._X = _directions(self._X, zero=0)
        return self

    def kneighbors(self, X):
        """Return the distances to the k nearest training rows, ascending, and their indices.

        X: (q, d) → (q, k), (q, k).
        """
        require_fitted(self, "classes_")
        extra = 2 if self.metric == "cosine" else 0
        require_matrix(X, n_features=self._X.shape[1] - extra)
        X, Y, k = X.detach(), self._X.to(X), self.n_neighbors
        if self.metric == "euclidean":
            return nearest(X, Y, k)
        if self.metric == "manhattan":
            return _nearest_of_all(X, Y, k, "manhattan")
        D, indices = nearest(_directions(X, zero=1), Y, k)
        return D.square() / 2, indices  # 1 − cos = ½ |x/‖x‖ − y/‖y‖|²

    def predict_proba(self, X):
        """Return the share of each class in the votes.  X: (q, d) → (q, c)."""
        D, indices = self.kneighbors(X)  # (q, k)
        w = torch.ones_like(D)
        if self.weights == "distance":
            w = (D[:, :1] / D).nan_to_num(1)  # ∝ 1 / D, at most 1; 0 / 0: the row itself
        votes = D.new_zeros(len(D), len(self.classes_))
        votes.scatter_add_(1, self._labels.to(D.device)[indices], w)
        return votes / w.sum(1, keepdim=True)

    def predict(self, X):
        """Return the class with the most votes.  X: (q, d) → labels like those of `fit`, (q,)."""
        winners = self.predict_proba(X).argmax(1)  # (q,), the first of equals
        return self.classes_.to(X.device)[winners]


def nearest(X, Y, k):
    """Return the distances to the k rows of Y nearest to each row of X, and their indices, (q, k).

    Blocks of products pick candidates, and the differences to these give the distances. Where
    rounding may have hidden a neighbour the query is screened again with more digits, and at last
    compared with all rows: what comes out is what comparing all would give.
    X: (q, d).  Y: (n, d), n ≥ k.
    """
    D = X.new_empty(len(X), k)
    indices = torch.zeros_like(D, dtype=torch.long)
    origin = Y.mean(0)  # (d,), measured from where the squares keep their digits
    doubtful = torch.arange(len(X), device=X.device)  # the queries without a sure answer
    m = k + SPARE
    for dtype in _screens(Y) if m < min(len(Y), ROWS) else ():
        sure = []
        for rows in doubtful.split(QUERIES):
            candidates, floor = _screen(X[rows], Y, m, origin, dtype)  # (r, m), (r,)
            D[rows], indices[rows] = _rank(X[rows], Y, candidates, k)
            sure.append(D[rows, -1].square() < floor)
        doubtful = doubtful[~torch.cat(sure)]
        if len(doubtful) == 0:
            return D, indices
    D[doubtful], indices[doubtful] = _nearest_of_all(X[doubtful], Y, k, "euclidean")
    return D, indices


def _nearest_of_all(X, Y, k, metric):
    """Return what `nearest` does, comparing each row of X with all of Y."""
    found = []
    for _, D in distance_blocks(X, Y, metric=metric, max_elements=1_000_000):  # (r, n)
        kth = D.topk(k, dim=1, largest=False).values.amax(1, keepdim=True)  # (r, 1)
        below, tied = kth > D, kth == D
        room = k - below.sum(1, keepdim=True)  # (r, 1), for the first of the tied
        taken = below | (tied & (tied.cumsum(1) <= room))  # (r, n), k in each row
        found.append(_sort(D[taken].view(-1, k), taken.nonzero()[:, 1].view(-1, k), k))
    return tuple(torch.cat(parts) for parts in zip(*found, strict=True))


def _rank(X, Y, candidates, k):
    """Return the distances to the k nearest candidates, and their indices.  candidates: (q, m)."""
    candidates = candidates.sort(1).values
    (q, m), d = candidates.shape, Y.shape[1]
    buffer, D = Y.new_empty(min(q, 128) * m, d), Y.new_empty(q, m)
    for start in range(0, q, 128):
        i = candidates[start : start + 128]  # (r, m)
        rows = torch.index_select(Y, 0, i.flatten(), out=buffer[: i.numel()]).view(-1, m, d)
        x = X[start : start + 128, None]  # (r, 1, d)
        D[start : start + 128] = torch.cdist(x, rows, compute_mode=DIFFERENCES)[:, 0]
    return _sort(D, candidates, k)


def _sort(D, indices, k):
    """Return the k least distances and their indices; of equals the one that came first."""
    D, order = D.sort(dim=1, stable=True)
    return D[:, :k], indices.gather(1, order[:, :k])


def _screens(Y):
    """Return the dtypes to screen in, the coarse and quick one first."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    # Elsewhere bfloat16 is no quicker, or is not summed in float32, as the floor presumes.
    quick = Y.device.type == "cpu" and Y.numel() > 2**20 and capabilities.get("avx512_bf16")
    return [torch.bfloat16] * bool(quick) + list(dict.fromkeys([torch.float32, Y.dtype]))


def _screen(X, Y, m, origin, dtype):
    """Return m candidates per query, (q, m), and a floor under ‖x − y‖² for all others, (q,).

    ‖x − y‖² = ‖x‖² + 2 (½ ‖y‖² − x·y), where the product is known to within ε ‖x‖ ‖y‖, at most
    ½ ε (‖x‖² + ‖y‖²), and each square to within δ of itself. Hence, up to that rounding,
    ‖x − y‖² ≥ (1 − ε − δ) ‖x‖² + 2 s,  s = ½ (1 − ε − δ) ‖y‖² − x·y.
    The candidates are the rows with the least s; all others have at least the largest of theirs.
    """
    (q, d), n = X.shape, len(Y)
    A, A2 = _centered(X, origin, dtype)  # (q, d), (q,)
    epsilon, delta = _rounding(d, dtype, A2.dtype)
    b = -(-min(n, ROWS) // GROUP) * GROUP  # rows per block, in whole groups
    product, s = A.new_empty(min(q, TILE), b), A2.new_empty(min(q, TILE), b)
    least = A2.new_empty(q, 0)
    candidates = torch.empty_like(least, dtype=torch.long)
    for start in range(0, n, b):
        B, B2 = _centered(Y[start : start + b], origin, dtype)  # (b, d), (b,)
        gap = b - len(B)  # the last block may be shorter: no row is there, s = ∞
        B, half = pad(B, (0, 0, 0, gap)), pad((1 - epsilon - delta) / 2 * B2, (0, gap), value=inf)
        found = [
            _least(torch.sub(half, torch.mm(a, B.T, out=product[: len(a)]), out=s[: len(a)]), m)
            for a in A.split(TILE)
        ]
        values, places = (torch.cat(parts) for parts in zip(*found, strict=True))  # (q, m)
        least, order = torch.cat([least, values], 1).topk(m, largest=False)
        candidates = torch.cat([candidates, places + start], 1).gather(1, order)
    floor = (1 - epsilon - delta) * A2 + 2 * least.amax(1) - 8 * d * torch.finfo(A2.dtype).tiny
    # tiny: what has underflowed; inf or NaN proves nothing; and the distances are rounded too.
    return candidates.clamp(max=n - 1), (1 - 2 * delta) * floor.nan_to_num(0, 0, 0)


def _centered(X, origin, dtype):
    """Return X − origin, rounded, and the squared lengths of its rows, not rounded so far."""
    A = X - origin
    lengths = torch.linalg.vector_norm(A, dim=1)
    return A.to(dtype), lengths.to(torch.promote_types(dtype, torch.float32)).square()


def _rounding(d, dtype, wide):
    """Return ε and δ: how far a product of d-vectors and a square may be off, relatively.

    Both factors and the product are rounded to dtype, by half its eps each; sums run in `wide`.
    """
    delta = (d + 8) * torch.finfo(wide).eps
    if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
        dtype = torch.bfloat16  # the user allows PyTorch to round that far
    return 1.6 * torch.finfo(dtype).eps + delta, delta


def _least(s, m):
    """Return the m least numbers of each row of s and their places, (r, m).

    Only a group whose least number is among the m least of these can hold one of them.
    """
    groups = s.view(len(s), GROUP, -1)  # (r, GROUP, w): group j holds the places j, j + w, …
    w = groups.shape[2]
    near = groups.amin(1).topk(min(m, w), largest=False, sorted=False).indices  # (r, min(m, w))
    members = w * torch.arange(GROUP, device=s.device)[:, None] + near[:, None]
    members = members.flatten(1)  # (r, GROUP · min(m, w))
    values, order = s.gather(1, members).topk(m, largest=False, sorted=False)
    return values, members.gather(1, order)


def _directions(X, zero):
    """Return x / ‖x‖ with two more columns, (n, d + 2), 0 but for a row that has no direction.

    Such a row gets column `zero` for its own, at a right angle to all else: cosine distance 1.
    """
    scale = torch.linalg.vector_norm(X, inf, dim=1, keepdim=True)  # (n, 1), max |x|
    U = pad(X, (0, 2))
    U /= torch.where(scale > 0, scale, 1)  # squares of tiny or huge numbers would be 0 or ∞
    U /= torch.linalg.vector_norm(U, dim=1, keepdim=True).clamp(min=1)  # it is 1 or more, or 0
    U[:, X.shape[1] + zero] = (scale[:, 0] == 0).to(X)
    return U
