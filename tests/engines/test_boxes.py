"""The pairs of rows at most ε apart, against all differences; what may be left out."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d4sci.engines import boxes
from d4sci.engines.boxes import NeighborPairs


def normal(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def expected(X, eps):
    """Return the pairs i < j with Σ (x − y)² ≤ ε², from the differences of all rows."""
    D = sum((x[:, None] - x).square() for x in X.T)  # (n, n)
    return {*map(tuple, (eps * eps >= D).triu(1).nonzero().tolist())}


class Groups:
    """The groups of rows, by a function of them."""

    def __init__(self, of):
        self.of = of


def found(pairs, group=lambda rows: rows):
    """Return the pairs as a set of i < j, once it is sure that none came twice."""
    batches = [
        torch.stack(batch).sort(0).values.T for batch in pairs.pairs(Groups(group))
    ]  # (m, 2)
    rows = torch.cat(batches).tolist() if batches else []
    once = {*map(tuple, rows)}
    assert len(rows) == len(once)
    return once


def remember(monkeypatch, n_pairs):
    monkeypatch.setattr(boxes, "KEPT", n_pairs)
    monkeypatch.setattr(boxes, "KEPT_PER_ROW", 0)


@pytest.fixture(params=["few pairs", "many pairs", "small batches"])
def regime(request, monkeypatch):
    if request.param != "few pairs":
        remember(monkeypatch, 0)
    if request.param == "small batches":
        monkeypatch.setattr(boxes, "LEAF", 8)
        monkeypatch.setattr(boxes, "BATCH", 300)


GRID = torch.cartesian_prod(*[torch.arange(9.0, dtype=torch.float64)] * 2)
OUTLIERS = torch.tensor([[1e9, 0.0], [0.0, -1e12], [1e9, 0.01]], dtype=torch.float64)
CASES = {
    "one row": (normal(1, 2), 1.0),
    "two rows": (normal(2, 2), 5.0),
    "eight rows": (normal(8, 2), 1.0),
    "nine rows": (normal(9, 2), 1.0),
    "one feature": (normal(300, 1), 0.02),
    "the plane": (normal(500, 2), 0.1),
    "the plane, ε covers all": (normal(300, 2), 100.0),
    "space": (normal(400, 3), 0.4),
    "ten features": (normal(200, 10), 3.0),
    "more features than rows": (normal(20, 60), 10.5),
    "grid, ties": (GRID, 1.0),
    "grid of tenths, ties": (GRID / 10, 0.1),
    "grid far away, diagonal ties": (GRID + 1e8, 2**0.5),
    "shuffled grid": (GRID[torch.randperm(81, generator=torch.Generator().manual_seed(0))], 2.0),
    "all equal": (torch.full((70, 2), 0.3, dtype=torch.float64), 1e-9),
    "duplicates": (normal(20, 2).repeat(9, 1), 0.2),
    "one far outlier or two": (torch.cat([normal(200, 2), OUTLIERS]), 0.1),
    "tiny": (normal(90, 2) * 1e-150, 1e-151),
    "huge": (normal(90, 2) * 1e150, 1e149),
    "squares overflow": (normal(90, 2).round() * 1e160, 1e150),
    "squared ε overflows": (normal(90, 2), 1e200),
    "ε vanishes when squared": (GRID, 1e-200),
    "constant features": (torch.nn.functional.pad(normal(90, 1), (2, 1), value=7.0), 0.1),
}


@pytest.mark.parametrize("case", CASES)
def test_all_pairs_are_found_once(case, regime):
    X, eps = CASES[case]
    pairs = NeighborPairs(X, eps)
    assert found(pairs) == expected(X, eps)
    assert found(pairs) == expected(X, eps)  # and again


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 150), st.integers(1, 4), st.floats(0.01, 3))
def test_all_pairs_of_random_rows(seed, n, d, eps):
    X = normal(n, d, seed)
    assert found(NeighborPairs(X, eps)) == expected(X, eps)
    X = (3 * X).round()  # full of ties and duplicates
    assert found(NeighborPairs(X, 2.0)) == expected(X, 2.0)


def test_pairs_between_groups_are_never_left_out(regime):
    X = normal(300, 2)
    group = lambda rows: torch.where(rows % 7 == 0, -1, rows % 3)  # noqa: E731
    some = found(NeighborPairs(X, 0.3), group)
    for i, j in expected(X, 0.3) - some:
        assert i % 7 == 0 or j % 7 == 0 or i % 3 == j % 3
    assert some <= expected(X, 0.3)


def test_one_group_leaves_nothing_where_pairs_are_many(monkeypatch):
    remember(monkeypatch, 0)
    pairs = NeighborPairs(normal(300, 2), 0.3)
    assert found(pairs, torch.zeros_like) == set()
    assert found(pairs, lambda rows: -torch.ones_like(rows)) == set()
    assert found(pairs) == expected(normal(300, 2), 0.3)


def test_groups_that_grow_spare_most_pairs(monkeypatch):
    """All rows near all: whoever asks only to join them sees few pairs of the 2 million."""
    remember(monkeypatch, 1000)
    root, seen = torch.arange(2000), 0
    for i, j in NeighborPairs(normal(2000, 2), 50.0).pairs(Groups(lambda rows: root[rows])):
        seen += len(i)
        for a, b in zip(root[i].tolist(), root[j].tolist(), strict=True):
            if root[a] != root[b]:
                root[root == root[b]] = root[a].clone()
    assert len(root.unique()) == 1
    assert seen < 100_000


def test_no_row_is_taken_for_its_neighbour(monkeypatch):
    """Each row is once alone in its group: pairs with all others must then be seen."""
    remember(monkeypatch, 0)
    pairs = NeighborPairs(normal(20, 2), 100.0)
    for row in range(20):
        expected = {(min(row, i), max(row, i)) for i in range(20) if i != row}
        assert found(pairs, lambda rows, row=row: (rows == row).long()) >= expected


def test_most_pairs_are_never_looked_at(monkeypatch):
    looks, compare = [], NeighborPairs._compare

    def counted(self, a, b, part, groups=None):
        looks.append(len(a) * self.rows[0, part].numel() * self.rows.shape[1])
        return compare(self, a, b, part, groups)

    monkeypatch.setattr(NeighborPairs, "_compare", counted)
    X = normal(4000, 2)
    assert found(NeighborPairs(X, 0.05)) == expected(X, 0.05)
    assert sum(looks) < 4000**2 / 20  # half of all would be everything
    remember(monkeypatch, 0)
    monkeypatch.setattr(NeighborPairs, "_estimate", lambda *_: 1)
    looks.clear()
    assert found(NeighborPairs(X, 0.05), torch.zeros_like) == set()
    assert sum(looks) == 0  # whole boxes of one group are left out


def test_ties_in_many_features_are_decided_by_the_differences():
    """Whole numbers, shifted by what rounds their means: D² = ε² for thousands of pairs."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(0, 4, (300, 64), generator=generator)
    D2 = (X[:, None] - X).square().sum(2)
    assert (D2 == 13**2).sum() > 1000
    for shift in (0, 1000):
        pairs = {*map(tuple, (D2 <= 13**2).triu(1).nonzero().tolist())}
        assert found(NeighborPairs(X.double() + shift, 13.0)) == pairs


