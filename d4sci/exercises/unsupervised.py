"""The checkers of notebook 2's exercises; how they judge is in `verdict.py`."""

from collections.abc import Callable

import torch

from d4sci.exercises.verdict import report, run


def check_components(function: Callable) -> None:
    """Check `my_components(X, share)`: the fewest components with that share of the variance."""
    angles = torch.arange(8) * torch.pi / 4
    X = torch.stack([angles.cos(), 0.5 * angles.sin(), 0.25 * (2 * angles).cos()], dim=1)
    X = X + torch.tensor([0.0, 0.0, 3.0])  # variances in the ratio 16 : 4 : 1
    mistakes = [
        (1, "centre the columns first: the mean is not variance."),
        (3, "square the singular values: shares are of the variance."),
        (torch.tensor([16, 20, 21]) / 21, "these are the shares; return how many are needed."),
    ]
    report("my_components", run(function, X, 0.9), 2, mistakes)


def check_round(function: Callable) -> None:
    """Check `my_round(X, mu)`: the centres after one assignment and one update."""
    X = torch.tensor([[0.0, 0.0], [2.0, 0.0], [10.0, 1.0], [12.0, 5.0]])
    mu = torch.tensor([[1.0, 1.0], [9.0, 0.0], [50.0, 50.0]])
    expected = torch.tensor([[1.0, 0.0], [11.0, 3.0], [50.0, 50.0]])
    nan, zero = expected.clone(), expected.clone()
    nan[2], zero[2] = torch.nan, 0.0
    sums = torch.tensor([[2.0, 0.0], [22.0, 6.0], [50.0, 50.0]])
    mistakes = [
        (nan, "the third centre has no points: its mean is NaN. Let it stay."),
        (zero, "the third centre has no points: let it stay where it is."),
        (expected[:2], "one centre got lost: return all k of them."),
        (torch.tensor([0, 0, 1, 1]), "these are the labels; now move the centres."),
        (mu, "the centres have not moved."),
        (sums, "these are sums; divide by the number of points."),
    ]
    report("my_round", run(function, X, mu), expected, mistakes)


def check_core(function: Callable) -> None:
    """Check `my_core(X, eps, min_samples)`: True where a point is core."""
    X = torch.tensor([[0.0], [1.0], [2.0], [4.0], [5.5]])
    counts = torch.tensor([2, 3, 2, 1, 1])  # points within 1.0, itself included
    mistakes = [
        (counts, "these are counts; compare them with min_samples."),
        (counts > 2, "at least min_samples, the point itself included: use ≥, and count it."),
        (torch.zeros(5, dtype=torch.bool), "a distance of exactly eps is near: use ≤."),
        (counts < 2, "the wrong way round: core points have many neighbours."),
    ]
    report("my_core", run(function, X, 1.0, 2), counts >= 2, mistakes)
