"""Diagrams: every box, arrow and number that was asked for is there, and inside the frame."""

import itertools

import matplotlib.pyplot as plt
import pytest
import torch

from d4sci.plotting.diagrams import plot_flow, plot_nested_sets, plot_tensor


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_nested_sets_lie_inside_one_another():
    ax = plot_nested_sets(["outer", "middle", "inner"])
    assert [t.get_text() for t in ax.texts] == ["outer", "middle", "inner"]
    outlines = [p for p in ax.patches if not p.get_fill()]
    boxes = [p.get_path().get_extents(p.get_patch_transform()) for p in outlines]
    for outer, inner in itertools.pairwise(boxes):
        assert outer.x0 < inner.x0 < inner.x1 < outer.x1
        assert outer.y0 < inner.y0 < inner.y1 < outer.y1


def test_flow_draws_each_box_and_arrow():
    ax = plot_flow({"a": (0, 0), "b": (2, 0), "c": (2, 1)}, [("a", "b"), ("a", "c", "why")])
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None)]
    texts = {t.get_text(): t.get_position() for t in ax.texts if t.get_text()}
    assert texts == {"a": (0, 0), "b": (2, 0), "c": (2, 1), "why": (1, 0.5)}
    assert [(a.xyann, a.xy) for a in arrows] == [((0, 0), (2, 0)), ((0, 0), (2, 1))]
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in texts.values())


def test_flow_bends_arrows_that_go_both_ways():
    ax = plot_flow({"a": (0, 0), "b": (1, 0)}, [("a", "b"), ("b", "a")])
    styles = [
        t.arrow_patch.get_connectionstyle() for t in ax.texts if getattr(t, "arrow_patch", None)
    ]
    assert [style.rad for style in styles] == [0.35, 0.35]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3), (2, 2, 2, 3)])
def test_tensor_shows_its_front_numbers(shape):
    T = torch.arange(torch.Size(shape).numel()).reshape(shape)
    ax = plot_tensor(T)
    blocks = T.reshape((1,) * (4 - T.ndim) + shape)
    assert [t.get_text() for t in ax.texts] == [str(v) for v in blocks[:, 0].flatten().tolist()]
    assert len(ax.patches) == T.numel()
    ax.figure.canvas.draw()
    x0, x1 = ax.get_xlim()
    assert all(x0 <= p.get_x() and p.get_x() + 1 <= x1 for p in ax.patches)
    y0, y1 = ax.get_ylim()
    assert all(y0 <= p.get_y() and p.get_y() + 1 <= y1 for p in ax.patches)
