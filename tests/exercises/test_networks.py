"""Notebook 4's exercises: the stub, the solution, and each typical mistake with its hint."""

import pytest
import torch

from d4sci.exercises import networks as ex
from tests.support.exercise_rules import demand_all_listed, demand_hint, demand_stub_and_solution


def perceptron(X, y, w, b, *, sign=1, bias=True, always=False, frozen=False, join=True):
    w0, b0 = w, b
    for x, target in zip(X, y, strict=True):
        guess = ((x @ w0 + b0 if frozen else x @ w + b) > 0).float()
        error = 2 * target - 1 if always else target - guess
        w = w + sign * error * x
        b = b + sign * error if bias else b
    return torch.cat([w, b.reshape(1)]) if join else w


def momentum(w, gradient, lr, mu, steps, *, sign=-1, extra=0, forget=False, damped=False):
    v = torch.zeros_like(w)
    for _ in range(steps + extra):
        v = (0 if forget else mu * v) + (1 - mu if damped else 1) * gradient(w)
        w = w + sign * lr * v
    return w


def slide(image, kernel, *, rows=0, columns=0):
    h, w = kernel.shape
    H, W = image.shape[0] - h + 1 - rows, image.shape[1] - w + 1 - columns
    return torch.stack(
        [
            torch.stack([(image[i : i + h, j : j + w] * kernel).sum() for j in range(W)])
            for i in range(H)
        ]
    )


def back(delta, W, a):
    return delta @ W.T


CORRECT = {
    ex.check_perceptron: perceptron,
    ex.check_backward: lambda d, W, a: back(d, W, a) * (a > 0),
    ex.check_momentum: momentum,
    ex.check_filter: slide,
}
P, B, M, F = CORRECT
WRONG = [
    (P, lambda *data: perceptron(*data, sign=-1), "the wrong way"),
    (P, lambda *data: perceptron(*data, bias=False), "the bias learns too"),
    (P, lambda *data: perceptron(*data, always=True), "learn from mistakes only"),
    (P, lambda *data: perceptron(*data, frozen=True), "weights of that moment"),
    (P, lambda *data: perceptron(*data, join=False), "join it with b"),
    (P, lambda X, y, w, b: torch.cat([w, b.reshape(1)]), "have not changed"),
    (B, back, "passes nothing back"),
    (B, lambda d, W, a: back(d, W, a) * a, "not its output"),
    (B, lambda d, W, a: back(d, W, a) * a * (1 - a), "belongs to the sigmoid"),
    (B, lambda d, W, a: a > 0, "multiply by δ Wᵀ"),
    (B, lambda d, W, a: a.T @ d, "the gradient of W"),
    (B, lambda d, W, a: back(d, W, a) * (a <= 0), "the wrong way round"),
    (B, lambda d, W, a: d @ W, "RuntimeError"),
    (M, lambda *data: momentum(*data, forget=True), "plain gradient descent"),
    (M, lambda *data: momentum(*data, sign=1), "uphill"),
    (M, lambda *data: momentum(*data, extra=-1), "one step short"),
    (M, lambda *data: momentum(*data, damped=True), "adds the whole gradient"),
    (M, lambda w, *rest: w, "has not moved"),
    (F, lambda i, k: slide(i, k.flip(0, 1)), "do not flip"),
    (F, lambda i, k: slide(i, k.T), "transposed"),
    (F, lambda i, k: slide(torch.nn.functional.pad(i, (1, 1, 1, 1)), k), "no padding"),
    (F, lambda i, k: slide(i, k, rows=1, columns=1), "one place is missing"),
    (F, lambda i, k: slide(i, k, columns=1), "one column is missing"),
    (F, lambda i, k: slide(i, k, rows=1), "one row is missing"),
]


def test_every_checker_is_listed():
    demand_all_listed(ex, CORRECT, WRONG)


@pytest.mark.parametrize("check", CORRECT, ids=lambda c: c.__name__)
def test_stub_and_solution(check, capsys):
    demand_stub_and_solution(check, CORRECT[check], capsys)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_own_hint(check, answer, hint, capsys):
    demand_hint(check, answer, hint, capsys)
