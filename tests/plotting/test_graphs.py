"""What is on the Axes of notebook 5's graphs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from d4sci.plotting.graphs import plot_graph, spring_positions

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [3.0, 3.0]])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_every_edge_and_every_node_is_drawn():
    ax = plot_graph(EDGES, PLACES, torch.tensor([0, 0, 1, -1]), names=["a", "b"], numbers=True)
    lines, *nodes = ax.collections
    assert [s.tolist() for s in lines.get_segments()] == PLACES[EDGES.T].tolist()
    drawn = sorted(tuple(p) for group in nodes for p in group.get_offsets().tolist())
    assert drawn == sorted(map(tuple, PLACES.tolist()))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["unknown", "a", "b"]
    assert [(t.get_text(), t.get_position()) for t in ax.texts] == [
        (str(i), tuple(place)) for i, place in enumerate(PLACES.tolist())
    ]
    assert all(t.get_path_effects() for t in ax.texts)  # an edge, to be read on any marker
    looks = {(len(g.get_paths()[0].vertices), *g.get_facecolor()[0]) for g in nodes}
    assert len(looks) == 3


def test_without_classes_there_is_no_legend():
    ax = plot_graph(EDGES, PLACES)
    assert ax.get_legend() is None
    assert not ax.texts


def test_positions_are_those_of_all_nodes_and_repeat():
    places = spring_positions(EDGES, 4)
    assert places.shape == (4, 2)
    assert np.isfinite(places).all()
    assert np.array_equal(places, spring_positions(EDGES, 4))
    near, far = np.linalg.norm(places[0] - places[1]), np.linalg.norm(places[0] - places[3])
    assert near < far


def test_a_graph_may_have_no_edges():
    ax = plot_graph([[], []], [[0, 0], [1, 1]])
    edges, nodes = ax.collections
    assert (len(edges.get_segments()), len(nodes.get_offsets())) == (0, 2)
