"""What `make audit` and `make matrix` are told: licences that may stay, programs, rows."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from tests.support.notebooks import ROOT
from tools import version_table

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
AUDIT = SETTINGS["tool"]["pip-licenses"]
ALLOWED = set(re.split(r"; *", AUDIT["allow-only"]))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_list_has_no_licence_that_binds_what_uses_it():
    parts = {part for text in ALLOWED for part in re.split(r" (?:AND|OR|WITH) ", text)}
    free = r"MIT|0?BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|Zlib|CC0|CC-BY-4|LLVM-exc|BSL-1"
    others = {part for part in parts if not re.match(free, part)}
    assert others == {"LicenseRef-NVIDIA-Proprietary", "NVIDIA Proprietary Software"}
    assert all(re.match("nvidia|cuda", name) for name in AUDIT["ignore-packages"])
    assert "partial-match" not in AUDIT  # "MIT" would let "MIT AND GPL-3.0" pass


@pytest.mark.parametrize("name", SETTINGS["project"]["dependencies"])
def test_the_list_has_the_licence_of_each_dependency(name):
    about = metadata.metadata(re.match(r"[\w-]+", name)[0])
    classifiers = about.get_all("Classifier") or []
    found = {line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")}
    found |= {about.get("License-Expression"), about.get("License")}
    assert found & ALLOWED


def test_the_programs_are_pinned():
    (line,) = re.findall(r"-c constraints.txt (nox .*)", MAKEFILE)
    extra = SETTINGS["project"]["optional-dependencies"]["tools"]
    names = [re.match(r"[\w-]+", need)[0] for need in extra]
    assert line.split() == names
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = re.findall(r"^([\w.-]+)==", constraints, re.MULTILINE)
    assert {*map(canonicalize_name, names)} <= {*map(canonicalize_name, pinned)}


def test_advisories_are_never_passed_over_in_silence():
    command = MAKEFILE.partition("pip-audit --strict")[2].partition("\n\n")[0]
    assert "NOT checked" in command
    assert "exit 1" in command


def test_counts_are_those_of_pytest():
    end = "x\n== 3 failed, 2494 passed, 1 skipped, 2 warnings in 9.1s ==\n"
    assert version_table.count(end) == "2494 passed, 3 failed, 1 skipped"
    assert (
        version_table.count("1 passed, 2 errors in 1s") == "1 passed, 0 failed, 0 skipped, 2 errors"
    )
    assert version_table.count("Killed") == "did not finish: see the log"


def test_the_table_is_written_by_the_tool(tmp_path, monkeypatch):
    """Storing what is stored gives the same bytes: nobody edited the page by hand."""
    before = version_table.TABLE.read_text("utf-8")
    rows = version_table.stored()
    assert list(rows) == version_table.ROWS
    monkeypatch.setattr(version_table, "TABLE", tmp_path / "matrix.md")
    version_table.store(rows)
    assert (tmp_path / "matrix.md").read_text("utf-8") == before
    failed = version_table.row_not_installed("Reading\n  torch has no wheel | here\n", 0.0)
    version_table.store({"oldest-3.14": failed})
    assert version_table.stored()["oldest-3.14"][6] == "not installed:   torch has no wheel / here"
    assert version_table.stored()["newest-3.14"][0] == "not run yet"
