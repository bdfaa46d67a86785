"""Plots of notebook 4: neurons, networks, paths on a loss surface, training, mistakes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from torch import Tensor

from d4sci.device import to_numpy
from d4sci.plotting.base import COLORS, Values, color_and_marker, new_axes, plot_heatmap

if TYPE_CHECKING:  # the training is not needed to draw its history
    from d4sci.training import History


def plot_brain_cell(*, ax: Axes | None = None) -> Axes:
    """Draw a nerve cell as a cartoon: dendrites, cell body, axon, synapses."""
    ax = new_axes(ax, figsize=(7.2, 2.8))
    blue, orange = COLORS[:2]
    for angle in np.deg2rad([110, 145, 180, 215, 250]):
        tip = 1.5 * np.array([np.cos(angle), np.sin(angle)])
        ax.plot([0, tip[0]], [0, tip[1]], "-", color=blue, lw=3)
        for turn in (-0.5, 0.5):
            end = tip + 0.5 * np.array([np.cos(angle + turn), np.sin(angle + turn)])
            ax.plot([tip[0], end[0]], [tip[1], end[1]], "-", color=blue, lw=1.8)
    ax.add_patch(Circle((0, 0), 0.62, fc="white", ec=blue, lw=2.5, zorder=3))
    ax.add_patch(Circle((0, 0), 0.2, fc=blue, zorder=4))
    ax.plot([0.62, 4.6], [0, 0], "-", color=orange, lw=3)
    for height in (-1.0, -0.35, 0.35, 1.0):
        ax.plot([4.6, 5.5], [0, height], "-", color=orange, lw=1.8)
        ax.plot(5.5, height, "o", color=orange, ms=8)
    words = {"dendrites:\ninputs": (-2.9, 0), "cell body:\nsum": (0.5, 1.15)}
    words |= {"axon: output": (2.7, 0.25), "synapses: to other cells,\nstrong or weak": (7.6, 0)}
    for text, (x, y) in words.items():
        ax.text(x, y, text, ha="center", va="center")
    ax.set(xlim=(-3.7, 9.4), ylim=(-2, 2), aspect="equal")
    ax.set_axis_off()
    return ax


def plot_network(
    sizes: Sequence[int], *, names: Sequence[Sequence[str]] | None = None,
    weights: Sequence[Values] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the layers as columns of neurons, and every weight as a line between two of them.

    sizes: neurons of each layer, up to a dozen.  names: texts inside them, a list per layer.
    weights: matrices (in, out); a negative one is dashed and orange, a large one thick.
    """
    ax = new_axes(ax, figsize=(6.4, 3.4))
    places = []
    for i, n in enumerate(sizes):
        places.append([(1.8 * i, 0.5 * (n - 1) - j) for j in range(n)])
    for i, (left, right) in enumerate(pairwise(places)):
        W = None if weights is None else to_numpy(weights[i])
        for j, (x0, y0) in enumerate(left):
            for k, (x1, y1) in enumerate(right):
                ax.plot([x0, x1], [y0, y1], **_look_of_weight(W, j, k))
    for i, layer in enumerate(places):
        color = color_and_marker(i)[0]
        for j, place in enumerate(layer):
            ax.add_patch(Circle(place, 0.33, fc="white", ec=color, lw=2, zorder=3))
            text = "" if names is None else names[i][j]
            ax.text(*place, text, ha="center", va="center", fontsize=10, zorder=4)
    high = 0.5 * max(sizes)
    ax.set(xlim=(-0.6, 1.8 * len(sizes) - 1.2), ylim=(-high, high), aspect="equal")
    ax.set_axis_off()
    return ax


def _look_of_weight(W, j, k):
    """Return the style of the line of weight W[j, k].  W: (in, out), or None."""
    if W is None:
        return {"ls": "-", "color": "#888888", "lw": 1.0}
    width = 0.2 + 3 * abs(W[j, k]) / (np.abs(W).max() or 1)  # all may be 0
    if W[j, k] < 0:
        return {"ls": "--", "color": COLORS[1], "lw": width}
    return {"ls": "-", "color": COLORS[0], "lw": width}


def plot_paths(
    f: Callable[[Tensor, Tensor], Values], paths: Mapping[str, Values], *,
    low: tuple[float, float] = (-2, -2), high: tuple[float, float] = (2, 2), levels: int = 18,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the level lines of f over a rectangle, and the way that each optimiser takes on it.

    f: function of two tensors of one shape.  paths: {name: points (steps, 2)}.
    low, high: two corners.  levels: how many lines; spaced more closely where f is low.
    """
    ax = new_axes(ax)
    sides = [torch.linspace(a, b, 120, device="cpu") for a, b in zip(low, high, strict=True)]
    u, v = torch.meshgrid(*sides, indexing="xy")
    heights = to_numpy(f(u, v))
    bottom, top = heights.min(), heights.max()
    lines = bottom + (top - bottom) * np.linspace(0.02, 1, levels) ** 2
    ax.contour(to_numpy(u), to_numpy(v), heights, lines, colors="#999999", linewidths=0.8)
    for i, (name, points) in enumerate(paths.items()):
        color, marker = color_and_marker(i)
        x, y = to_numpy(points).T
        above = 3 - i / len(paths)  # the first on top: a slow path would end unseen below others
        ax.plot(x, y, marker=marker, ms=3.5, lw=1.2, color=color, label=name, zorder=above)
    ax.legend()
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="$w_1$", ylabel="$w_2$")
    ax.grid(False)
    return ax


def plot_history(history: "History", *, ax: Axes | None = None) -> Axes:
    """Draw the losses of each epoch, training and validation, and mark the best epoch.

    history: what `train` returns.
    """
    ax = new_axes(ax)
    epochs = range(1, len(history.loss) + 1)
    ax.plot(epochs, history.loss, marker="o", ms=4, label="training")
    if history.validation_loss:
        best = history.best_epoch
        ax.plot(epochs, history.validation_loss, marker="s", ms=4, label="validation")
        place = (best + 1, history.validation_loss[best])
        ax.plot(*place, "o", ms=14, mfc="none", mec="black", label="best epoch")
    ax.legend()
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def plot_confusion(
    C: Values, *, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Write out the confusion matrix, and colour its mistakes: the diagonal would outshine them.

    C: C[i, j] rows of class i were called j, (k, k).  names: of the classes.
    """
    C = to_numpy(C)
    mistakes = np.where(np.eye(len(C), dtype=bool), np.nan, C)
    labels = ("predicted class", "true class")
    ax = plot_heatmap(mistakes, rows=names, columns=names, labels=labels, fmt="", ax=ax)
    middle = np.nan_to_num(mistakes).max() / 2
    for (i, j), count in np.ndenumerate(C):
        if count:
            color = "white" if i != j and count <= middle else "black"
            weight = "bold" if i == j else "normal"
            ax.text(j, i, count, ha="center", va="center", color=color, weight=weight, fontsize=9)
    return ax
