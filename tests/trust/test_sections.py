"""Every section runs on its own after the set-up cell: nobody who joins late is lost."""

import pytest

from tests.notebooks import FOLDER, PATHS, code_cells, sections
from tools.nb import execute, read


def alone(path):
    """Return {section title: notebook of the set-up cell and that section}, if it has code."""
    nb, found = read(path), {}
    for title, start, end in sections(nb):
        first = code_cells(nb)[0][1]
        part = nb | {"cells": [first, *(c for c in nb.cells[start:end] if c is not first)]}
        if len(code_cells(part)) > 1:
            found[title] = part
    return found


SECTIONS = [(path.stem, title) for path in PATHS for title in alone(path)]


@pytest.mark.parametrize(("notebook", "title"), SECTIONS)
def test_section(notebook, title):
    part = alone(FOLDER / f"{notebook}.ipynb")[title]
    faults = execute(part, FOLDER)
    assert not faults, "\n".join(faults)
