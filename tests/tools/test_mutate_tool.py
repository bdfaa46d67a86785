"""tools/mutate.py changes code and no text, the same sample for a seed, and sees who notices."""

import ast
import subprocess
import sys

import pytest

from tests.support.notebooks import ROOT
from tools.mutants import MODULES, draw, mutants, read_equivalent

SOURCE = '''\
"""About 1 + 1."""

NAME = "a" + "b"


def mean(values: list | None, *, shift: int = 5):
    """Return 1 / 2."""
    if not values:
        raise ValueError("no values", 1 + len(values))
    return sum(values) / len(values)


def largest(values):
    β = f"ε{1}"; top = max(values[1:], default=values[0])  # letters of two bytes
    return top if top > values[0] and not β < "β" else values[0]
'''
CHANGES = {
    "5 -> 6", "not values -> values", "not values -> not not values",
    "sum(values) / len(values) -> sum(values) * len(values)",
    "return sum(values) / len(values) -> return None", "max -> min", "1: -> :", "1 -> 2", "0 -> 1",
    "0 -> 1 (number 2 of the line)", "top > values[0] -> top >= values[0]",
    "top > values[0] -> top <= values[0]", "not β < 'β' -> β < 'β'", "β < 'β' -> β <= 'β'",
    "β < 'β' -> β >= 'β'",
    "top > values[0] and (not β < 'β') -> top > values[0] or not β < 'β'",
    "top > values[0] and (not β < 'β') -> not (top > values[0] and (not β < 'β'))",
    "return top if top > values[0] and (not β < 'β') else values[0] -> return None",
}  # fmt: skip
TEST = """
from d4sci.tiny import mean

def test_mean():
    assert mean([1, 2]) == 1.5
"""


@pytest.fixture
def repository(tmp_path):
    """Return a repository with one module, and a test of half of it."""
    (tmp_path / "d4sci").mkdir()
    (tmp_path / "d4sci" / "__init__.py").touch()
    (tmp_path / "d4sci" / "tiny.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_tiny.py").write_text(TEST, encoding="utf-8")
    return tmp_path


def mutate(repository, *options):
    """Run the tool as its users do; return its exit status and all that it said."""
    command = [sys.executable, "-m", "tools.mutate", "--root", str(repository), "--modules", "tiny"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def texts(source):
    values = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [value for value in values if isinstance(value, str)]


def test_every_change_is_found_and_applied_where_it_belongs():
    found = mutants("tiny", SOURCE)
    assert {mutant.change for mutant in found} == CHANGES
    assert len(found) == len(CHANGES) + 1  # `0 -> 1` of two lines
    for mutant in found:
        changed = mutant.applied(SOURCE)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE))
        lines = zip(changed.splitlines(), SOURCE.splitlines(), strict=True)
        assert [i for i, (a, b) in enumerate(lines, 1) if a != b] == [mutant.line]
        assert mutant.code == SOURCE.splitlines()[mutant.line - 1].strip()
        if " -> return None" not in mutant.change:
            assert texts(changed) == texts(SOURCE)
    top = next(mutant for mutant in found if mutant.change == "max -> min")
    assert top.applied(SOURCE) == SOURCE.replace("max(", "min(")


def test_what_no_line_of_the_tiny_module_has():
    changes = {
        "f(dim=0)": {"pass", "1"}, "f(dim=-1)": {"pass"}, "x += 2": {"x -= 2", "3"},
        "a.argmin()": {"pass", "a.argmax"}, "y = True": {"False"}, "y = -x": {"x"},
        "y = x[:3]": {":", "4"}, "y = 1e300": {"2e+300"}, "y = a @ b": {"a * b"},
        "y = 1 in x is not x": {"1 not in x is not x", "1 in x is x", "2"},
        "while x: x = x // 2": {"not x", "x / 2", "3"}, "@f(1)\ndef g() -> 1: pass": set(),
    }  # fmt: skip
    for source, expected in changes.items():
        found = [mutant.change.partition(" -> ")[2] for mutant in mutants("x", source)]
        assert sorted(found) == sorted(expected), source


