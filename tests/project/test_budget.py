"""The package can be read: lines of code of a lesson's class, of a file, of a function."""

import ast

import pytest

from tests.project.test_layers import LESSONS
from tests.support.code_lines import MODULES, classes, functions, module_name, read_module
from tests.support.notebooks import ROOT

CLASS, LESSON, ENGINE, FUNCTION = 80, 130, 170, 25
OURS = [*MODULES, *sorted((ROOT / "tools").glob("*.py"))]


def lines_of(path):
    return len(read_module(path)[1])


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_file(path):
    assert lines_of(path) <= ENGINE
    assert {name: n for name, n in functions(path).items() if n > FUNCTION} == {}


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name):
    path = ROOT / "d4sci" / f"{name}.py"
    found = classes(path)
    print(f"\n{name}.py: {lines_of(path)} lines of code; {found}")
    assert lines_of(path) <= LESSON
    assert {kind: n for kind, n in found.items() if n > CLASS} == {}


def test_every_lesson_is_measured():
    """A file of the top level with an estimator or a network is a lesson."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bases = {
            ast.unparse(base)
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            for base in node.bases
        }
        if bases & {"Classifier", "Regressor", "Clusterer", "nn.Module"}:
            assert module_name(path) in [*LESSONS, "model_selection", "estimator"]


def test_the_count(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(
        '"""Doc.\n\nMore."""\n\n# why\nx = """a\nb"""\n\n\ndef f():\n    "Doc."\n    return 1\n'
    )
    assert lines_of(path) == 4
    assert functions(path) == {"f": 2}
    path.write_text(
        'class A:\n    """Doc."""\n\n    b: int = 1\n\n    def f(self):\n        pass\n'
    )
    assert classes(path) == {"A": 4}
