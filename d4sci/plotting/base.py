"""The plots that every notebook uses: points, boundaries, curves, heat maps, images.

Each takes an `ax` (or makes one), draws, labels, and returns the `Axes`; none shows or saves.
Colours are those of Okabe and Ito, and a marker or a line style always says the same as the colour.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from numpy.typing import ArrayLike
from torch import Tensor

from d4sci.device import to_numpy

Values = Tensor | ArrayLike  # what can be drawn: tensors on any device, arrays, lists
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "^", "s", "D", "v", "P", "X"]


def use_style() -> None:
    """Set the look of the course's figures; call it once, at the top of a notebook."""
    plt.style.use(Path(__file__).with_name("d4sci.mplstyle"))
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # Without matplotlib's version inside, the same figure is the same bytes everywhere.
        set_matplotlib_formats("png", metadata={"Software": None})
    except (ImportError, AttributeError):  # not in a notebook: nothing to set
        pass


def new_axes(ax: Axes | None = None, **figure: Any) -> Axes:
    """Return `ax`, or the axes of a new figure made with the given arguments."""
    return plt.subplots(**figure)[1] if ax is None else ax


def color_and_marker(i: int) -> tuple[str, str]:
    """Return the colour and the marker of class i; a code of -1 means noise, a grey dot."""
    if i < 0:
        return "#999999", "."
    return COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]


def class_name(c: int, names: Sequence[str] | None = None, *, below: str = "noise") -> str:
    """Return what a legend calls class c: its name, else its number; `below` for a code of -1."""
    if c < 0:
        return below
    if names is None:
        return f"class {c}"
    return names[c]


def plot_points(
    X: Values, y: Values | None = None, *, names: Sequence[str] | None = None,
    labels: tuple[str, str] = ("feature 1", "feature 2"), size: float = 22, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Scatter the first two columns of X, one colour and marker per class: seven, then again.

    X: points (n, d ≥ 2). y: integer classes (n,), or None. names: the classes' names, in order.
    labels: the names of the two axes. size: area of a marker in points².
    """
    ax = new_axes(ax)
    X = to_numpy(X)
    groups = np.zeros(len(X), int) if y is None else to_numpy(y).astype(int)
    classes = np.unique(groups)
    for c in classes:
        color, marker = color_and_marker(c)
        label = None if y is None else class_name(c, names)
        rows = X[groups == c]
        look = {"s": size, "color": color, "marker": marker, "edgecolor": "white", "linewidth": 0.4}
        ax.scatter(rows[:, 0], rows[:, 1], label=label, **look)
    if len(classes) > 1:
        ax.legend()
    ax.set(xlabel=labels[0], ylabel=labels[1])
    return ax


def grid_points(
    X: Values, *, steps: int = 200, margin: float = 0.08
) -> tuple[Tensor, tuple[float, float, float, float]]:
    """Return a grid over the box of X's first two columns: points (steps², 2), and its extent."""
    X = to_numpy(X)[:, :2]
    low, high = X.min(0), X.max(0)
    pad = margin * np.where(high > low, high - low, 1.0)
    (x0, y0), (x1, y1) = low - pad, high + pad
    xx, yy = np.meshgrid(np.linspace(x0, x1, steps), np.linspace(y0, y1, steps))
    return torch.tensor(np.c_[xx.ravel(), yy.ravel()], dtype=torch.float32), (x0, x1, y0, y1)


def plot_boundary(
    predict: Callable[[Tensor], Values], X: Values, *, steps: int = 200, ax: Axes | None = None
) -> Axes:
    """Colour the plane by the class that `predict` gives, over the box of the points X.

    predict: function from points (n, 2) to integer classes (n,).
    The borders are drawn as lines too, so that the regions can be told apart without colour.
    """
    ax = new_axes(ax)
    grid, extent = grid_points(X, steps=steps)
    regions = to_numpy(predict(grid)).astype(int).reshape(steps, steps)
    palette = ListedColormap([to_rgb(color_and_marker(i)[0]) for i in range(len(COLORS))])
    ax.imshow(
        regions % len(COLORS), origin="lower", extent=extent, aspect="auto", cmap=palette,
        vmin=-0.5, vmax=len(COLORS) - 0.5, alpha=0.18,
    )  # fmt: skip
    for c in np.unique(regions)[1:]:
        ax.contour(regions >= c, [0.5], extent=extent, colors="black", linewidths=1)
    ax.grid(False)
    return ax


def plot_curves(
    curves: Mapping[str, Values], x: Values | None = None, *,
    labels: tuple[str, str] = ("step", "value"), log: str = "", marker: str | None = None,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw one line per entry of `curves`, in the colours and line styles of `use_style`.

    Seven lines have seven colours and four line styles, then all begins again.
    curves: {name: values (n,)}. x: the shared horizontal positions (n,), default 0..n-1.
    log: the axes with a logarithmic scale: "", "x", "y" or "xy". marker: drawn at each value.
    """
    ax = new_axes(ax)
    for name, values in curves.items():
        values = to_numpy(values)
        positions = range(len(values)) if x is None else to_numpy(x)
        ax.plot(positions, values, marker=marker, label=name)
    if len(curves) > 1:
        ax.legend()
    ax.set(xlabel=labels[0], ylabel=labels[1])
    for axis in log:
        ax.set(**{f"{axis}scale": "log"})
    return ax


def plot_heatmap(
    M: Values, *, rows: Sequence[str] | None = None, columns: Sequence[str] | None = None,
    labels: tuple[str, str] = ("column", "row"), fmt: str = "{:.2f}", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw a matrix as coloured cells with its numbers written in.

    M: matrix (r, c). rows, columns: names of the rows and columns. labels: names of the two axes.
    fmt: format of the numbers; an empty string leaves them out.
    """
    ax = new_axes(ax)
    M = to_numpy(M)
    image = ax.imshow(M, cmap="cividis", aspect="auto")
    if fmt:
        middle = (image.norm.vmin + image.norm.vmax) / 2
        for (i, j), value in np.ndenumerate(M):
            color = "w" if value < middle else "k"
            ax.text(j, i, fmt.format(value), ha="center", va="center", color=color)
    rows = range(M.shape[0]) if rows is None else rows
    columns = range(M.shape[1]) if columns is None else columns
    ax.set_xticks(range(M.shape[1]), columns)
    ax.set_yticks(range(M.shape[0]), rows)
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.grid(False)
    return ax


def plot_images(
    images: Values, *, titles: Sequence[Any] | None = None, columns: int = 10,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Lay small grey images side by side, row by row, each with its title above it.

    images: (n, height, width), any range; dark is low. titles: n texts, or None.
    """
    images = to_numpy(images)
    n, height, width = images.shape
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    head = height // 3 if titles is not None else 1
    ax = new_axes(ax, figsize=(0.75 * columns, 0.75 * rows * (height + head) / height + 0.1))
    canvas = np.full((rows * (height + head), columns * (width + 1)), np.nan)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        top, left = row * (height + head) + head, column * (width + 1)
        canvas[top : top + height, left : left + width] = image
        if titles is not None:
            ax.text(left + width / 2, top - 1, titles[i], ha="center", va="bottom", fontsize=9)
    ax.imshow(canvas, cmap="gray")
    ax.set_axis_off()
    return ax
