"""Notebook 2's exercises: the stub, the solution, and each typical mistake with its hint."""

import pytest
import torch

from d4sci.exercises import unsupervised as ex
from tests.support.exercise_rules import demand_all_listed, demand_hint, demand_stub_and_solution


def components(X, share, *, center=True, power=2):
    s = torch.linalg.svdvals(X - X.mean(0) if center else X) ** power
    return int(((s / s.sum()).cumsum(0) < share).sum()) + 1


def shares(X, share):
    s = torch.linalg.svdvals(X - X.mean(0)) ** 2
    return (s / s.sum()).cumsum(0)


def one_round(X, mu, *, empty="stay", reduce="mean"):
    labels = torch.cdist(X, mu).argmin(1)
    new = mu.clone() if empty == "stay" else torch.full_like(mu, empty)
    for j in labels.unique():
        new[j] = getattr(X[labels == j], reduce)(0)
    return new


def counts(X, eps):
    return (torch.cdist(X, X) <= eps).sum(1)


CORRECT = {
    ex.check_components: components,
    ex.check_round: one_round,
    ex.check_core: lambda X, eps, m: counts(X, eps) >= m,
}
WRONG = [
    (ex.check_components, lambda X, s: components(X, s, center=False), "centre the columns"),
    (ex.check_components, lambda X, s: components(X, s, power=1), "square the singular values"),
    (ex.check_components, shares, "how many are needed"),
    (ex.check_components, lambda X, s: 0, "expected 2, got 0"),
    (ex.check_round, lambda X, mu: one_round(X, mu, empty=torch.nan), "NaN"),
    (ex.check_round, lambda X, mu: one_round(X, mu, empty=0.0), "stay where it is"),
    (ex.check_round, lambda X, mu: one_round(X, mu)[:2], "got lost"),
    (ex.check_round, lambda X, mu: torch.cdist(X, mu).argmin(1), "now move the centres"),
    (ex.check_round, lambda X, mu: mu, "have not moved"),
    (ex.check_round, lambda X, mu: one_round(X, mu, reduce="sum"), "divide by the number"),
    (ex.check_core, lambda X, eps, m: counts(X, eps), "compare them"),
    (ex.check_core, lambda X, eps, m: counts(X, eps) > m, "use ≥"),
    (ex.check_core, lambda X, eps, m: counts(X, eps) - 1 >= m, "count it"),
    (ex.check_core, lambda X, eps, m: (torch.cdist(X, X) < eps).sum(1) >= m, "use ≤"),
    (ex.check_core, lambda X, eps, m: counts(X, eps) < m, "the wrong way round"),
]


def test_every_checker_is_listed():
    demand_all_listed(ex, CORRECT, WRONG)


@pytest.mark.parametrize("check", CORRECT, ids=lambda c: c.__name__)
def test_stub_and_solution(check, capsys):
    demand_stub_and_solution(check, CORRECT[check], capsys)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_own_hint(check, answer, hint, capsys):
    demand_hint(check, answer, hint, capsys)
