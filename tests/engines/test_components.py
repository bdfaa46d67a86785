"""Clusters as connected components, against a search by hand."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d4sci.engines.components import Components, CoreOrNot, NeighborCounts

quick = settings(deadline=None, derandomize=True, max_examples=30)


def grown(n):
    return Components(torch.arange(n), torch.ones(n, dtype=torch.bool))


def test_join_makes_chains_one_group():
    components = grown(8)
    components.join(torch.tensor([6, 5, 4, 2, 7]), torch.tensor([5, 4, 3, 1, 7]))
    assert components.find(torch.arange(8)).tolist() == [0, 1, 1, 3, 3, 3, 3, 7]
    components.join(torch.tensor([2]), torch.tensor([6]))
    assert components.find(torch.arange(8)).tolist() == [0, 1, 1, 1, 1, 1, 1, 7]
    assert (components.root <= torch.arange(8)).all()


@quick
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_join_finds_connected_components(edges):
    components, component = grown(31), list(range(31))
    for a, b in edges:
        low, high = sorted((component[a], component[b]))
        component = [low if c == high else c for c in component]
    for some in (edges[:20], edges[20:]):
        i, j = torch.tensor(some, dtype=torch.int64).reshape(-1, 2).T
        components.join(i, j)
    assert components.find(torch.arange(31)).tolist() == component


def test_the_groups_of_each_step():
    points, rows = torch.arange(4), torch.tensor([3, 0, 1])
    counts = NeighborCounts(points, 3)
    counts.add(torch.tensor([0, 0]), torch.tensor([1, 2]))
    assert counts.enough().tolist() == [True, False, False, False]
    assert counts.of(rows).tolist() == [3, 4, 1]  # group 4: all with enough
    core = torch.tensor([True, True, False, True])
    components = Components(points, core)
    components.join(torch.tensor([3]), torch.tensor([1]))
    assert components.of(torch.arange(4)).tolist() == [0, 1, -1, 1]
    assert CoreOrNot(points, core).of(rows).tolist() == [4, 4, 4]
    assert CoreOrNot(points, core).of(points[2:3]).tolist() == [2]
