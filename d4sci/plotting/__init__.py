"""All plots from one import: `from d4sci.plotting import plot_points`.

Importing this loads nothing; a plot's file, and matplotlib with it, is loaded when it is asked for.
"""

from importlib import import_module
from typing import Any

FILES = {
    "base": [
        "COLORS", "MARKERS", "class_name", "color_and_marker", "grid_points", "new_axes",
        "plot_boundary", "plot_curves", "plot_heatmap", "plot_images", "plot_points", "use_style",
    ],
    "diagrams": ["plot_flow", "plot_nested_sets", "plot_tensor"],
    "explore": ["explore"],
    "graphs": ["plot_graph", "spring_positions"],
    "networks": [
        "plot_brain_cell", "plot_confusion", "plot_history", "plot_network", "plot_paths",
    ],
    "supervised": [
        "plot_descent", "plot_line", "plot_margins", "plot_probability", "plot_projection",
        "plot_residuals", "plot_targets",
    ],
    "unsupervised": [
        "plot_clusters", "plot_density_kinds", "plot_neighborhoods", "plot_principal_axes",
        "plot_scree",
    ],
}  # fmt: skip
HOMES = {name: file for file, names in FILES.items() for name in names}
__all__ = sorted(HOMES)


def __getattr__(name: str) -> Any:
    """Load a plot from its file at its first use."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the plots, loaded or not, for completion."""
    return __all__
