"""What is on the Axes of notebook 2's figures."""

import matplotlib.pyplot as plt
import pytest
import torch

from d4sci.plotting import unsupervised as pu

X = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [9.0, 0.0]])
LABELS = torch.tensor([0, 0, 0, 1, -1])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def places(ax):
    return {tuple(p) for c in ax.collections for p in c.get_offsets().tolist()}


def test_axes_are_two_deviations_long():
    ax = pu.plot_principal_axes(torch.tensor([1.0, 2.0]), torch.eye(2), torch.tensor([4.0, 1.0]))
    arrows = [t for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert [tuple(a.xy) for a in arrows] == [(5, 2), (1, 4)]
    assert [tuple(a.xyann) for a in arrows] == [(1, 2), (1, 2)]
    assert [t.get_text() for t in ax.texts if t.get_text()] == ["PC1", "PC2"]


def test_scree_shows_shares_and_their_sum():
    ax = pu.plot_scree(torch.tensor([0.5, 0.3, 0.2]))
    assert [round(p.get_height(), 6) for p in ax.patches] == [0.5, 0.3, 0.2]
    assert ax.lines[0].get_ydata() == pytest.approx([0.5, 0.8, 1.0])
    assert ax.get_xlabel() == "component"
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"each component", "sum so far"}


def test_clusters_show_points_centres_and_tracks():
    centers = torch.tensor([[0.3, 0.3], [5.0, 5.0]])
    tracks = torch.stack([centers + 1, centers])
    ax = pu.plot_clusters(X, LABELS, centers, tracks=tracks)
    assert places(ax) == {tuple(p) for p in X.tolist()}
    assert ax.get_legend() is None
    assert [line.get_xdata().tolist() for line in ax.lines[:2]] == [
        tracks[:, j, 0].tolist() for j in range(2)
    ]
    cross = ax.lines[-1]
    assert (cross.get_marker(), cross.get_xdata().tolist()) == ("X", centers[:, 0].tolist())


def test_core_border_and_noise_look_different():
    ax = pu.plot_density_kinds(X, LABELS, torch.tensor([0, 1, 3]))
    drawn = [c for c in ax.collections if len(c.get_offsets())]
    looks = {tuple(p): c for c in drawn for p in c.get_offsets().tolist()}
    assert set(looks) == {tuple(p) for p in X.tolist()}
    core, border, noise = looks[0.0, 0.0], looks[0.0, 1.0], looks[9.0, 0.0]
    assert looks[1.0, 0.0] is core
    assert core.get_facecolor().tolist() != border.get_facecolor().tolist()
    assert border.get_facecolor().tolist() == [[1, 1, 1, 1]]
    assert len(noise.get_paths()[0].vertices) != len(core.get_paths()[0].vertices)
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert names == ["core", "border", "noise"]


def test_circles_have_the_radius():
    ax = pu.plot_neighborhoods(X[:3], 0.7)
    (circles,) = ax.collections
    assert circles.get_offsets().tolist() == X[:3].tolist()
    assert (circles.get_widths() == 1.4).all()
    assert (circles.get_heights() == 1.4).all()


def test_there_may_be_no_core_point():
    for core in ([], torch.tensor([], dtype=torch.long)):
        noise, *_ = pu.plot_density_kinds(X, [-1] * len(X), core).collections
        assert len(noise.get_offsets()) == len(X)
