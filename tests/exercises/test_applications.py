"""Notebook 5's exercises: the stub, the solution, and each typical mistake with its hint."""

import pytest
import torch
from torch.nn.functional import softplus

from d4sci.exercises import applications as ex
from tests.support.exercise_rules import demand_all_listed, demand_hint, demand_stub_and_solution


def walk(a, b, steps, *, low=0.0, high=1.0):
    return a + torch.linspace(low, high, steps)[:, None] * (b - a)


def discriminator(on_real, on_fake, *, real=-1, fake=1, reduce="mean"):
    return getattr(softplus(real * on_real), reduce)() + getattr(softplus(fake * on_fake), reduce)()


def messages(H, edges, *, own=True, count_own=True, least=1):
    total, count = torch.zeros_like(H), torch.zeros(len(H), 1)
    total.index_add_(0, edges[1], H[edges[0]])
    count.index_add_(0, edges[1], torch.ones(edges.shape[1], 1))
    total, count = total + own * H, count + count_own
    return total / count.clamp(min=least)


def others(H, edges, *, least=1):
    return messages(H, edges, own=False, count_own=False, least=least)


COUNTS = torch.tensor([[3], [2], [2], [1]])  # neighbours and the node itself
NEIGHBORS = torch.tensor([[2], [1], [1], [1]])  # without neighbours there is nothing to scale
CORRECT = {ex.check_walk: walk, ex.check_discriminator: discriminator, ex.check_messages: messages}
WRONG = [
    (ex.check_walk, lambda a, b, n: walk(a, b, n)[:-1], "the end is missing"),
    (ex.check_walk, lambda a, b, n: walk(a, b, n)[1:], "the start is missing"),
    (ex.check_walk, lambda a, b, n: walk(a, b, n)[1:-1], "both ends"),
    (ex.check_walk, lambda a, b, n: walk(b, a, n), "not from b to a"),
    (ex.check_walk, lambda a, b, n: walk(a, b, n).T, "one code a row"),
    (ex.check_walk, lambda a, b, n: walk(a, b, n, high=n - 1), "go from 0 to 1"),
    (ex.check_walk, lambda a, b, n: walk(a, b, n, high=(n - 1) / n), "misses b"),
    (ex.check_discriminator, lambda r, f: discriminator(r, f, real=1, fake=-1), "the other way"),
    (ex.check_discriminator, lambda r, f: discriminator(r, f, reduce="sum"), "not sums"),
    (ex.check_discriminator, lambda r, f: discriminator(r, f, fake=-1), "G's wish"),
    (ex.check_discriminator, lambda r, f: softplus(-r).mean(), "the forged ones count"),
    (ex.check_discriminator, lambda r, f: softplus(f).mean(), "the real ones count"),
    (ex.check_discriminator, lambda r, f: discriminator(r, f) / 2, "not their mean"),
    (ex.check_discriminator, lambda r, f: -discriminator(r, f), "the sign"),
    (ex.check_discriminator, lambda r, f: r.mean() - f.mean(), "use softplus"),
    (ex.check_messages, lambda H, e: messages(H, e) * COUNTS, "these are sums"),
    (ex.check_messages, lambda H, e: others(H, e) * NEIGHBORS, "add the node itself"),
    (ex.check_messages, lambda H, e: others(H, e), "belongs to the mean, too"),
    (ex.check_messages, lambda H, e: others(H, e, least=0), "0/0"),
    (ex.check_messages, lambda H, e: messages(H, e, count_own=False), "the neighbours and"),
    (ex.check_messages, lambda H, e: H, "no message"),
]  # fmt: skip


def test_every_checker_is_listed():
    demand_all_listed(ex, CORRECT, WRONG)


@pytest.mark.parametrize("check", CORRECT, ids=lambda c: c.__name__)
def test_stub_and_solution(check, capsys):
    demand_stub_and_solution(check, CORRECT[check], capsys)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_own_hint(check, answer, hint, capsys):
    demand_hint(check, answer, hint, capsys)
