"""Every section runs on its own after the set-up cell: nobody who joins late is lost."""

from copy import deepcopy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.support.notebooks import FOLDER, PATHS, code_cells, sections
from tools.notebooks import execute, read, write


def alone(path):
    """Return {section title: notebook of the set-up cell and that section}, if it has code."""
    nb, found = read(path), {}
    for title, start, end in sections(nb):
        first = code_cells(nb)[0][1]
        part = deepcopy(nb)
        part.cells = [first, *(cell for cell in nb.cells[start:end] if cell is not first)]
        if len(code_cells(part)) > 1:
            found[title] = part
    return found


SECTIONS = [(path.stem, title) for path in PATHS for title in alone(path)]


@pytest.mark.parametrize(("notebook", "title"), SECTIONS)
def test_section(notebook, title):
    part = alone(FOLDER / f"{notebook}.ipynb")[title]
    faults = execute(part, FOLDER)
    assert not faults, "\n".join(faults)


def test_a_section_that_needs_another_is_seen(tmp_path):
    cells = ["a = 1", "## First", "b = a", "## Second", "print(b)", "## The end"]
    kinds = [new_markdown_cell if cell.startswith("#") else new_code_cell for cell in cells]
    nb = new_notebook(cells=[kind(cell) for kind, cell in zip(kinds, cells, strict=True)])
    write(tmp_path / "x.ipynb", nb)
    parts = alone(tmp_path / "x.ipynb")
    assert list(parts) == ["First", "Second"]
    assert execute(parts["First"], tmp_path) == []
    assert "NameError" in execute(parts["Second"], tmp_path)[0]
