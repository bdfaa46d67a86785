"""Plots of notebook 2: principal axes, scree, clusters with centres, core, border and noise."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection

from d4sci.device import to_numpy
from d4sci.plotting.base import Values, color_and_marker, new_axes, plot_points


def plot_principal_axes(
    mean: Values, components: Values, variances: Values, *, ax: Axes | None = None
) -> Axes:
    """Draw each principal direction as an arrow from the mean, two standard deviations long.

    mean: (2,). components: directions in the rows, (k, 2). variances: along each of them, (k,).
    """
    ax = new_axes(ax)
    mean, components, variances = to_numpy(mean), to_numpy(components), to_numpy(variances)
    for i, (direction, variance) in enumerate(zip(components, variances, strict=True)):
        color = color_and_marker(i + 1)[0]
        tip = mean + 2 * np.sqrt(variance) * direction
        arrow = {"arrowstyle": "-|>", "color": color, "lw": 2.5, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", tip, mean, arrowprops=arrow, annotation_clip=False, zorder=4)
        back = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8}
        label = mean + 2.5 * np.sqrt(variance) * direction
        ax.text(*label, f"PC{i + 1}", color=color, ha="center", va="center", bbox=back, zorder=5)
        ax.update_datalim([tip, label])
    ax.autoscale_view()
    return ax


def plot_scree(ratios: Values, *, ax: Axes | None = None) -> Axes:
    """Draw each component's share of the variance as a bar, and the running sum as a line.

    ratios: shares in descending order, (k,), from 0 to 1.
    """
    ax = new_axes(ax)
    ratios = to_numpy(ratios)
    numbers = np.arange(1, len(ratios) + 1)
    ax.bar(numbers, ratios, color=color_and_marker(0)[0], alpha=0.6, label="each component")
    ax.plot(numbers, ratios.cumsum(), "o--", color=color_and_marker(1)[0], label="sum so far")
    ax.set(xlabel="component", ylabel="share of the variance", ylim=(0, 1.05))
    if len(ratios) <= 20:
        ax.set_xticks(numbers)
    ax.legend(loc="center right")
    return ax


def plot_clusters(
    X: Values, labels: Values, centers: Values | None = None, *, tracks: Values | None = None,
    size: float = 16, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Scatter the points by cluster, the centres as black crosses with the way they came.

    X: (n, d ≥ 2). labels: (n,), -1 for noise. centers: (k, d). tracks: all centres, (steps, k, d).
    """
    ax = plot_points(X, labels, size=size, ax=ax)
    if ax.get_legend():
        ax.get_legend().remove()  # the numbers of clusters mean nothing
    if tracks is not None:
        for track in np.moveaxis(to_numpy(tracks), 1, 0):
            ax.plot(track[:, 0], track[:, 1], "-", color="black", lw=1.2)
    if centers is not None:
        x, y = to_numpy(centers)[:, :2].T
        ax.plot(x, y, "X", color="black", ms=11, mec="white", ls="none", label="centre")
    return ax


def plot_density_kinds(
    X: Values, labels: Values, core: Values, *, size: float = 22, ax: Axes | None = None
) -> Axes:
    """Scatter core points filled, border points hollow and noise as grey crosses.

    X: (n, d ≥ 2). labels: clusters, noise -1, (n,). core: the rows of the core points.
    """
    ax = new_axes(ax)
    X, labels = to_numpy(X), to_numpy(labels)
    is_core = np.zeros(len(X), bool)
    is_core[to_numpy(core).astype(int)] = True  # an empty list comes as floats
    for c in np.unique(labels[labels >= 0]):
        color, marker = color_and_marker(c)
        for rows, fill in ((is_core, color), (~is_core, "white")):
            x, y = X[rows & (labels == c), :2].T
            ax.scatter(x, y, size, fill, marker=marker, edgecolor=color, linewidth=1.1, zorder=3)
    x, y = X[labels < 0, :2].T
    ax.scatter(x, y, size, "#777777", marker="x", linewidth=1, zorder=2)
    for name, fill, marker in (("core", "#444444", "o"), ("border", "white", "o")):
        ax.scatter([], [], size, fill, marker=marker, edgecolor="#444444", label=name)
    ax.scatter([], [], size, "#777777", marker="x", label="noise")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))  # beside the data: noise lies anywhere
    ax.set(xlabel="feature 1", ylabel="feature 2")
    return ax


def plot_neighborhoods(
    centers: Values, eps: float, *, color: str = "#444444", ax: Axes | None = None
) -> Axes:
    """Draw a circle of radius eps, in the units of the axes, around each centre (k, 2)."""
    ax = new_axes(ax)
    widths = np.full(len(centers), 2 * eps)
    circles = EllipseCollection(
        widths, widths, 0, units="xy", offsets=to_numpy(centers), transOffset=ax.transData,
        facecolor="none", edgecolor=color, linewidth=0.9, alpha=0.7,
    )  # fmt: skip
    ax.add_collection(circles)
    return ax
