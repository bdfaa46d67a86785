"""Every plot function names its axes and its lines: nbval does not compare pictures."""

import inspect
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch

from d4sci.plotting import base, diagrams, graphs, networks, supervised, unsupervised

MODULES = [base, diagrams, graphs, networks, supervised, unsupervised]
X = torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
y = torch.tensor([0, 0, 1, 1])
model = SimpleNamespace(decision_function=lambda M: M[:, 0] - 1, support_=torch.tensor([1, 2]))
history = SimpleNamespace(loss=[2.0, 1.0], validation_loss=[3.0, 2.0], best_epoch=1)
bowl = {"low": (-1, -1), "high": (3, 3)}
edges = torch.tensor([[0, 1], [1, 0]])
FEATURES, WEIGHTS = ("feature 1", "feature 2"), ("$w_1$", "$w_2$")
NAMES = {  # arguments, names of the axes, legend
    "plot_points": ((X, y), FEATURES, ["class 0", "class 1"]),
    "plot_boundary": ((lambda M: (M[:, 0] > 1).long(), X), ("", ""), None),
    "plot_curves": (({"a": [1, 2], "b": [2, 1]},), ("step", "value"), ["a", "b"]),
    "plot_heatmap": ((X,), ("column", "row"), None),
    "plot_images": ((torch.rand(3, 4, 4),), ("", ""), None),
    "plot_nested_sets": ((["a", "b"],), ("", ""), None),
    "plot_flow": (({"a": (0, 0), "b": (1, 0)}, [("a", "b")]), ("", ""), None),
    "plot_tensor": ((X,), ("", ""), None),
    "plot_graph": ((edges, X[:2], y[1:3]), ("", ""), ["class 0", "class 1"]),
    "plot_brain_cell": ((), ("", ""), None),
    "plot_network": (([2, 1],), ("", ""), None),
    "plot_paths": ((lambda u, v: u**2 + v**2, {"short": X}), WEIGHTS, ["short"]),
    "plot_history": ((history,), ("epoch", "loss"), ["training", "validation", "best epoch"]),
    "plot_confusion": ((torch.eye(2).long(),), ("predicted class", "true class"), None),
    "plot_line": ((torch.ones(1), torch.ones(1), X[:, 0]), ("", ""), None),
    "plot_residuals": ((y, y, y), ("", ""), ["residual", "prediction", "data"]),
    "plot_projection": (
        (X[:3], X[:3, 0], X[:3, 1]), ("sample 1", "sample 2", "sample 3"),
        ["y", "ŷ, in the plane", "residual r = y − ŷ"],
    ),
    "plot_descent": (
        (lambda w: (w**2).sum(-1), X), ("", ""), ["start", "end"],
    ),
    "plot_probability": ((lambda M: torch.sigmoid(M[:, 0]), X), ("", ""), None),
    "plot_margins": (
        (model, X, y), ("", ""), ["support vectors", "w · x + b = 0", "w · x + b = ±1"]
    ),
    "plot_targets": ((), ("", ""), None),
    "plot_principal_axes": ((X[0], torch.eye(2), torch.ones(2)), ("", ""), None),
    "plot_scree": (
        (torch.tensor([0.7, 0.3]),), ("component", "share of the variance"),
        ["each component", "sum so far"],
    ),
    "plot_clusters": ((X, y), FEATURES, None),
    "plot_density_kinds": ((X, y, y[:1]), FEATURES, ["core", "border", "noise"]),
    "plot_neighborhoods": ((X, 0.5), ("", ""), None),
}  # fmt: skip
OPTIONS = {"plot_descent": bowl}
FUNCTIONS = {
    name: function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if name.startswith("plot_") and function.__module__ == module.__name__
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def shown(ax):
    """Return the names of the axes, and of the lines where a legend shows them."""
    axes = [axis.get_label_text() for axis in ax._axis_map.values()]
    legend = ax.get_legend()
    return tuple(axes), legend and sorted(text.get_text() for text in legend.get_texts())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_of_axes_and_lines(name):
    arguments, axes, legend = NAMES[name]
    ax = FUNCTIONS[name](*arguments, **OPTIONS.get(name, {}))
    assert shown(ax) == (axes, legend and sorted(legend))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_draws_on_the_axes_that_it_is_given_and_on_no_others(name, monkeypatch):
    """It shows nothing and saves nothing, and draws no number from a generator of all."""
    projection = "3d" if name == "plot_projection" else None
    ax = plt.figure().add_subplot(projection=projection)
    for method in ("show", "savefig"):
        monkeypatch.setattr(plt, method, None)
    state, figures = torch.get_rng_state(), plt.get_fignums()
    assert FUNCTIONS[name](*NAMES[name][0], ax=ax, **OPTIONS.get(name, {})) is ax
    assert plt.get_fignums() == figures
    assert ax.has_data() or ax.texts or ax.patches
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "fault", [lambda ax: ax.get_legend().remove(), lambda ax: ax.set_xlabel("value")]
)
def test_a_planted_fault_is_seen(fault):
    ax = base.plot_curves({"a": [1, 2], "b": [2, 1]})
    before = shown(ax)
    fault(ax)
    assert shown(ax) != before
