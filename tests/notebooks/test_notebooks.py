"""Every stored notebook keeps the rules of `notebook_guards` and of docs/syllabus.md."""

import pytest

from tests.support.notebook_guards import GUARDS
from tests.support.notebooks import NAMES, PATHS, ROOT
from tests.support.syllabus_guards import (
    coverage_faults,
    kind_faults,
    place_faults,
    read_syllabus,
    table_faults,
    tag_faults,
)
from tools.notebooks import check, read

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def syllabus():
    return read_syllabus((ROOT / "docs" / "syllabus.md").read_text(encoding="utf-8"))


def demand_none(faults):
    """Fail with one fault a line."""
    faults = list(faults)
    assert not faults, "\n" + "\n".join(faults)


@each_notebook
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_rule(path, guard):
    demand_none(guard(read(path), path))


@each_notebook
def test_normal_form(path):
    demand_none(check(path))


def test_names():
    assert PATHS, "no notebooks: every other test here would pass unseen"
    assert {path.name for path in PATHS} <= set(NAMES)


@each_notebook
def test_tags(path, syllabus):
    nb, items = read(path), syllabus[0]
    demand_none([*tag_faults(nb), *kind_faults(nb, items)])


@each_notebook
def test_places(path, syllabus):
    demand_none(place_faults(read(path), int(path.name[0]), syllabus[0]))


def test_syllabus_table(syllabus):
    assert len(syllabus[0]) > 100  # the table was understood
    demand_none(table_faults(*syllabus))


def test_coverage(syllabus):
    demand_none(coverage_faults({path.name: read(path) for path in PATHS}, *syllabus))
