"""The layers of d4sci: imports run downwards, and the algorithms need nothing but torch."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import nbformat
import pytest

from d4sci import NOTEBOOKS
from tests.code_lines import MODULES
from tests.notebooks import PATHS, code_cells

LAYERS = {
    0: ["device", "checks", "distance", "neighbor_pairs", "scatter", "descent"],
    1: ["data", "preprocessing", "metrics", "checkpoint"],
    2: [
        "pca", "kmeans", "dbscan", "neighbors", "linear", "svm",
        "mlp", "cnn", "autoencoder", "gan", "gnn",
    ],
    3: ["model_selection", "training"],
    4: ["plotting_*", "exercises", "exercises_*", "doctor", "train_mnist"],
    5: ["__main__"],
}  # fmt: skip
HEAVY = {"matplotlib", "pandas", "sklearn", "torchvision", "IPython", "networkx", "seaborn"}


def layer(name):
    """Return the layer of a module, and fail for one that has none."""
    family = name.partition("_")[0]
    name = f"{family}_*" if family in ("plotting", "exercises") and family != name else name
    found = [number for number, names in LAYERS.items() if name in names]
    assert found, f"give {name}.py a place in LAYERS, and in the design"
    return found[0]


def imported(source):
    """Return the d4sci modules that a source imports, anywhere in it; '' for the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            module = (
                "d4sci" + ("." + node.module if node.module else "") if node.level else node.module
            )
            names = [alias.name for alias in node.names]
            found |= {f"d4sci.{name}" for name in names} if module == "d4sci" else {module}
    return {name.partition(".")[2] for name in found if name.partition(".")[0] == "d4sci"}


def faults(name, source):
    """Yield what a module imports against the rules."""
    for other in imported(source):
        if other in ("", "__version__", "NOTEBOOKS"):
            if layer(name) < 5:
                yield f"{name} imports the package, not the file that it needs"
        elif layer(other) > layer(name) or layer(other) == layer(name) == 2:
            yield f"{name} (layer {layer(name)}) imports {other} (layer {layer(other)})"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_run_downwards(path):
    source = path.read_text(encoding="utf-8")
    if path.stem == "__init__":
        assert imported(source) == set()
    else:
        assert list(faults(path.stem, source)) == []


def test_no_circles():
    graph = {path.stem: imported(path.read_text(encoding="utf-8")) for path in MODULES}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("device", "from d4sci.data import load_iris"),
        ("pca", "def f():\n    from d4sci.kmeans import KMeans"),
        ("pca", "from .svm import LinearSVM"),
        ("pca", "from . import svm"),
        ("pca", "import d4sci.training"),
        ("pca", "from d4sci import checks, plotting_base"),
        ("training", "import d4sci"),
    ],
)
def test_a_wrong_import_is_seen(name, source):
    assert list(faults(name, source))


def test_the_algorithms_import_nothing_heavy():
    present = [path.stem for path in MODULES if path.stem not in ("__init__", "__main__")]
    names = ", ".join(f"d4sci.{name}" for name in present if layer(name) < 4)
    code = f"import sys, numpy, torch; before = set(sys.modules); import {names}; "
    code += "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
    assert "d4sci" in done.stdout


def test_the_table_says_which_notebook_is_the_first_to_import_a_file():
    seen = set()
    assert list(NOTEBOOKS) == [path.stem for path in PATHS]
    for path in PATHS:
        cells = code_cells(nbformat.read(path, as_version=4))
        used = {name for _, cell in cells for name in imported(cell.source)}
        used = {name for name in used if not name.startswith(("plotting_", "exercises"))}
        assert set(NOTEBOOKS[path.stem]) == used - seen
        seen |= used
