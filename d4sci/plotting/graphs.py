"""Plots of notebook 5: graphs with their nodes and edges."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from d4sci.device import to_numpy
from d4sci.plotting.base import color_and_marker, new_axes


def spring_positions(edge_index, n, *, seed=0):
    """Return places for n nodes, (n, 2), that draw linked nodes together.

    edge_index: (2, e).  Source: Fruchterman and Reingold 1991, doi:10.1002/spe.4380211102.
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(to_numpy(edge_index).T.tolist())
    places = nx.spring_layout(graph, seed=seed)
    return np.array([places[i] for i in range(n)])


def plot_graph(edge_index, positions, y=None, *, names=None, numbers=False, size=120, ax=None):
    """Draw the edges as lines and the nodes as markers, one colour and marker per class.

    edge_index: (2, e).  positions: (n, 2).  y: integer classes (n,), -1 for unknown, or None.
    names: the classes' names.  numbers: whether to write each node's number on it.
    """
    ax = new_axes(ax)
    ends, places = to_numpy(edge_index).T, to_numpy(positions)
    ax.add_collection(LineCollection(places[ends], colors="#999999", linewidths=0.8, zorder=1))
    groups = np.zeros(len(places), int) if y is None else to_numpy(y).astype(int)
    for c in np.unique(groups):
        color, marker = color_and_marker(c) if c >= 0 else ("#FFFFFF", "o")
        name = "unknown" if c < 0 else f"class {c}" if names is None else names[c]
        look = {"s": size, "color": color, "marker": marker, "edgecolor": "black", "linewidth": 0.7}
        label = None if y is None else name
        ax.scatter(*places[groups == c].T, zorder=2, label=label, **look)
    look = {"ha": "center", "va": "center", "color": "white", "weight": "bold", "fontsize": 9}
    look["path_effects"] = [withStroke(linewidth=2.5, foreground="black")]  # over any marker
    for i, place in enumerate(places if numbers else ()):
        ax.text(*place, i, zorder=3, **look)
    if y is not None:
        ax.legend()
    ax.set_axis_off()
    ax.margins(0.1)
    return ax
