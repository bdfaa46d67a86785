"""tools/notebooks.py stores the same bytes each time; strict nbval agrees, and sees faults."""

import os
import re
import subprocess
import sys

import pytest
from jupytext.cli import jupytext
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.support.notebooks import PATHS, ROOT, pictures, texts
from tools import notebooks as tool

TEXT = """\
# %% [markdown]
# # A title

# %% tags=["setup"]
import warnings

import matplotlib.pyplot as plt
from tqdm import tqdm

from d4sci.plotting.base import use_style
from d4sci.plotting.explore import explore

use_style()
print("before")
for _ in tqdm(range(2), disable=False):  # a bar in spite of TQDM_DISABLE
    pass
for _ in tqdm(range(2)):
    pass
print("after")


# %%
def draw(k=3):
    return plt.plot(range(k))[0].axes


explore(draw, alt="a line", k=(1, 9))

# %%
plt.plot([1, 2])
plt.show()
"""
BAD_CELLS = {
    "error": "1 / 0",
    "warning": "import warnings\nwarnings.warn('careful')",
    "deprecation": "import warnings\nwarnings.warn('old', DeprecationWarning)",
    "warning while drawing": "import matplotlib.pyplot as plt\nplt.title('\\u4e2d')\nplt.show()",
    "stderr": "import sys\nprint('oh', file=sys.stderr)",
    "an unclean start": "warnings",
}


@pytest.fixture
def stored(tmp_path):
    """Return the path of a notebook made from TEXT, not run yet."""
    (tmp_path / "nb.py").write_text(TEXT)
    jupytext(["--quiet", "--to", "ipynb", str(tmp_path / "nb.py")])
    assert tool.main(["tidy", str(tmp_path / "nb.ipynb")]) == 0
    return tmp_path / "nb.ipynb"


def jupytext_command(arguments):
    """Run the jupytext command in a process of its own, as CONTRIBUTING.md does."""
    subprocess.run([sys.executable, "-m", "jupytext", *arguments], check=True)


def text_and_back(path, edit=str, run=jupytext):
    """Write a notebook as text beside it, edit that, and put it back."""
    text = path.with_suffix(".py")
    run(["--quiet", "--to", "py:percent", str(path)])
    text.write_text(edit(text.read_text(encoding="utf-8")), encoding="utf-8")
    run(["--quiet", "--update", "--to", "ipynb", str(text)])
    assert tool.main(["tidy", str(path)]) == 0


def strict(*paths):
    """Run strict nbval as the course does; return its exit status and what it printed."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "conftest"]
    command += ["--nbval", "--nbval-current-env", "--color=no", *map(str, paths)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    return done.returncode, done.stdout


def test_run_is_repeatable_and_strict_nbval_agrees(stored, capsys):
    assert tool.main(["check", str(stored)]) == 1  # never run
    assert tool.main(["run", str(stored)]) == 0
    assert tool.check(stored) == []
    first = stored.read_bytes()
    assert tool.main(["run", str(stored)]) == 0
    assert stored.read_bytes() == first
    _, setup, live, plot = tool.read(stored).cells
    assert texts(setup) == ["before\nafter\n"]  # no trace of the bars
    assert texts(live) == ["explore: a line"]
    assert len(pictures(live)) == len(pictures(plot)) == 1
    assert strict(stored)[0] == 0


@pytest.mark.parametrize("source", BAD_CELLS.values(), ids=BAD_CELLS)
def test_a_bad_cell_fails_and_leaves_the_file_alone(source, tmp_path, capsys):
    path = tmp_path / "nb.ipynb"
    cells = [new_code_cell("print('good')"), new_code_cell(source)]
    tool.write(path, new_notebook(cells=cells))
    before = path.read_bytes()
    assert tool.main(["run", str(path)]) == 1
    assert "cell 1" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_strict_nbval_sees_faults(tmp_path):
    nb = new_notebook()
    for source in ["print(2)", "plot = 1", *BAD_CELLS.values()]:
        nb.cells.append(new_code_cell(source, execution_count=len(nb.cells) + 1))
    nb.cells[0].outputs = [new_output("stream", name="stdout", text="1\n")]
    tool.write(tmp_path / "nb.ipynb", nb)
    status, report = strict(tmp_path / "nb.ipynb")
    failed = [i for i in range(len(nb.cells)) if re.search(rf"FAILED ::Cell {i}\b", report)]
    assert status == 1
    assert failed == [0, *range(2, len(nb.cells))], report


def test_text_and_back_keep_what_was_not_touched(stored):
    """A changed cell keeps its old outputs too, until `run`; strict nbval would see them."""
    nb = tool.read(stored)
    for count, cell in enumerate(nb.cells[1:], 1):
        cell.execution_count, cell.outputs = count, [new_output("stream", text="as before")]
    tool.write(stored, nb)
    before, old = stored.read_bytes(), tool.read(stored).cells
    text_and_back(stored, run=jupytext_command)
    assert stored.read_bytes() == before
    text_and_back(
        stored, lambda text: text.replace("plt.plot([1, 2])", "plt.plot([1, 3])") + "\n# %%\nnew"
    )
    cells = tool.read(stored).cells
    assert cells[:3] == old[:3]
    assert (cells[3].id, cells[3].source.splitlines()[0]) == (old[3].id, "plt.plot([1, 3])")
    assert (cells[4].source, cells[4].outputs) == ("new", [])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_notebooks_of_the_course_survive_text_and_back(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    text_and_back(copy)
    assert copy.read_bytes() == path.read_bytes()


def test_check_names_each_fault(tmp_path):
    path, cell = tmp_path / "nb.ipynb", new_code_cell("1", execution_count=1)
    cell.outputs = [new_output("display_data", {"text/plain": "1"})]
    tool.write(path, new_notebook(cells=[cell]))
    assert tool.check(path) == []
    clean = path.read_text()
    faults = {
        '"metadata": {},\n   "outputs"': ('"metadata": {"trusted2": 1},\n   "outputs"', "metadata"),
        '"execution_count": 1': ('"execution_count": 3', "execution count 3"),
        '"text/plain": [': (f'"{tool.WIDGET_VIEW}": {{}}, "text/plain": [', "outputs"),
        '"language_info": {': ('"widgets": {}, "language_info": {', "notebook metadata"),
        '"nbformat_minor": 5\n}\n': ('"nbformat_minor": 5\n}', "bytes"),
    }
    for good, (bad, message) in faults.items():
        assert good in clean
        path.write_text(clean.replace(good, bad))
        assert message in "\n".join(tool.check(path))


def test_pictures(tmp_path):
    cell = new_code_cell("1", outputs=[new_output("display_data", {"image/png": "QUJD"})])
    tool.write(tmp_path / "nb.ipynb", new_notebook(cells=[cell]))
    tool.main(["pictures", str(tmp_path / "nb.ipynb"), str(tmp_path / "out")])
    assert (tmp_path / "out" / "nb-cell000-0.png").read_bytes() == b"ABC"
