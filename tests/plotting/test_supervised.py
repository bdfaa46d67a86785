"""What is on the Axes of notebook 3's figures."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from d4sci.plotting import supervised as ps

X = torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def legend(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def test_line_runs_over_the_range_of_x():
    ax = ps.plot_line(torch.tensor([2.0]), torch.tensor(1.0), torch.tensor([3.0, -1.0, 0.0]))
    (line,) = ax.lines
    assert line.get_xydata().tolist() == [[-1, -1], [3, 7]]


def test_residuals_are_vertical_strokes_from_prediction_to_data():
    x, y, y_hat = torch.tensor([2.0, 1.0]), torch.tensor([5.0, 1.0]), torch.tensor([4.0, 2.0])
    ax = ps.plot_residuals(x, y, y_hat)
    strokes = ax.collections[0].get_segments()
    assert [s.tolist() for s in strokes] == [[[2, 4], [2, 5]], [[1, 2], [1, 1]]]
    assert ax.lines[0].get_xydata().tolist() == [[1, 2], [2, 4]]  # from left to right
    assert legend(ax) == ["residual", "prediction", "data"]


def test_projection_draws_the_residual_between_the_two():
    X3 = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    y, y_hat = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1.5, 2.0, 2.5])
    ax = ps.plot_projection(X3, y, y_hat)
    assert np.stack(ax.lines[0].get_data_3d(), 1).tolist() == [y_hat.tolist(), y.tolist()]
    assert (ax.get_xlabel(), ax.get_zlabel()) == ("sample 1", "sample 3")
    assert legend(ax) == ["y", "ŷ, in the plane", "residual r = y − ŷ"]
    tips = {t.get_text(): t.get_position_3d() for t in ax.texts}
    assert tips["y"] == pytest.approx(1.08 * y)
    assert tips["ŷ"] == pytest.approx(1.08 * y_hat)


def test_descent_shows_the_path_its_start_and_its_end():
    path = torch.tensor([[2.0, 2.0], [1.0, 0.5], [0.0, 0.0]])
    ax = ps.plot_descent(lambda w: (w**2).sum(-1), path, low=(-3, -3), high=(3, 3))
    way, start, end = ax.lines
    assert way.get_xydata().tolist() == path.tolist()
    assert start.get_xydata().tolist() == [[2, 2]]
    assert end.get_xydata().tolist() == [[0, 0]]
    assert legend(ax) == ["start", "end"]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 3), (-3, 3))
    (contours,) = [c for c in ax.collections if hasattr(c, "levels")]
    for level, paths in zip(contours.levels, contours.get_paths(), strict=True):
        radius = np.hypot(*paths.vertices.T)
        assert radius == pytest.approx(level**0.5, abs=0.05)


@pytest.mark.parametrize("fill", [True, False])
def test_probability_has_a_thick_line_at_one_half(fill):
    ax = ps.plot_probability(lambda M: torch.sigmoid(M[:, 0] - 1), X, fill=fill)
    lines = [c for c in ax.collections if hasattr(c, "levels") and not c.filled]
    filled = [c for c in ax.collections if hasattr(c, "levels") and c.filled]
    assert len(filled) == fill
    assert lines[0].levels.tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert lines[0].get_linewidths()[2] == max(lines[0].get_linewidths())
    assert lines[0].get_paths()[2].vertices[:, 0] == pytest.approx(1, abs=0.05)


def test_margins_are_at_0_and_1_with_rings():
    decide = lambda M: 2 * M[:, 0] - 3  # noqa: E731
    model = SimpleNamespace(decision_function=decide, support_=torch.tensor([1, 2]))
    ax = ps.plot_margins(model, X, torch.tensor([-1, -1, 1, 1]))
    (lines,) = [c for c in ax.collections if hasattr(c, "levels")]
    at = [p.vertices[:, 0].mean() for p in lines.get_paths()]
    assert at == pytest.approx([1, 1.5, 2], abs=0.02)
    rings = ax.collections[-1]
    assert rings.get_offsets().tolist() == X[1:3].tolist()
    assert rings.get_facecolor().size == 0
    assert legend(ax) == ["support vectors", "w · x + b = 0", "w · x + b = ±1"]


def test_targets_show_bias_to_the_right_and_variance_below():
    ax = ps.plot_targets()
    hits = [line.get_xydata() for line in ax.lines if line.get_marker() == "X"]
    middles = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "+"]
    off = [np.hypot(*(h.mean(0) - m)) for h, m in zip(hits, middles, strict=True)]
    spread = [h.std(0).mean() for h in hits]
    low_low, low_high, high_low, high_high = range(4)  # bias, variance
    assert off[low_low] < 0.15 < off[high_low]
    assert off[high_high] > off[low_high]
    assert spread[low_high] > 2 * spread[low_low]
    assert spread[high_high] > 2 * spread[high_low]
    assert {t.get_text() for t in ax.texts} == {
        "low bias", "high bias", "low variance", "high variance",
    }  # fmt: skip


def test_a_line_may_come_straight_from_autograd():
    w, b = torch.tensor([2.0], requires_grad=True), torch.tensor(1.0, requires_grad=True)
    assert ps.plot_line(w, b, [3.0, 5.0]).lines[0].get_ydata().tolist() == [7, 11]
