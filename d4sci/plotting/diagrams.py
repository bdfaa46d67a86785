"""Diagrams made of shapes and words: nested sets, boxes with arrows, tensors as blocks."""

from collections.abc import Mapping, Sequence
from itertools import product

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse, Rectangle

from d4sci.plotting.base import COLORS, Values, new_axes


def plot_nested_sets(names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw sets inside one another, the outermost first, each with its name at the top."""
    ax = new_axes(ax, figsize=(6.4, 4.2))
    for i, name in enumerate(names):
        width, height = 2.0 - 0.34 * i, 1.5 - 0.28 * i
        # All the ovals stand on the same ground, which leaves room for a name at each top.
        color = COLORS[i % len(COLORS)]
        ax.add_patch(Ellipse((0, height / 2 + 0.02 * i), width, height, fc=color, alpha=0.16))
        ax.add_patch(Ellipse((0, height / 2 + 0.02 * i), width, height, fill=False, ec=color, lw=2))
        ax.text(0, height - 0.13 + 0.02 * i, name, ha="center", va="center", fontsize=11)
    ax.set(xlim=(-1.05, 1.05), ylim=(-0.03, 1.55))
    ax.set_axis_off()
    return ax


def plot_flow(
    boxes: Mapping[str, tuple[float, float]], arrows: Sequence[tuple[str, ...]], *,
    colors: Mapping[str, int] | None = None, figsize: tuple[float, float] = (7.6, 2.6),
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw boxes with text and arrows between them.

    boxes: {text: (x, y)}, the centres, in any units.
    arrows: (from, to) or (from, to, label), with the boxes' texts; a label sits beside its arrow.
    colors: {text: number of the colour}, default 0.
    """
    ax = new_axes(ax, figsize=figsize)
    patches = _draw_boxes(ax, boxes, colors or {})
    pairs = [arrow[:2] for arrow in arrows]
    for start, end, *label in arrows:
        (x0, y0), (x1, y1) = boxes[start], boxes[end]
        bend = "arc3,rad=0.35" if (end, start) in pairs else "arc3"
        line = {"arrowstyle": "-|>", "color": "#444444", "lw": 1.4, "connectionstyle": bend}
        line |= {"patchA": patches[start], "patchB": patches[end]}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=line | {"shrinkA": 2, "shrinkB": 2})
        if label:
            back = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none"}
            middle = (x0 + x1) / 2, (y0 + y1) / 2
            ax.text(*middle, label[0], ha="center", va="center", fontsize=9, bbox=back)
    xs, ys = zip(*boxes.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - 0.5, max(ys) + 0.5))
    ax.set_axis_off()
    return ax


def _draw_boxes(ax, boxes, colors):
    """Draw the boxes of `plot_flow`; return their outlines, {text: patch}."""
    patches = {}
    for text, (x, y) in boxes.items():
        color = COLORS[colors.get(text, 0) % len(COLORS)]
        style = {"boxstyle": "round,pad=0.45", "fc": color + "22", "ec": color, "lw": 1.6}
        drawn = ax.text(x, y, text, ha="center", va="center", bbox=style, zorder=3)
        patches[text] = drawn.get_bbox_patch()
    return patches


def plot_tensor(T: Values, *, ax: Axes | None = None) -> Axes:
    """Draw a tensor of rank 0 to 4 as numbers in cells; the third axis goes into depth.

    T: a small integer tensor; a fourth axis repeats the block to the right.
    """
    T = torch.as_tensor(T)
    ax = new_axes(ax)
    blocks = T.reshape((1,) * (4 - T.ndim) + T.shape)
    count, depth, rows, columns = blocks.shape
    shift, gap = 0.35, columns + 0.35 * depth + 0.5
    back_to_front = reversed(range(depth))
    for b, d, r, c in product(range(count), back_to_front, range(rows), range(columns)):
        x, y = b * gap + c + d * shift, -r + d * shift
        color = COLORS[d % len(COLORS)]
        ax.add_patch(Rectangle((x, y), 1, 1, fc="white", ec=color, lw=1.5, zorder=depth - d))
        if d == 0:
            value = str(blocks[b, d, r, c].item())
            ax.text(x + 0.5, y + 0.5, value, ha="center", va="center", zorder=depth + 1)
    ax.set(xlim=(-0.1, count * gap), ylim=(-rows + 0.9, 1.1 + depth * shift))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax
