"""What is on the Axes: data, labels, legends, and a second sign beside each colour."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from d4sci.plotting import base as pb


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_style_pairs_each_colour_with_a_line_style(monkeypatch):
    with plt.rc_context():
        pb.use_style()
        cycle = list(plt.rcParams["axes.prop_cycle"])
        assert [entry["color"].upper() for entry in cycle] == pb.COLORS
        assert all(a["linestyle"] != b["linestyle"] for a, b in itertools.pairwise(cycle))


def test_plots_leave_the_global_style_alone():
    before = plt.rcParams.copy()
    X = torch.rand(10, 2)
    pb.plot_points(X)
    pb.plot_curves({"a": [1, 2]})
    pb.plot_heatmap(torch.eye(2))
    pb.plot_boundary(lambda P: (P[:, 0] > 0.5).long(), X)
    pb.plot_images(torch.rand(3, 4, 4))
    assert plt.rcParams == before


def test_points_have_colour_marker_name_and_labels():
    X = torch.tensor([[0.0, 1.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 9.0]], requires_grad=True)
    y = torch.tensor([0, 1, -1])
    ax = pb.plot_points(X, y, names=["cat", "dog"], labels=("size", "age"))
    assert legend_texts(ax) == ["noise", "cat", "dog"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size", "age")
    offsets = {c.get_label(): c.get_offsets().tolist() for c in ax.collections}
    assert offsets == {"noise": [[4, 5]], "cat": [[0, 1]], "dog": [[2, 3]]}
    colors = {to_hex(c.get_facecolor()[0]).upper() for c in ax.collections}
    assert colors == {pb.COLORS[0], pb.COLORS[1], "#999999"}
    shapes = {len(c.get_paths()[0].vertices) for c in ax.collections}
    assert len(shapes) > 1  # a circle and a triangle have different outlines


def test_points_without_classes_have_no_legend():
    ax = pb.plot_points(np.zeros((3, 2)))
    assert ax.get_legend() is None
    assert ax.collections[0].get_label().startswith("_")


def test_points_use_the_given_axes():
    ax = plt.subplots()[1]
    assert pb.plot_points(torch.rand(3, 2), ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]


def test_class_names_default_to_numbers():
    ax = pb.plot_points(torch.rand(4, 2), torch.tensor([0, 0, 3, 3]))
    assert legend_texts(ax) == ["class 0", "class 3"]


def test_grid_covers_the_box_with_a_margin():
    grid, (x0, x1, y0, y1) = pb.grid_points(torch.tensor([[0.0, 10.0], [2.0, 20.0]]), steps=5)
    assert grid.shape == (25, 2)
    assert (x0, x1) == pytest.approx((-0.16, 2.16))
    assert (y0, y1) == pytest.approx((9.2, 20.8))
    assert grid.dtype == torch.float32
    _, flat = pb.grid_points(torch.tensor([[3.0, 1.0], [3.0, 2.0]]))
    assert flat[0] < 3 < flat[1]  # a constant feature still gets a width


def test_boundary_colours_the_plane_as_predict_says():
    X = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    ax = pb.plot_boundary(lambda P: (P[:, 0] > 0.5).long() * 2, X, steps=50)
    (image,) = ax.images
    left, right = image.get_array()[:, 0], image.get_array()[:, -1]
    assert set(left) == {0}
    assert set(right) == {2}
    assert image.origin == "lower"
    assert len(ax.collections) == 1  # one border line
    border = ax.collections[0].get_paths()[0].vertices[:, 0]
    assert border == pytest.approx(0.5, abs=0.02)


def test_curves_carry_names_positions_and_scales():
    curves = {"train": torch.tensor([3.0, 2.0]), "test": [4, 5]}
    ax = pb.plot_curves(curves, [10, 100], labels=("n", "error"), log="xy", marker="o")
    assert legend_texts(ax) == ["train", "test"]
    assert ax.lines[0].get_xdata().tolist() == [10, 100]
    assert ax.lines[1].get_ydata().tolist() == [4, 5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n", "error")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.lines[0].get_marker() == "o"


def test_one_curve_needs_no_legend_and_counts_from_zero():
    ax = pb.plot_curves({"loss": [5, 4, 3]}, log="y")
    assert ax.get_legend() is None
    assert list(ax.lines[0].get_xdata()) == [0, 1, 2]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")


def test_heatmap_writes_each_number_readably():
    ax = pb.plot_heatmap(
        torch.tensor([[0.0, 1.0], [2.0, 10.0]]), rows="ab", columns="cd", fmt="{:.0f}"
    )
    written = {(t.get_position(), t.get_text(), t.get_color()) for t in ax.texts}
    assert written == {
        ((0, 0), "0", "w"),
        ((1, 0), "1", "w"),
        ((0, 1), "2", "w"),
        ((1, 1), "10", "k"),
    }
    assert [t.get_text() for t in ax.get_xticklabels()] == ["c", "d"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert not pb.plot_heatmap(torch.eye(2), fmt="").texts


def test_images_lie_row_by_row_under_their_titles():
    images = torch.arange(5.0)[:, None, None].expand(5, 6, 6)
    ax = pb.plot_images(images, titles=list("abcde"), columns=3)
    canvas = ax.images[0].get_array().filled(np.nan)
    assert canvas.shape == (2 * (6 + 2), 3 * 7)
    assert (canvas[2:8, 7:13] == 1).all()  # the second image, top row
    assert (canvas[10:16, 0:6] == 3).all()  # the fourth, second row
    assert np.isnan(canvas[10:16, 14:]).all()  # there is no sixth
    assert [t.get_text() for t in ax.texts] == list("abcde")
    assert not ax.axison
