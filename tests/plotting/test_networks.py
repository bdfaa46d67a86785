"""What is on the Axes of notebook 4's figures."""

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Circle

from d4sci.plotting import networks as pn
from d4sci.training import History


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def words(ax):
    return [t.get_text() for t in ax.texts]


def circles(ax):
    return [p.center for p in ax.patches if isinstance(p, Circle)]


def test_brain_cell_names_its_parts():
    ax = pn.plot_brain_cell()
    told = " ".join(words(ax))
    assert all(part in told for part in ("dendrites", "cell body", "axon", "synapses"))
    low, high = ax.get_xlim()
    assert all(low < t.get_position()[0] < high for t in ax.texts)


def test_network_has_a_neuron_and_a_weight_for_each():
    names = [["x1", "x2"], ["h1", "h2", "h3"], ["y"]]
    ax = pn.plot_network([2, 3, 1], names=names)
    assert len(circles(ax)) == 6
    assert len(ax.lines) == 2 * 3 + 3 * 1
    assert words(ax) == ["x1", "x2", "h1", "h2", "h3", "y"]
    ends = {tuple(zip(*line.get_data(), strict=True)) for line in ax.lines}
    assert len(ends) == 9
    assert {place for end in ends for place in end} == set(circles(ax))


def test_weights_show_sign_and_size():
    ax = pn.plot_network([1, 3], weights=[torch.tensor([[2.0, -1.0, 0.0]])])
    widths = [line.get_linewidth() for line in ax.lines]
    assert widths == pytest.approx([3.2, 1.7, 0.2])
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-"]
    assert len({line.get_color() for line in ax.lines}) == 2


def test_weights_of_zero_are_thin():
    ax = pn.plot_network([1, 2], weights=[torch.zeros(1, 2)])
    assert [line.get_linewidth() for line in ax.lines] == pytest.approx([0.2, 0.2])


def test_confusion_of_a_single_class():
    assert words(pn.plot_confusion([[3]])) == ["3"]


def test_paths_lie_on_the_level_lines():
    paths = {"straight": torch.tensor([[1.0, 1.0], [0.0, 0.0]]), "short": torch.tensor([[0.5, 1]])}
    ax = pn.plot_paths(lambda u, v: u**2 + 3 * v**2, paths, low=(-1, -2), high=(1, 2))
    assert [line.get_label() for line in ax.lines] == ["straight", "short"]
    assert ax.lines[0].get_xdata().tolist() == [1, 0]
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert ax.lines[0].get_zorder() > ax.lines[1].get_zorder() > ax.collections[0].get_zorder()
    assert len(ax.collections) == 1
    lines = [p for p in ax.collections[0].get_paths() if len(p.vertices)]
    assert len(lines) > 5
    value = lines[3].vertices[:, 0] ** 2 + 3 * lines[3].vertices[:, 1] ** 2
    assert value.max() - value.min() < 0.05  # along a level line f is constant
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (-2, 2))


def test_history_marks_the_best_epoch():
    history = History(loss=[1.0, 0.5, 0.3], validation_loss=[1.1, 0.6, 0.7])
    ax = pn.plot_history(history)
    legend = [t.get_text() for t in ax.get_legend().get_texts()]
    assert legend == ["training", "validation", "best epoch"]
    mark = ax.lines[-1]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, 0.6)
    assert len(pn.plot_history(History(loss=[1.0, 0.9])).lines) == 1


def test_confusion_colours_mistakes_only():
    C = torch.tensor([[90, 1, 0], [4, 80, 0], [0, 8, 70]])
    ax = pn.plot_confusion(C, names=["a", "b", "c"])
    assert words(ax) == ["90", "1", "4", "80", "8", "70"]  # row by row, zeros left out
    shown = ax.images[0].get_array()
    assert bool(shown.mask[0, 0])
    assert (shown.min(), shown.max()) == (0, 8)
    assert ax.get_ylabel() == "true class"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]


def test_each_draws_where_it_is_told():
    ax = plt.subplots()[1]
    assert pn.plot_network([1, 1], ax=ax) is ax
    assert pn.plot_brain_cell(ax=ax) is ax
    assert pn.plot_confusion(torch.eye(2).long(), ax=ax) is ax


def test_no_device_is_forgotten(meta_default):
    ax = pn.plot_paths(lambda u, v: u + v, {"a": torch.zeros(2, 2, device="cpu")})
    assert ax.lines[0].get_xdata().tolist() == [0, 0]
