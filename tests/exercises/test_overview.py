"""Each exercise: the stub is "not done", the solution "correct", each mistake gets its hint."""

import re

import pytest
import torch

from d4sci.exercises import (
    applications as exercises_applications,
)
from d4sci.exercises import (
    networks as exercises_networks,
)
from d4sci.exercises import overview as ex
from d4sci.exercises import (
    supervised as exercises_supervised,
)
from d4sci.exercises import (
    unsupervised as exercises_unsupervised,
)
from tests.support.exercise_rules import demand_all_listed, demand_hint, demand_stub_and_solution
from tests.support.notebooks import PATHS, code_cells, tags
from tools.notebooks import read


def descend(f, start, alpha, steps, *, clear=True, sign=-1, change_start=False):
    x = start if change_start else start.clone()
    x.requires_grad_()
    for _ in range(steps):
        f(x).backward()
        with torch.no_grad():
            x += sign * alpha * x.grad
        if clear:
            x.grad = None
    return x.detach()


def k(rewards):
    return torch.arange(len(rewards))


def scores(y, p):
    hit = ((p == 1) & (y == 1)).sum()
    return hit / (p == 1).sum(), hit / (y == 1).sum()


def minmax(X, by):
    low, high = by.min(dim=0).values, by.max(dim=0).values
    return (X - low) / (high - low)


CORRECT = {
    ex.check_return: lambda r, g: (g ** k(r) * r).sum(),
    ex.check_scores: scores,
    ex.check_scaling: lambda a, b: (minmax(a, a), minmax(b, a)),
    ex.check_descent: descend,
    ex.check_standardise: lambda X: (X - X.mean(0)) / X.std(0, correction=0),
}
WRONG = [
    (ex.check_return, lambda r, g: (g ** (k(r) + 1) * r).sum(), "exponent is 0"),
    (ex.check_return, lambda r, g: r.sum(), "plain sum"),
    (ex.check_return, lambda r, g: g ** k(r) * r, "add them up"),
    (ex.check_return, lambda r, g: (g ** k(r).flip(0) * r).sum(), "the other way round"),
    (ex.check_return, lambda r, g: (g * k(r) * r).sum(), "power of k"),
    (ex.check_return, lambda r, g: r[10], "IndexError"),
    (ex.check_return, lambda r, g: 17.0, "expected 2.6"),
    (ex.check_scores, lambda y, p: scores(y, p)[::-1], "swapped"),
    (ex.check_scores, lambda y, p: (0.7, scores(y, p)[1]), "TP + FP"),
    (ex.check_scores, lambda y, p: ((y == p).float().mean(),) * 2, "accuracy"),
    (ex.check_scores, lambda y, p: scores(1 - y, 1 - p), "class 0"),
    (ex.check_scores, lambda y, p: scores(1 - p, 1 - y), "class 0"),
    (ex.check_scores, lambda y, p: scores(y, p)[0], "two values"),
    (ex.check_scaling, lambda a, b: (minmax(a, a), minmax(b, b)), "own range"),
    (ex.check_scaling, lambda a, b: tuple(minmax(X, torch.cat([a, b])) for X in (a, b)), "leak"),
    (ex.check_scaling, lambda a, b: tuple((X - a.min()) / (a.max() - a.min()) for X in (a, b)),
     "each column"),
    (ex.check_scaling, lambda a, b: (minmax(a, a), minmax(b, a).clamp(0, 1)), "cut off"),
    (ex.check_scaling, lambda a, b: tuple((X - a.mean(0)) / a.std(0) for X in (a, b)),
     "standardises"),
    (ex.check_scaling, lambda a, b: minmax(a, a), "two values"),
    (ex.check_descent, lambda *a: descend(*a, clear=False), "pile up"),
    (ex.check_descent, lambda *a: descend(*a, sign=1), "uphill"),
    (ex.check_descent, lambda f, s, a, n: descend(f, s, a, n - 1), "one step short"),
    (ex.check_descent, lambda f, s, a, n: descend(f, s, a, n + 1), "too many"),
    (ex.check_descent, lambda f, s, a, n: s, "never changed"),
    (ex.check_descent, lambda *a: descend(*a, change_start=True), "start.clone()"),
    (ex.check_standardise, lambda X: (X - X.mean(0)) / X.std(0), "correction=0"),
    (ex.check_standardise, lambda X: (X - X.mean(0)) / X.var(0, correction=0), "variance"),
    (ex.check_standardise, lambda X: X - X.mean(0), "not yet divided"),
    (ex.check_standardise, lambda X: X / X.std(0, correction=0), "subtracted"),
    (ex.check_standardise, lambda X: (X - X.mean()) / X.std(correction=0), "per column"),
    (ex.check_standardise, lambda X: CORRECT[ex.check_standardise](X.T).T, "rows instead"),
    (ex.check_standardise, lambda X: X.mean(0), "of shape (4, 2), got"),
]  # fmt: skip


def test_every_checker_is_listed():
    demand_all_listed(ex, CORRECT, WRONG)


@pytest.mark.parametrize("check", CORRECT, ids=lambda c: c.__name__)
def test_stub_and_solution(check, capsys):
    demand_stub_and_solution(check, CORRECT[check], capsys)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_own_hint(check, answer, hint, capsys):
    demand_hint(check, answer, hint, capsys)


# --- the notebooks


def exercises():
    """Yield (notebook, the sources of set-up, stub, check and solution) of every exercise."""
    for path in PATHS:
        cells = [cell for _, cell in code_cells(read(path))]
        places = [i for i, cell in enumerate(cells) if "exercise-stub" in tags(cell)]
        for i in places:
            yield path.stem, [cell.source for cell in (cells[0], *cells[i : i + 3])]


EXERCISES = list(exercises())
MODULES = [
    ex, exercises_unsupervised, exercises_supervised, exercises_networks, exercises_applications,
]  # fmt: skip


@pytest.mark.parametrize(
    ("notebook", "sources"), EXERCISES, ids=[re.findall(r"my_\w+", e[1][1])[0] for e in EXERCISES]
)
def test_the_stub_and_the_solution_of_the_notebook(notebook, sources, capsys):
    """The cells themselves, after the set-up cell: the stub, its check, the solution."""
    setup, stub, check, solution = sources
    names = {}
    for source in (setup.replace("use_style()", ""), stub, check, solution):
        exec(source, names)
    not_done, correct = capsys.readouterr().out.splitlines()
    assert not_done.startswith("Not done yet")
    assert correct.startswith("Correct")
    answer = re.findall(r"my_\w+", stub)[0]
    assert f"def {answer}(" in stub
    assert answer in not_done
    assert answer in correct
    assert stub.partition("(")[2].partition(")")[0] == solution.partition("(")[2].partition(")")[0]


def test_every_checker_has_its_exercise():
    used = [re.findall(r"^check_\w+", sources[2], re.MULTILINE) for _, sources in EXERCISES]
    known = {name for module in MODULES for name in vars(module) if name.startswith("check_")}
    assert all(len(names) == 1 for names in used)
    assert sorted(name for (name,) in used) == sorted(known)


def test_a_checker_with_two_wrong_answers_is_seen():
    wrong = [row for row in WRONG if row[0] is not ex.check_scores]
    few = [row for row in WRONG if row[0] is ex.check_scores][:2]
    with pytest.raises(AssertionError):
        demand_all_listed(ex, CORRECT, [*wrong, *few, *few])
