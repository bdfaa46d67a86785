"""The audit of what the course installs: it sees what must not stay, and says what it asked."""

import pytest

from tools import audit

ADVICE = {"id": "PYSEC-0", "fix_versions": ["2.1"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "MIT"),
        ("a", "Apache-2.0 OR GPL-3.0"),
        ("a", "BSD-3-Clause AND 0BSD AND (MIT OR Apache-2.0) AND Zlib"),
        ("a", "Apache-2.0 WITH LLVM-exception"),
        ("nvidia-cublas", "LicenseRef-NVIDIA-Proprietary"),
    ],
)
def test_licences_that_may_stay(name, text):
    assert audit.accepted(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "GPL-3.0-only"),
        ("a", "MIT AND AGPL-3.0"),
        ("a", "GNU General Public License v3 (GPLv3)"),
        ("a", "not stated"),
        ("a", "Other/Proprietary License"),
        ("a", "MITRE only"),
        ("nvidia-cublas", "GPL-3.0"),
        ("not-nvidia-at-all", "LicenseRef-NVIDIA-Proprietary"),
    ],
)
def test_licences_that_must_not_stay(name, text):
    assert not audit.accepted(name, text)


def test_every_dependency_is_listed(capsys):
    assert audit.licences() == []
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"d4sci", "torch", "numpy", "nbval", "scipy", "pyzmq"} <= set(listed)
    assert len(listed) > 100
    assert listed == sorted(set(listed))


def test_faults_of_each_kind(monkeypatch, capsys):
    monkeypatch.setattr(audit, "closure", lambda *_: ["torch", "never-written"])
    monkeypatch.setattr(audit, "LICENCES", "Nobody's")
    monkeypatch.setattr(audit, "conflicts", lambda: ["a 1 requires b, which is not installed."])
    weak = {"name": "a", "version": "2.0", "vulns": [ADVICE]}
    advice = audit.weaknesses([weak, {"name": "b", "skip_reason": "not found"}])
    monkeypatch.setattr(audit, "advisories", lambda: advice)
    assert audit.main() == 1
    *_, one, two, three, four, last = capsys.readouterr().out.splitlines()
    assert one == "fault: a 1 requires b, which is not installed."
    assert two.startswith("fault: torch ")
    assert three == "fault: never-written is not installed"
    assert four == "fault: a 2.0: PYSEC-0, mended in ['2.1']"
    assert last.endswith("Advisories (pip-audit): 1 of 2 packages.")


def test_no_database_is_said_and_is_no_fault(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(audit, "WORK", tmp_path)
    monkeypatch.setattr(audit, "licences", list)
    monkeypatch.setattr(audit.sys, "executable", "/nowhere/python")
    monkeypatch.setattr(audit, "conflicts", list)
    assert audit.main() == 0
    assert "Advisories (pip-audit): nothing, FileNotFoundError" in capsys.readouterr().out
