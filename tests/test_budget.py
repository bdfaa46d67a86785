"""The package stays short enough to be read: lines of code in all, per file, per function."""

import pytest

from tests.code_lines import MODULES, functions, read_module

# What is built on layers 0 to 2 and the training: scores of models, plots, exercises, commands.
TOP = ("model_selection", "plotting", "exercises", "doctor", "train_mnist", "__main__")
OURS = [*MODULES, *(path for path in MODULES[0].parent.parent.glob("tools/*.py"))]


def total(paths):
    return sum(len(read_module(path)[1]) for path in paths)


def test_whole_package():
    top = [path for path in MODULES if path.stem.startswith(TOP)]
    rest = [path for path in MODULES if path not in top]
    print(
        f"\nlines of code: {total(rest)} of 2000, plots and tools around them {total(top)} of 1200"
    )
    assert total(rest) <= 2000
    assert total(top) <= 1200


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_file(path):
    assert total([path]) <= 160  # about 150, says the design
    assert {name: n for name, n in functions(path).items() if n > 25} == {}


def test_the_count(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(
        '"""Doc.\n\nMore."""\n\n# why\nx = """a\nb"""\n\n\ndef f():\n    "Doc."\n    return 1\n'
    )
    assert total([path]) == 4
    assert functions(path) == {"f": 2}
