"""Plots of notebook 5: graphs with their nodes and edges."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from d4sci.device import to_numpy
from d4sci.plotting.base import Values, class_name, color_and_marker, new_axes


def spring_positions(edge_index: Values, n: int, *, seed: int = 0) -> np.ndarray:
    """Return places for n nodes, (n, 2), that draw linked nodes together.

    edge_index: (2, e).  Source: Fruchterman and Reingold 1991, doi:10.1002/spe.4380211102.
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(to_numpy(edge_index).T.tolist())
    places = nx.spring_layout(graph, seed=seed)
    return np.array([places[i] for i in range(n)])


def plot_graph(
    edge_index: Values, positions: Values, y: Values | None = None, *,
    names: Sequence[str] | None = None, numbers: bool = False, size: float = 120,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the edges as lines and the nodes as markers, one colour and marker per class.

    edge_index: (2, e).  positions: (n, 2).  y: integer classes (n,), -1 for unknown, or None.
    names: the classes' names.  numbers: whether to write each node's number on it.
    """
    ax = new_axes(ax)
    ends, places = to_numpy(edge_index).astype(int).T, to_numpy(positions)
    ax.add_collection(LineCollection(places[ends], colors="#999999", linewidths=0.8, zorder=1))
    groups = np.zeros(len(places), int) if y is None else to_numpy(y).astype(int)
    for c in np.unique(groups):
        if c < 0:
            color, marker = "#FFFFFF", "o"
        else:
            color, marker = color_and_marker(c)
        look = {"s": size, "color": color, "marker": marker, "edgecolor": "black", "linewidth": 0.7}
        label = None if y is None else class_name(c, names, below="unknown")
        ax.scatter(*places[groups == c].T, zorder=2, label=label, **look)
    if numbers:
        _write_numbers(ax, places)
    if y is not None:
        ax.legend()
    ax.set_axis_off()
    ax.margins(0.1)
    return ax


def _write_numbers(ax, places):
    """Write the number of each node on it, outlined so that it can be read on any marker."""
    outline = [withStroke(linewidth=2.5, foreground="black")]
    look = {"ha": "center", "va": "center", "color": "white", "weight": "bold", "fontsize": 9}
    for i, place in enumerate(places):
        ax.text(*place, i, zorder=3, path_effects=outline, **look)
