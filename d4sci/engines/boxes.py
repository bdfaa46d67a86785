"""The pairs of rows at most ε apart, found without a look at most others, in bounded memory."""

import math
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

LEAF = 32  # most rows in a smallest box, or more where there are many features; a multiple of 8
FAN = 8  # most boxes into which a box is cut
BATCH = 500_000  # pairs, of rows or of boxes, that are looked at together
KEPT, KEPT_PER_ROW = 2_000_000, 20  # pairs that are remembered; if more, they are found anew


class Groups(Protocol):
    """A way to put rows into groups."""

    def of(self, rows: Tensor) -> Tensor:
        """Return the number of the group of each of the rows, (m,); −1 for rows of no interest."""


class NeighborPairs:
    """The pairs of rows with |x − y| ≤ ε, to be asked for as often as needed.

    The rows lie in boxes: each box is cut across its longest side into boxes of equally many rows.
    Only boxes at most ε apart are compared, all rows of one with all rows of the other, in one
    product of matrices, u · v = (ε² − |x − y|²) / 2, whose sign decides. Where rounding leaves the
    sign in doubt the differences x − y decide, so that rows exactly ε apart are a pair.

    All boxes of a level hold equally many rows. What a box lacks is filled up with row n, which X
    does not have: it lies at infinity, and so is no neighbour of any row.

    X: n rows, float64, (n, d).  eps: ε.
    Source: Bentley 1975, doi:10.1145/361002.361007, for the boxes inside boxes.
    """

    def __init__(self, X: Tensor, eps: float) -> None:
        n, d = X.shape
        self.n = n
        self.limit = min(eps * eps, torch.finfo(X.dtype).max)
        self.X = X.new_full((d, n + 1), torch.inf)  # transposed, and row n after the others
        self.X[:, :n] = X.T
        per_feature = 8 * (d // 2)  # 4 rows for each feature, as a multiple of 8
        self.leaf = min(max(LEAF, per_feature), 4 * LEAF)
        self.corners, self.fans = [], []  # of the boxes, level by level
        self.rows = self._cut_into_boxes()  # (G, T), the rows in each of the smallest boxes
        # Near the origin less cancels. It is a median, of some rows, as outliers would move a mean.
        origin = X[:: 1 + n // 10_000].median(0).values  # (d,)
        C = X.new_zeros(n + 1, d)
        C[:n] = X - origin
        h = C.square().sum(1, keepdim=True) / 2  # (n + 1, 1)
        largest = h[self.rows, 0].amax(1)  # (G,)
        self.rounding = 8 * (d + 4) * torch.finfo(X.dtype).eps * largest  # (G,), of u · v
        h[n] = torch.inf  # row n: then u · v = −∞
        one = torch.ones_like(h)
        self.U = torch.cat([C, one, self.limit / 2 - h], 1)[self.rows]  # (G, T, d + 2)
        self.V = torch.cat([C, -h, one], 1)[self.rows]
        self.kept = None  # all pairs, once they have been found and are few
        self.many = False  # whether they are too many to be kept
        self.most = max(KEPT, KEPT_PER_ROW * n)

    def pairs(self, groups: Groups) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield i, j (m,), the rows of m pairs, batch by batch; a pair comes once, in one order.

        groups: which rows belong together. Pairs inside a group may be left out, and are where
        pairs are many, whole boxes at a time. Groups may change from batch to batch, as long as
        they only grow: then what is left out stays inside.
        """
        if self.kept is not None:
            yield from self.kept
            return
        kept, room = [], self.most
        for i, j in self._find(groups):
            room -= len(i)
            self.many = self.many or room < 0
            kept = [] if self.many else [*kept, (i, j)]
            yield i, j
        self.kept = None if self.many else kept

    def _find(self, groups):
        """Yield the pairs of rows, all of them or, where they are many, those between groups."""
        T = self.rows.shape[1]
        step = max(1, BATCH // (T * max(T, len(self.X))))
        root = self.rows.new_zeros(1)  # box 0 of level 0 holds all rows
        for a, b in self._near_boxes(0, root, root, groups):
            self.many = self.many or self._estimate(a, b) > self.most
            todo = step  # boxes until groups are looked at again
            while len(a):
                a, b = self._between_groups(-1, a, b, groups)
                # An eighth of the rows makes most groups grow together, and spares us the rest.
                parts = [slice(0, T // 8), slice(T // 8, T)] if self.many else [slice(0, T)]
                for p, q in zip(a[:todo].split(step), b[:todo].split(step), strict=True):
                    for part in parts:
                        yield self._compare(p, q, part, groups if self.many else None)
                a, b = a[todo:], b[todo:]
                todo *= 2  # the fewer groups are left, the less often are boxes left out

    def _cut_into_boxes(self):
        """Return the rows in each of the smallest boxes, (G, T); keep the corners of all boxes."""
        rows = torch.arange(self.n, device=self.X.device)[None]  # (1, n): one box for all
        rows = self._fill_up(rows, 8)
        while True:
            g, m = rows.shape
            real = torch.where(rows < self.n, rows, rows[:, :1])  # (g, m), without row n
            P = self.X.index_select(1, real.flatten()).view(-1, g, m)  # (d, g, m)
            low, high = P.amin(2), P.amax(2)  # (d, g)
            self.corners.append((low, high))
            if m <= self.leaf:
                return rows.view(g, -1, 8).mT.flatten(1)  # first every eighth row, from all over
            fan = min(FAN, math.ceil(m / self.leaf))
            self.fans.append(fan)
            rows = self._fill_up(rows, 8 * fan)
            longest = (high - low).argmax(0)[:, None]  # (g, 1)
            along = self.X.flatten().take(longest * (self.n + 1) + rows)  # (g, m)
            rows = rows.gather(1, along.argsort(1)).view(g * fan, -1)

    def _fill_up(self, rows, multiple):
        """Return rows, (g, m), with row n at the end, so that m is a multiple of this number."""
        lacking = -rows.shape[1] % multiple
        return pad(rows, (0, lacking), value=self.n)

    def _near_boxes(self, level, a, b, groups):
        """Yield a ≤ b (m,), smallest boxes at most ε apart, that lie in the boxes a and b."""
        gap = 0
        for low, high in zip(*self.corners[level], strict=True):
            ab, ba = low.gather(0, b) - high.gather(0, a), low.gather(0, a) - high.gather(0, b)
            gap = gap + torch.maximum(ab, ba).clamp_(min=0).square_()
        a, b = a[gap <= self.limit], b[gap <= self.limit]
        nearest = (b - a).argsort()  # boxes side by side first: they make most groups grow together
        a, b = a[nearest], b[nearest]
        if level == len(self.fans):
            yield a, b
            return
        fan = self.fans[level]
        part = torch.arange(fan, device=a.device)
        for p, q in zip(a.split(BATCH // fan**2), b.split(BATCH // fan**2), strict=True):
            p, q = self._between_groups(level, p, q, groups)
            p = (p[:, None, None] * fan + part[:, None]).expand(-1, -1, fan).flatten()
            q = (q[:, None, None] * fan + part).expand(-1, fan, -1).flatten()
            yield from self._near_boxes(level + 1, p[p <= q], q[p <= q], groups)

    def _estimate(self, a, b):
        """Return about how many pairs of rows boxes a and b hold, from 100 to 200 of them."""
        some = slice(None, None, 1 + len(a) // 200)
        i, _ = self._compare(a[some], b[some], slice(0, self.rows.shape[1]))
        return len(i) * len(a) / max(1, len(a[some]))

    def _between_groups(self, level, a, b, groups):
        """Leave out the boxes a, b whose rows are all of one group, if pairs are many."""
        if not self.many:
            return a, b
        boxes = self.rows.view(self.corners[level][0].shape[1], -1)  # (g, rows in each)
        numbers = self._numbers(boxes, groups)
        low, high = numbers.masked_fill(numbers < 0, self.n + 1).amin(1), numbers.amax(1)  # (g,)
        differ = torch.minimum(low[a], low[b]) < torch.maximum(high[a], high[b])
        return a[differ], b[differ]

    def _numbers(self, rows, groups):
        """Return the group of each of the rows, of any shape; −1 where a row only fills up."""
        numbers = groups.of(rows.flatten().clamp(max=self.n - 1)).view(rows.shape)
        return numbers.masked_fill(rows == self.n, -1)

    def _compare(self, a, b, part, groups=None):
        """Return the pairs of a row of box a[k], one of those in `part`, and a row of box b[k]."""
        A, B = self.rows[a][:, part], self.rows[b]  # (m, t), (m, T)
        S = self.U.index_select(0, a)[:, part] @ self.V.index_select(0, b).mT  # (m, t, T)
        rounding = torch.maximum(self.rounding[a], self.rounding[b])  # (m,)
        near = ~torch.lt(S, -rounding[:, None, None])  # what overflows is in doubt, too
        same = a == b  # (m,)
        near[same] = near[same].triu(1 + part.start)  # one order of each pair, no row with itself
        if groups:
            near &= self._numbers(A, groups)[:, :, None] != self._numbers(B, groups)[:, None]
        place = _places(near)  # (p,)
        t, T = S.shape[1:]
        row = place // T  # of all rows of A
        k = row // t  # the boxes that a pair lies in
        i = A.flatten().gather(0, row)
        j = B.flatten().gather(0, T * k + (place - T * row))  # the box, and the column in it
        sure = S.flatten().gather(0, place) > rounding.gather(0, k)
        if not sure.all():
            sure[~sure] = squares_of_pairs(self.X, i[~sure], j[~sure]) <= self.limit
            i, j = i[sure], j[sure]
        return i, j


def squares_of_pairs(X: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Return Σ_f (x_f − y_f)² of the rows i and j, added up feature by feature, as DBSCAN does.

    A sum in another order may round another way.  X: (d, n).  i, j: of shapes that broadcast.
    """
    squares = 0
    for x in X:  # a feature, (n,)
        squares = squares + (x[i] - x[j]).square()
    return squares


def _places(mask):
    """Return the places of True in the flattened mask, passing over eight False at a time."""
    eights = mask.view(-1, 8)
    some = eights.view(torch.int64).flatten().nonzero().squeeze(1)
    k, place = eights.index_select(0, some).nonzero().unbind(1)
    return 8 * some.gather(0, k) + place
