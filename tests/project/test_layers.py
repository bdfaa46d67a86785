"""The house: which folder may import which, read from the paths; the lessons need only torch."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import nbformat
import pytest

from d4sci import NOTEBOOKS
from tests.support.code_lines import MODULES, module_name
from tests.support.notebooks import PATHS, code_cells

LESSONS = [
    "pca", "kmeans", "dbscan", "neighbors", "linear", "logistic", "svm",
    "mlp", "cnn", "autoencoder", "gan", "gnn",
]  # fmt: skip
# From the bottom to the top. A folder is a floor; so is each set of files of the top level.
FLOORS = [
    ["support"], ["device", "distance"], ["engines"], ["metrics"], ["estimator"],
    ["data", "preprocessing", "pipeline"], LESSONS, ["model_selection"], ["training"],
    ["plotting", "exercises"], ["doctor", "train_mnist"], ["__main__"],
]  # fmt: skip
SIDEWAYS = {"support", "engines", "plotting", "exercises", "device", "distance"}
EXCEPTIONS = {
    ("preprocessing", "model_selection"),  # the old import of k_fold, when it is asked for
    ("linear", "logistic"),  # the old import of LogisticRegression, when it is asked for
}
HEAVY = {"matplotlib", "pandas", "sklearn", "torchvision", "IPython", "networkx", "seaborn"}


def room(name):
    """Return the folder of a module, or the name of a file of the top level."""
    return name.partition(".")[0]


def floor(name):
    """Return the number of a module's floor, and fail for one that has none."""
    found = [number for number, rooms in enumerate(FLOORS) if room(name) in rooms]
    assert found, f"give {name} a place in FLOORS, and in the design"
    return found[0]


def imported(source, package="d4sci"):
    """Return the d4sci modules that a source imports, anywhere in it; '' for the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            module = package + (f".{node.module}" if node.module else "")
            module = module if node.level else node.module
            names = [f"{module}.{alias.name}" for alias in node.names]
            folders = ("d4sci", "d4sci.engines", "d4sci.plotting", "d4sci.exercises")
            known = {f"d4sci.{name}" for name in NAMES}
            found |= {name if name in known else module for name in names}
            assert module in folders or module in known or not module.startswith("d4sci"), module
    return {name.partition(".")[2] for name in found if name.partition(".")[0] == "d4sci"}


NAMES = {module_name(path) for path in MODULES}


def faults(name, source):
    """Yield what a module imports against the rules."""
    for other in imported(source):
        if other == "":
            if floor(name) < len(FLOORS) - 2:
                yield f"{name} imports the package, not the file that it needs"
        elif (room(name), room(other)) in EXCEPTIONS or room(name) == room(other):
            continue
        elif floor(other) > floor(name):
            yield f"{name} imports {other}, which lies above it"
        elif floor(other) == floor(name) and room(name) not in SIDEWAYS:
            yield f"{name} imports {other}, which lies beside it"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_run_downwards(path):
    source = path.read_text(encoding="utf-8")
    if path.stem == "__init__":
        assert imported(source) == set()
    else:
        assert list(faults(module_name(path), source)) == []


def test_no_circles():
    graph = {module_name(path): imported(path.read_text(encoding="utf-8")) for path in MODULES}
    for low, high in EXCEPTIONS:
        graph[low].discard(high)
    TopologicalSorter(graph).prepare()


def test_each_engine_stands_for_itself():
    """Engines may share the moments and the ways down, and import no lesson."""
    for path in MODULES:
        if path.parent.name == "engines" and path.stem != "__init__":
            assert not imported(path.read_text(encoding="utf-8")) & set(LESSONS)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("device", "from d4sci.data import load_iris"),
        ("pca", "def f():\n    from d4sci.kmeans import KMeans"),
        ("pca", "from .svm import LinearSVM"),
        ("pca", "from . import svm"),
        ("pca", "import d4sci.training"),
        ("pca", "from d4sci.plotting import base"),
        ("engines.boxes", "from d4sci.dbscan import DBSCAN"),
        ("support.checks", "from d4sci.device import seeded"),
        ("training", "import d4sci"),
    ],
)
def test_a_wrong_import_is_seen(name, source):
    assert list(faults(name, source))


def loaded_by(statement):
    """Return the packages that a statement loads beyond NumPy and torch."""
    code = f"import sys, numpy, torch; before = set(sys.modules); {statement}; "
    code += "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "d4sci" in done.stdout
    return set(done.stdout.split())


def test_the_lessons_import_nothing_heavy():
    top = floor("training")
    names = [name for name in NAMES if name not in ("", "__main__") and floor(name) <= top]
    assert loaded_by("import " + ", ".join(f"d4sci.{name}" for name in names)) & HEAVY == set()


def test_plots_are_loaded_when_they_are_used():
    assert loaded_by("import d4sci.plotting") & HEAVY == set()
    assert "matplotlib" in loaded_by("from d4sci.plotting import plot_points")


def test_the_table_says_which_notebook_is_the_first_to_import_a_file():
    seen = set()
    assert list(NOTEBOOKS) == [path.stem for path in PATHS]
    for path in PATHS:
        cells = code_cells(nbformat.read(path, as_version=4))
        used = {name for _, cell in cells for name in imported(cell.source)}
        used = {name for name in used if room(name) not in ("plotting", "exercises")}
        assert set(NOTEBOOKS[path.stem]) == used - seen
        seen |= used
