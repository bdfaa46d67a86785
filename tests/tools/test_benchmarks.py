"""The benchmarks judge fairly, and every row of theirs still runs."""

import ast
import itertools
from graphlib import TopologicalSorter

import pytest

from benchmarks import bands, course, paths, race, report, scaling
from benchmarks.rows import ROWS
from benchmarks.rows.base import PLAIN_PATH


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(race, "REST", 0)


def test_runners_take_turns_and_a_worse_result_is_void():
    calls = []

    def runner(name, result):
        return lambda: calls.append(name) or result

    results = {"peer": 1.0, "d4sci": 1.1, "x": 2.0}
    runners = {name: runner(name, result) for name, result in results.items()}
    made = race.Race(runners, lambda a, b: a - b, "excess", 0.5)
    found = race.run(made, repeats=2)
    assert calls == ["peer", "d4sci", "x"] * 3
    assert {name: cell["void"] for name, cell in found.items()} == {
        "peer": False, "d4sci": False, "x": True
    }  # fmt: skip
    assert all(cell["runs"] == 2 for cell in found.values())  # the first is not counted


def test_who_is_slow_runs_less(monkeypatch):
    clock = itertools.count(0, 40.0)
    monkeypatch.setattr(race.time, "perf_counter", lambda: next(clock))
    made = race.Race({"peer": int, "d4sci": int}, lambda a, b: 0, "nothing", 0)
    assert race.run(made, repeats=5, patience=60)["peer"]["runs"] == 1


def test_short_races_go_on_for_a_while(monkeypatch):
    monkeypatch.setattr(race, "REST", 0)
    made = race.Race({"peer": int, "d4sci": int}, lambda a, b: 0, "nothing", 0)
    assert race.run(made, repeats=2, spread=60)["peer"]["runs"] == 8
    assert race.run(made, repeats=2, spread=0)["peer"]["runs"] == 2


def test_nan_is_void():
    made = race.Race({"peer": int, "d4sci": int}, lambda a, b: float("nan"), "nothing", 0)
    assert all(cell["void"] for cell in race.run(made, repeats=1).values())


def test_absent_peers_are_named():
    made = race.Race({"peer": int, "d4sci": int}, lambda a, b: 0, "nothing", 0)
    made.add_if_installed("no_such_module", "stranger", int)
    made.add_if_installed("math", "friend", int)
    assert made.absent == ["stranger"]
    assert "friend" in made.runners
    name = next(iter(ROWS))
    result = {"measure": "", "absent": made.absent, "runners": race.run(made), "quick": True}
    assert report.lines_of(name, result)[-1].startswith("| | stranger: not installed")


def test_slope():
    at = [10, 20, 40]
    assert scaling.slope(at, [3 * a**1.5 for a in at]) == pytest.approx(1.5)


@pytest.mark.parametrize("name", [n for n in ROWS if n not in ("svm", "logistic_regression")])
def test_rows_run(name):
    row = ROWS[name]
    made = row.build(n=row.warm)
    assert set(row.targets) <= set(made.runners)
    peer = next(iter(made.runners))
    chosen = [peer, race.OURS]
    chosen += [] if name in ("pca", "knn") else [PLAIN_PATH]  # seconds, on a busy machine
    made.runners = {who: made.runners[who] for who in chosen if who in made.runners}
    found = race.run(made, repeats=0)
    few = name in ("train_loop", "mlp_by_hand", "gcn")  # too few rows to learn what they should
    assert few or not any(cell["void"] for cell in found.values())


def test_no_circle_among_the_files():
    graph = {}
    for path in sorted((race.ROOT / "benchmarks").rglob("*.py")):
        name = ".".join(path.relative_to(race.ROOT).with_suffix("").parts)
        found = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        name = name.removesuffix(".__init__")
        graph[name] = found - {"benchmarks", name}
    TopologicalSorter({name: found & graph.keys() for name, found in graph.items()}).prepare()
    assert "benchmarks.rows" in graph["benchmarks.memory"]


def test_a_runner_that_is_left_out_is_named_with_the_reason():
    name = next(iter(ROWS))
    result = {"measure": "", "absent": [], "left_out": {"x": "left out: slow"}, "quick": True}
    cell = {"seconds": 1.0, "runs": 1, "quality": 0.0, "void": False}
    result["runners"] = {race.OURS: cell}
    assert report.lines_of(name, result)[-1].startswith("| | x: left out: slow |")


@pytest.mark.parametrize("pair", paths.PAIRS, ids=lambda pair: f"{pair.name}, {pair.plain}")
def test_both_paths_end_at_one_answer(pair):
    bound = {"share": 0, "relative": 1e-8, "excess": 0.01}[pair.difference.__name__]
    data_sets = paths.awkward(n=100)
    for data in ("usual", "one feature", "a constant column"):  # the lessons' tests have the rest
        X = data_sets[data]
        plain, _, warned = paths.timed(pair.fit, pair.plain, X)
        engine, _, _ = paths.timed(pair.fit, pair.engine, X)
        assert warned or abs(pair.difference(plain, engine, X)) <= bound, data


def test_lines_have_the_columns_of_their_heads():
    def columns(line):
        return line.replace("\\|", "").count("|")

    cell = {"seconds": 1.0, "runs": 1, "quality": 0.0, "void": False}
    result = {"measure": "", "absent": [], "runners": {race.OURS: cell}, "quick": False}
    curve = {"at": [1, 2], "seconds": [1.0, 2.0], "memory": [1, 2]}
    notebook = {"seconds": 1.0, "memory": 1, "slowest": [(1.0, "a")]}
    for head, lines in (
        (report.HEAD, report.lines_of("pca", result)),
        (scaling.HEAD, scaling.lines_of("pca", "n", {race.OURS: curve})),
        (course.HEAD, course.lines_of("1-x", notebook)),
        (paths.HEAD, [paths.line_of(paths.PAIRS[0], "usual", 0.0, 1.0, 1.0, False)]),
        (bands.HEAD, bands.lines_of({"claim": [1.0, 2.0]})),
    ):
        assert [columns(line) for line in lines] == [columns(head.splitlines()[0])] * len(lines)
