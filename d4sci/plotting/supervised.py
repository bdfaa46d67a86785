"""Plots of notebook 3: lines, residuals, projections, descents, probabilities, margins, targets."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from d4sci.device import to_numpy
from d4sci.plotting.base import COLORS, Axes, Values, grid_points, new_axes


def plot_line(
    coef: Tensor | float, intercept: Tensor | float, x: Values, *, label: str | None = None,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw y = intercept + coef · x over the range of x (n,)."""
    ax = new_axes(ax)
    ends = np.array([to_numpy(x).min(), to_numpy(x).max()])
    slope, height = to_numpy(coef).item(), to_numpy(intercept).item()
    ax.plot(ends, height + slope * ends, color=COLORS[1], lw=2, label=label)
    return ax


def plot_residuals(x: Values, y: Values, y_hat: Values, *, ax: Axes | None = None) -> Axes:
    """Draw the points (x, y), the predictions, and a vertical stroke between each two; all (n,)."""
    ax = new_axes(ax)
    x, y, y_hat = to_numpy(x), to_numpy(y), to_numpy(y_hat)
    ax.vlines(x, y_hat, y, color="#555555", lw=1.2, label="residual")
    order = x.argsort()
    ax.plot(x[order], y_hat[order], color=COLORS[1], lw=2, label="prediction")
    ax.plot(x, y, "o", color=COLORS[0], ms=5, label="data")
    ax.legend()
    return ax


def plot_projection(X: Values, y: Values, y_hat: Values, *, ax: Axes | None = None) -> Axes:
    """Draw three samples as one point y in space, and ŷ in the plane of the columns of X (3, 2)."""
    ax = new_axes(ax, subplot_kw={"projection": "3d"}, figsize=(6.4, 4.8))
    X, y, y_hat = to_numpy(X), to_numpy(y), to_numpy(y_hat)
    a, b = np.meshgrid([-0.2, 2.6], [-0.6, 1.2])  # combinations of the columns
    ax.plot_surface(*(a * X[i, 0] + b * X[i, 1] for i in range(3)), color=COLORS[5], alpha=0.35)
    arrow = {"arrow_length_ratio": 0.08, "lw": 2}
    ax.quiver(0, 0, 0, *y, color=COLORS[0], label="y", **arrow)
    ax.quiver(0, 0, 0, *y_hat, color=COLORS[1], label="ŷ, in the plane", **arrow)
    ax.plot(*np.stack([y_hat, y], 1), "--", color="black", label="residual r = y − ŷ")
    for tip, name in ((y, "y"), (y_hat, "ŷ")):  # not by colour alone
        ax.text(*(1.08 * tip), name, ha="center", va="bottom", weight="bold")
    ax.set(xlabel="sample 1", ylabel="sample 2", zlabel="sample 3")
    ax.legend(loc="upper left")
    ax.set(xticks=[0, 2, 4], yticks=[0, 2, 4], zticks=[0, 2, 4])
    ax.set_aspect("equal")  # so that right angles look right
    ax.view_init(elev=14, azim=-25)
    return ax


def plot_descent(
    loss: Callable[[Tensor], Tensor], path: Values, *, low: tuple[float, float],
    high: tuple[float, float], steps: int = 80, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the contours of a loss of two weights, and the way of a descent over them.

    loss: function of weights (..., 2).  path: one step per row, (t, 2).
    low, high: two opposite corners of the picture, in weights.
    """
    ax = new_axes(ax)
    path = torch.as_tensor(path)
    axes = [torch.linspace(a, b, steps, dtype=path.dtype) for a, b in zip(low, high, strict=True)]
    J = to_numpy(loss(torch.stack(torch.meshgrid(*axes, indexing="xy"), -1)))
    levels = np.geomspace(max(J.min(), 1e-3 * J.max()) * 1.01, J.max(), 14)
    ax.contour(*axes, J, levels, cmap="cividis", linewidths=1)
    x, y = to_numpy(path).T
    ax.plot(x, y, ".-", color=COLORS[1], lw=1.3, ms=5)
    ax.plot(x[0], y[0], "o", color="black", ms=8, label="start")
    ax.plot(x[-1], y[-1], "*", color="black", ms=13, label="end")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.legend()
    return ax


def plot_probability(
    proba: Callable[[Tensor], Values], X: Values, *, fill: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw lines of equal probability over the box of X, the decision boundary ½ thick.

    proba: function from points (n, 2) to probabilities of class 1 (n,).
    """
    ax = new_axes(ax)
    grid, (x0, x1, y0, y1) = grid_points(X, steps=120)
    p = to_numpy(proba(grid)).reshape(120, 120)
    place = np.linspace(x0, x1, 120), np.linspace(y0, y1, 120)
    if fill:
        ax.contourf(*place, p, np.linspace(0, 1, 11), cmap="cividis", alpha=0.45)
    widths = [1, 1, 2.5, 1, 1]
    lines = ax.contour(*place, p, [0.1, 0.3, 0.5, 0.7, 0.9], colors="black", linewidths=widths)
    ax.clabel(lines, fontsize=8, fmt="%.1f")
    ax.grid(False)
    return ax


def plot_margins(model: Any, X: Tensor, y: Values, *, ax: Axes | None = None) -> Axes:
    """Draw the line f = 0 of a linear model, the margins f = ±1, a ring at each support vector.

    model: with decision_function and support_.  X: (n, 2).  y: labels (n,).
    """
    ax = new_axes(ax)
    grid, (x0, x1, y0, y1) = grid_points(X, steps=120)
    f = to_numpy(model.decision_function(grid.to(X))).reshape(120, 120)
    place = np.linspace(x0, x1, 120), np.linspace(y0, y1, 120)
    styles = {"linewidths": [1.2, 2, 1.2], "linestyles": ["--", "-", "--"]}
    ax.contour(*place, f, [-1, 0, 1], colors="black", **styles)
    ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 1.4}
    ax.scatter(*to_numpy(X[model.support_]).T[:2], 90, label="support vectors", **ring)
    for name, style in (("w · x + b = 0", "-"), ("w · x + b = ±1", "--")):
        ax.plot([], [], style, color="black", label=name)
    ax.legend()
    return ax


def plot_targets(*, seed: int = 0, ax: Axes | None = None) -> Axes:
    """Draw four targets: low and high bias across, low and high variance down."""
    ax = new_axes(ax)
    rng = np.random.default_rng(seed)
    for column, bias in enumerate((0.0, 0.55)):
        for row, spread in enumerate((0.1, 0.34)):
            center = np.array([2.6 * column, -2.7 * row])
            for r in (1.0, 0.66, 0.33):
                angle = np.linspace(0, 2 * np.pi, 100)
                ax.plot(
                    *(center[:, None] + r * np.stack([np.cos(angle), np.sin(angle)])), "k-", lw=1
                )
            hits = center + bias * 0.7 + spread * rng.normal(size=(14, 2))
            ax.plot(*hits.T, "X", color=COLORS[1], ms=7, mec="white")
            ax.plot(*center, "+", color="black", ms=9)
    for column, name in enumerate(("low bias", "high bias")):
        ax.text(2.6 * column, 1.15, name, ha="center", va="bottom")
    for row, name in enumerate(("low variance", "high variance")):
        ax.text(-1.2, -2.7 * row, name, ha="right", va="center", rotation=90)
    ax.set(aspect="equal", xlim=(-1.7, 3.8), ylim=(-3.9, 1.6))
    ax.set_axis_off()
    return ax
