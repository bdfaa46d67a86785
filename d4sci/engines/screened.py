"""The k nearest rows without all exact distances: products screen, differences decide."""

import math

import torch
from torch import Tensor, inf
from torch.nn.functional import pad

from d4sci.distance import distance_blocks, euclidean

QUERIES = 4096  # queries that are screened before their candidates are ranked
TILE, ROWS = 1024, 4096  # a product is TILE × ROWS numbers, and stays in the cache
RANKED = 128  # queries whose candidates lie in memory together
SORTED = 1_000_000  # distances that are looked through together where all are compared
SPARE = 32  # candidates more than k, so that few queries need a second look
GROUP = 16  # scores that are looked at together


def nearest(X: Tensor, Y: Tensor, k: int, *, metric: str = "euclidean") -> tuple[Tensor, Tensor]:
    """Return the distances to the k rows of Y nearest to each row of X, and their indices, (q, k).

    Blocks of products pick candidates, and the differences to these give the distances. Where
    rounding may have hidden a neighbour the query is screened again with more digits, and at last
    compared with all rows: what comes out is what comparing all would give.
    Of equally near rows the one with the lower index comes first.
    X: (q, d).  Y: (n, d), n ≥ k.  metric: as in `distances`; only "euclidean" can be screened, for
    the others all rows are compared.
    """
    m = k + SPARE
    if metric != "euclidean" or m >= min(len(Y), ROWS):  # so few rows need no screen
        return compare_all(X, Y, k, metric)
    D = X.new_empty(len(X), k)
    indices = torch.zeros_like(D, dtype=torch.long)
    origin = Y.mean(0)  # (d,), measured from where the squares keep their digits
    doubtful = torch.arange(len(X), device=X.device)  # the queries without a sure answer
    for dtype in _screens(Y):
        sure = []
        for rows in doubtful.split(QUERIES):
            candidates, floor = _screen(X[rows], Y, m, origin, dtype)  # (r, m), (r,)
            D[rows], indices[rows] = _rank(X[rows], Y, candidates, k)
            sure.append(D[rows, -1].square() < floor)
        doubtful = doubtful[~torch.cat(sure)]
        if len(doubtful) == 0:
            return D, indices
    D[doubtful], indices[doubtful] = compare_all(X[doubtful], Y, k, metric)
    return D, indices


def compare_all(X: Tensor, Y: Tensor, k: int, metric: str) -> tuple[Tensor, Tensor]:
    """Return what `nearest` does, from the distances of each row of X to all of Y.

    A stable sort of all distances would do; to sort only the k least is quicker.
    """
    distances, indices = [], []
    for _, D in distance_blocks(X, Y, metric=metric, max_elements=SORTED):  # (r, n)
        kth = D.topk(k, dim=1, largest=False).values.amax(1, keepdim=True)  # (r, 1)
        below, tied = kth > D, kth == D
        room = k - below.sum(1, keepdim=True)  # (r, 1), for the first of the tied
        taken = below | (tied & (tied.cumsum(1) <= room))  # (r, n), k in each row
        least, places = D[taken].view(-1, k), taken.nonzero()[:, 1].view(-1, k)
        least, places = _sort(least, places, k)
        distances.append(least)
        indices.append(places)
    return torch.cat(distances), torch.cat(indices)


def _rank(X, Y, candidates, k):
    """Return the distances to the k nearest candidates, and their indices.  candidates: (q, m)."""
    candidates = candidates.sort(1).values
    q, m = candidates.shape
    D = Y.new_empty(q, m)
    memory = Y.new_empty(min(q, RANKED) * m, Y.shape[1])  # of one block, used for the next again
    for start in range(0, q, RANKED):
        block = slice(start, start + RANKED)
        i = candidates[block]  # (r, m)
        rows = memory[: i.numel()]
        torch.index_select(Y, 0, i.flatten(), out=rows)
        D[block] = euclidean(X[block, None], rows.view(len(i), m, -1))[:, 0]  # (r, m)
    return _sort(D, candidates, k)


def _sort(D, indices, k):
    """Return the k least distances and their indices; of equals the one that came first."""
    D, order = D.sort(dim=1, stable=True)
    return D[:, :k], indices.gather(1, order[:, :k])