def test_a_seed_gives_its_sample(repository):
    everything = draw(repository, ["tiny"], 100, 0)
    assert everything == mutants("tiny", SOURCE)
    first = draw(repository, ["tiny"], 9, 1)
    assert first == draw(repository, ["tiny"], 9, 1) != draw(repository, ["tiny"], 9, 2)
    assert first == [mutant for mutant in everything if mutant in first]
    assert len(first) == 9
    (repository / "d4sci" / "none.py").write_text("def f():\n    return None\n")
    assert draw(repository, ["none"], 9, 0) == []  # nothing that would be a change


def test_the_killed_the_survivors_and_the_equivalent(repository, tmp_path_factory):
    (repository / "tests" / "support").mkdir()
    (repository / "tests" / "support" / "mutants_equivalent.txt").write_text(
        "Words.\n\ntiny\nreturn sum(values) / len(values)\n"
        "return sum(values) / len(values) -> return None\nbecause we say so\n",
        encoding="utf-8",
    )
    results = tmp_path_factory.mktemp("results") / "results.txt"
    status, output = mutate(repository, "--results", str(results))
    assert status == 1  # most survive
    survivors = {line for line in output.splitlines() if line.startswith("survived: ")}
    killed = ["8: not values -> values", "8: not values -> not not values"]
    killed += ["10: sum(values) / len(values) -> sum(values) * len(values)"]
    assert survivors == {
        f"survived: {mutant}"
        for mutant in mutants("tiny", SOURCE)
        if "return sum" not in mutant.change
        and str(mutant) not in [f"tiny.py:{line}" for line in killed]
    }
    assert ["in", "all", "19", "3", "0", "1", "15"] in map(str.split, output.splitlines())
    assert "killed: 3 of 18 = 16.7%" in output
    assert (repository / "d4sci" / "tiny.py").read_text(encoding="utf-8") == SOURCE
    lines = results.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 18
    results.write_text("\n".join(lines).replace("survived", "failed") + "\n", encoding="utf-8")
    assert mutate(repository, "--results", str(results))[0] == 0  # taken from the file


def test_no_mutant_is_tried_where_a_test_fails_anyway(repository):
    path = repository / "tests" / "test_tiny.py"
    path.write_text(TEST.replace("1.5", "1.6"), encoding="utf-8")
    status, output = mutate(repository)
    assert status == 1
    assert "test_tiny.py must pass before" in output
    assert "survived" not in output


def test_the_quickest_test_comes_first_and_an_endless_one_ends(repository):
    code = "from time import sleep\ndef test_a(): sleep(0.5)\ndef test_b(): pass\n"
    (repository / "tests" / "test_tiny.py").write_text(code, encoding="utf-8")
    (repository / "tests" / "test_ever.py").write_text("while True: pass", encoding="utf-8")
    script = (
        f"from tools.mutate import run\nroot = {str(repository)!r}\n"
        "seconds = run(root, ['test_tiny.py'])[1]\n"
        "print(list(run(root, ['test_tiny.py'], seconds=seconds)[1]))\n"
        "print(run(root, ['test_ever.py'], timeout=2)[0])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    b, a = (f"tests/test_tiny.py::test_{name}" for name in "ba")
    assert done.stdout == f"{[b, a]}\ntimeout\n"


def test_the_modules_and_the_list_are_those_of_the_package():
    assert {"support.checks", "engines.boxes", "distance", "kmeans", "training"} <= set(MODULES)
    assert not {"__main__", "plotting.base", "exercises.verdict"} & set(MODULES)
    everything = {(m.module, m.code, m.change) for m in draw(ROOT, MODULES, 10**6, 0)}
    assert read_equivalent(ROOT).keys() <= everything  # none that is no longer there
