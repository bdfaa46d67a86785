"""The checkers of notebook 5's exercises; how they judge is in `verdict.py`."""

from collections.abc import Callable

import torch
from torch.nn.functional import softplus

from d4sci.exercises.verdict import report, run


def check_walk(function: Callable) -> None:
    """Check `my_walk(a, b, steps)`: codes in equal steps from a to b, both included."""
    a, b = torch.tensor([0.0, 2.0]), torch.tensor([4.0, 0.0])
    t = torch.linspace(0, 1, 5)[:, None]
    expected = a + t * (b - a)  # (5, 2)
    mistakes = [
        (expected[:-1], "the end is missing: both ends belong to the walk."),
        (expected[1:], "the start is missing: both ends belong to the walk."),
        (expected[1:-1], "both ends belong to the walk."),
        (expected.flip(0), "from a to b, not from b to a."),
        (expected.T, "one code a row: (steps, k)."),
        (a + torch.arange(5)[:, None] * (b - a), "these are whole steps of b − a; go from 0 to 1."),
        (torch.arange(5)[:, None] / 5 * (b - a) + a, "the last step misses b: use linspace."),
    ]  # fmt: skip
    report("my_walk", run(function, a, b, 5), expected, mistakes)


def check_discriminator(function: Callable) -> None:
    """Check `my_discriminator_loss(on_real, on_fake)`: the discriminator's loss from logits."""
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-1.5, 0.3])
    on_real, on_fake = softplus(-real), softplus(fake)
    expected = on_real.mean() + on_fake.mean()
    mistakes = [
        (softplus(real).mean() + softplus(-fake).mean(), "the other way round: D wants real > 0."),
        (on_real.sum() + on_fake.sum(), "means, not sums: batches may differ in size."),
        (on_real.mean() + softplus(-fake).mean(), "that is G's wish: for D, forged means 0."),
        (on_real.mean(), "the forged ones count too."),
        (on_fake.mean(), "the real ones count too."),
        (expected / 2, "the sum of the two means, not their mean."),
        (-expected, "the sign: a loss is positive."),
        (real.mean() - fake.mean(), "these are logits; use softplus."),
    ]
    report("my_discriminator_loss", run(function, real, fake), expected, mistakes)


def check_messages(function: Callable) -> None:
    """Check `my_messages(H, edge_index)`: the mean of a node's own row and its neighbours'."""
    H = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 7.0], [9.0, 9.0]])
    edges = torch.tensor([[0, 1, 0, 2], [1, 0, 2, 0]])  # 1 — 0 — 2, and 3 alone
    A = torch.zeros(4, 4)
    A[edges[1], edges[0]] = 1
    own = A + torch.eye(4)
    degree = A.sum(1, keepdim=True)
    mistakes = [
        (own @ H, "these are sums; divide by how many there are."),
        (A @ H, "the sums of the neighbours; add the node itself, and divide."),
        (A @ H / degree.clamp(min=1), "the node itself belongs to the mean, too."),
        (A @ H / degree, "node 3 has no neighbours: 0/0. The node itself belongs to the mean."),
        (own @ H / degree.clamp(min=1), "divide by the neighbours and the node itself."),
        (H, "no message has arrived yet."),
    ]
    report("my_messages", run(function, H, edges), own @ H / own.sum(1, keepdim=True), mistakes)