def _screens(Y):
    """Return the dtypes to screen in, the coarse and quick one first."""
    screens = []
    # bfloat16 is quick where the processor has instructions for it. Elsewhere it is no quicker, or
    # is not summed in float32, as the floor presumes. Old PyTorch cannot tell.
    capabilities = {}
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
    if Y.device.type == "cpu" and Y.numel() > 2**20 and capabilities.get("avx512_bf16"):
        screens.append(torch.bfloat16)
    screens.append(torch.float32)
    if Y.dtype == torch.float64:
        screens.append(torch.float64)
    return screens


def _screen(X, Y, m, origin, dtype):
    """Return m candidates per query, (q, m), and a floor under ‖x − y‖² for all others, (q,).

    ‖x − y‖² = ‖x‖² + 2 (½ ‖y‖² − x·y), where the product is known to within ε ‖x‖ ‖y‖, at most
    ½ ε (‖x‖² + ‖y‖²), and each square to within δ of itself. Hence, up to that rounding,
    ‖x − y‖² ≥ (1 − ε − δ) ‖x‖² + 2 s,  s = ½ (1 − ε − δ) ‖y‖² − x·y.
    The candidates are the rows with the least s; all others have at least the largest of theirs.
    """
    q, d = X.shape
    n = len(Y)
    A, A2 = _centered(X, origin, dtype)  # (q, d), (q,)
    epsilon, delta = _rounding(d, dtype, A2.dtype)
    certain = 1 - epsilon - delta
    # Memory for one tile of products and of scores: to write into new memory takes much longer.
    products, scores = A.new_empty(TILE, min(n, ROWS)), A2.new_empty(TILE, min(n, ROWS))
    least = A2.new_full((q, m), inf)
    candidates = torch.zeros_like(least, dtype=torch.long)
    for start in range(0, n, ROWS):
        B, B2 = _centered(Y[start : start + ROWS], origin, dtype)  # (b, d), (b,)
        half = _half_squares(B, B2, certain)  # (b,)
        for first in range(0, q, TILE):
            tile = slice(first, first + TILE)
            t, b = len(A[tile]), len(B)
            product, s = products[:t, :b], scores[:t, :b]
            torch.mm(A[tile], B.T, out=product)
            torch.sub(half, product, out=s)  # (t, b)
            values, places = _least(s, m)
            values = torch.cat([least[tile], values], 1)
            least[tile], order = values.topk(m, largest=False)
            candidates[tile] = torch.cat([candidates[tile], places + start], 1).gather(1, order)
    # What has underflowed is less than d times the tiniest number, and the distances are rounded
    # too. A floor that is infinite or NaN proves nothing.
    floor = certain * A2 + 2 * least.amax(1) - 8 * d * torch.finfo(A2.dtype).tiny
    return candidates.clamp(max=n - 1), (1 - 2 * delta) * floor.nan_to_num(0, 0, 0)


def _centered(X, origin, dtype):
    """Return X − origin, rounded, and the squared lengths of its rows, not rounded so far."""
    A = X - origin
    wide = torch.promote_types(dtype, torch.float32)
    squares = torch.linalg.vector_norm(A, dim=1).to(wide).square()
    # Beyond a quarter of the largest number products may overflow: such squares count as ∞.
    too_large = squares > torch.finfo(wide).max / 4
    return A.to(dtype), squares.masked_fill(too_large, inf)


def _half_squares(B, B2, certain):
    """Return ½ (1 − ε − δ) ‖y‖², (b,).  B, (b, d), is changed where ‖y‖² is infinite.

    Products would say nothing about such a row, so it counts as the nearest of all: s = −∞.
    """
    half = certain / 2 * B2
    unknown = B2.isinf()
    if unknown.any():
        B[unknown] = 0
        half[unknown] = -inf
    return half


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
    w = math.ceil(max(s.shape[1], m) / GROUP)  # groups
    if GROUP * w > s.shape[1]:  # the last block: filled up with ∞
        s = pad(s, (0, GROUP * w - s.shape[1]), value=inf)
    groups = s.view(len(s), GROUP, w)  # group j holds the places j, j + w, j + 2 w, …
    near = groups.amin(1).topk(min(m, w), largest=False, sorted=False).indices  # (r, min(m, w))
    offsets = w * torch.arange(GROUP, device=s.device)  # (GROUP,), from one member to the next
    members = (offsets[:, None] + near[:, None]).flatten(1)  # (r, GROUP · min(m, w))
    values, order = s.gather(1, members).topk(m, largest=False, sorted=False)
    return values, members.gather(1, order)
