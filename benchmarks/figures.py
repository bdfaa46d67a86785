"""The figures of the benchmarks."""

import math
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator

from benchmarks.race import OURS
from benchmarks.report import short
from benchmarks.rows import ROWS
from benchmarks.scaling import slope
from d4sci.plotting.base import use_style

BLUE, ORANGE = "#0072B2", "#D55E00"


def draw_ratios(found, path):
    """Draw our time divided by the first peer's, a bar a race, with the target as a tick."""
    use_style()
    ratios, targets, titles = [], [], []
    for name, result in found.items():
        peer = next(iter(result["runners"]))
        ratios.append(result["runners"][OURS]["seconds"] / result["runners"][peer]["seconds"])
        targets.append(ROWS[name].targets[peer])
        titles.append(f"{ROWS[name].title}\nagainst {peer}")
    fig, ax = plt.subplots(figsize=(9.5, 0.52 * len(titles) + 1.2))
    ax.barh(titles, ratios, color=BLUE, height=0.6, label="time of d4sci / time of the peer")
    for i, (ratio, target) in enumerate(zip(ratios, targets, strict=True)):
        if ratio > 0.1:  # there is room within the bar
            x, color = 0.01, "white"
        else:
            x, color = max(ratio, target) + 0.01, "black"
        ax.text(x, i, short(ratio), va="center", color=color, fontsize=8)
    ax.plot(targets, range(len(titles)), "|", color=ORANGE, ms=18, mew=3, label="target")
    ax.axvline(1, color="black", lw=1, ls=":", label="as fast as the peer")
    ax.invert_yaxis()
    ax.tick_params(axis="y", labelsize=8)
    ax.set(xlabel="ratio of median times (less is faster)", xlim=(0, max(1.15, 1.1 * max(ratios))))
    ax.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, fontsize=8)
    _save(fig, path)


def draw_scaling(found, path):
    """Draw time (above) and memory (below) against n for each algorithm and its peer."""
    use_style()
    curves = {name: sizes["n"] for name, sizes in found.items() if "n" in sizes}
    per_row = math.ceil(len(curves) / 2)
    fig, axes = plt.subplots(4, per_row, figsize=(2.7 * per_row, 9), layout="constrained")
    columns = [*axes[:2].T, *axes[2:].T]
    for column, (name, runners) in zip(columns, curves.items(), strict=False):
        for (who, curve), style in zip(runners.items(), ("s--", "o-"), strict=True):
            color = BLUE if who == OURS else ORANGE
            label = f"{who}, {slope(curve['at'], curve['seconds']):.2f}"
            column[0].loglog(curve["at"], curve["seconds"], style, color=color, label=label)
            column[1].semilogx(curve["at"], [m / 1e6 for m in curve["memory"]], style, color=color)
        column[0].set_title(name.replace("_", " "), fontsize=9)
        column[0].set_ylabel("seconds", fontsize=8)
        column[0].legend(fontsize=6, title="slope", title_fontsize=6)
        column[1].set(xlabel="n", ylim=(0, None))
        column[1].set_ylabel("MB beyond the data", fontsize=8)
        for ax in column:
            ax.set_xticks(curve["at"], [f"{a / 1000:g}k" for a in curve["at"]])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.tick_params(axis="y", which="both", labelsize=7)
        column[0].margins(y=0.35)
    for column in columns[len(curves) :]:
        for ax in column:
            ax.set_visible(False)
    _save(fig, path)


def _save(fig, path):
    Path(path).parent.mkdir(exist_ok=True)
    fig.savefig(path, dpi=90, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