def test_few_pairs_are_remembered_and_many_are_not(monkeypatch):
    X = normal(400, 2)
    remember(monkeypatch, 2000)
    few, many = NeighborPairs(X, 0.05), NeighborPairs(X, 0.5)
    assert found(few) == expected(X, 0.05)
    assert found(many) == expected(X, 0.5)
    assert sum(len(i) for i, _ in few.kept) == len(expected(X, 0.05))
    assert many.kept is None
    assert many.many


def test_more_pairs_than_estimated_are_not_remembered(monkeypatch):
    remember(monkeypatch, 2000)
    monkeypatch.setattr(NeighborPairs, "_estimate", lambda *_: 0)
    X = normal(400, 2)
    pairs = NeighborPairs(X, 0.5)
    assert found(pairs) == expected(X, 0.5) == found(pairs)
    assert pairs.kept is None


def test_boxes_hold_every_row_once_and_lie_inside_their_parents():
    X = normal(5000, 3)
    pairs = NeighborPairs(X, 0.1)
    rows = pairs.rows.flatten()
    assert rows[rows < 5000].sort().values.tolist() == list(range(5000))
    assert pairs.rows.shape[1] <= boxes.LEAF  # as there are few features
    assert len(rows) < 1.5 * 5000
    for parent, child in itertools.pairwise(pairs.corners):
        fan = child[0].shape[1] // parent[0].shape[1]
        assert 1 < fan <= boxes.FAN
        real = child[0].isfinite().all(0)
        assert (child[0] >= parent[0].repeat_interleave(fan, 1))[:, real].all()
        assert (child[1] <= parent[1].repeat_interleave(fan, 1))[:, real].all()


def test_follows_its_input(meta_default, regime):
    X = torch.cat([torch.zeros(40, 2, dtype=torch.float64, device="cpu"), GRID])
    assert found(NeighborPairs(X, 1.0)) == expected(X, 1.0)


def test_leaves_its_input_and_the_generator_alone():
    X, state = normal(100, 2), torch.get_rng_state()
    before = X.clone()
    found(NeighborPairs(X, 0.3))
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("far", [1e6, 1e12])
def test_one_outlier_does_not_put_all_pairs_in_doubt(far, regime):
    X = normal(800, 2)
    X[77, 0] = far
    pairs = NeighborPairs(X, 0.05)
    assert found(pairs) == expected(X, 0.05)
    assert (pairs.rounding < 1e-12).float().mean() > 0.9  # all boxes but the outlier's own
