"""Notebook 3's exercises: the stub, the solution, and each typical mistake with its hint."""

import pytest
import torch
from torch.nn.functional import softplus

from d4sci.exercises import supervised as ex
from tests.support.exercise_rules import demand_all_listed, demand_hint, demand_stub_and_solution


def sums(d, labels, power=-1):
    return torch.bincount(labels, weights=d**power)


def gradient(X, y, w, *, factor=1.0):
    return factor * X.T @ (X @ w - y) / len(y)


def losses(z, y):
    return softplus(z) - y * z


def naive(z, y):
    h = torch.sigmoid(z)
    return -(y * h.log() + (1 - y) * (1 - h).log()).mean()


def svm(w, b, X, y, C, *, half=0.5, start=1.0, reduce="sum", low=0.0):
    hinge = (start - y * (X @ w + b)).clamp(min=low)
    return half * w @ w + C * getattr(hinge, reduce)()


CORRECT = {
    ex.check_vote: lambda d, labels: sums(d, labels).argmax(),
    ex.check_gradient: gradient,
    ex.check_log_loss: lambda z, y: losses(z, y).mean(),
    ex.check_svm_loss: svm,
}
WRONG = [
    (ex.check_vote, lambda d, labels: labels.bincount().argmax(), "counts the same"),
    (ex.check_vote, sums, "these are the sums"),
    (ex.check_vote, lambda d, labels: sums(d, labels).max(), "its class (argmax)"),
    (ex.check_vote, lambda d, labels: sums(d, labels).argmin(), "the far ones count most"),
    (ex.check_vote, lambda d, labels: None + 1, "TypeError"),
    (ex.check_gradient, lambda X, y, w: gradient(X, y, w, factor=-1), "the sign"),
    (ex.check_gradient, lambda X, y, w: gradient(X, y, w, factor=4), "divide by n"),
    (ex.check_gradient, lambda X, y, w: gradient(X, y, w, factor=2), "no factor 2"),
    (ex.check_gradient, lambda X, y, w: gradient(X, y, w, factor=8), "divide by n, and no"),
    (ex.check_gradient, lambda X, y, w: gradient(X, y, w, factor=0.5), "the ½ of J cancels"),
    (ex.check_gradient, lambda X, y, w: ((X @ w - y) ** 2).mean() / 2, "this is J itself"),
    (ex.check_gradient, lambda X, y, w: X @ w - y, "these are the residuals"),
    (ex.check_log_loss, naive, "NaN for z = 1000"),
    (ex.check_log_loss, lambda z, y: -(torch.sigmoid((2 * y - 1) * z).log()).mean(), "infinite"),
    (ex.check_log_loss, lambda z, y: losses(z, y).sum(), "not the sum"),
    (ex.check_log_loss, losses, "losses of the rows"),
    (ex.check_log_loss, lambda z, y: -losses(z, y).mean(), "the sign"),
    (ex.check_log_loss, lambda z, y: (softplus(z) + y * z).mean(), "subtract y z"),
    (ex.check_log_loss, lambda z, y: torch.sigmoid(z), "these are probabilities"),
    (ex.check_svm_loss, lambda *a: svm(*a, reduce="mean"), "not their mean"),
    (ex.check_svm_loss, lambda *a: svm(*a, half=1.0), "½ in front"),
    (ex.check_svm_loss, lambda *a: svm(*a, low=-torch.inf), "no loss below zero"),
    (ex.check_svm_loss, lambda w, b, X, y, C: svm(w, b, X, y, 1.0), "C is missing"),
    (ex.check_svm_loss, lambda w, b, X, y, C: svm(w, b, X, y, C) - w @ w / 2 + w.norm() / 2,
     "has to be squared"),
    (ex.check_svm_loss, lambda w, b, X, y, C: svm(w, 0.0, X, y, C), "b is missing"),
    (ex.check_svm_loss, lambda *a: svm(*a, start=0.0), "starts at 1"),
    (ex.check_svm_loss, lambda *a: svm(*a, half=0.0), "½‖w‖² is missing."),
    (ex.check_svm_loss, lambda w, b, X, y, C: svm(w, b, X, y, 1.0, half=0.0), "and C"),
]  # fmt: skip


def test_every_checker_is_listed():
    demand_all_listed(ex, CORRECT, WRONG)


@pytest.mark.parametrize("check", CORRECT, ids=lambda c: c.__name__)
def test_stub_and_solution(check, capsys):
    demand_stub_and_solution(check, CORRECT[check], capsys)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_own_hint(check, answer, hint, capsys):
    demand_hint(check, answer, hint, capsys)


def test_a_logarithmic_loss_may_come_in_any_type(capsys):
    def naive(z, y):
        p = torch.sigmoid(z)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()

    def stable(z, y):
        return (torch.nn.functional.softplus(z) - y * z).mean()

    for answer, verdict in ((naive, "Not yet: fine, but NaN"), (stable, "Correct")):
        for convert in (torch.Tensor.item, torch.Tensor.double, torch.Tensor.numpy):
            ex.check_log_loss(lambda z, y, a=answer, c=convert: c(a(z, y)))
            assert capsys.readouterr().out.startswith(verdict)
