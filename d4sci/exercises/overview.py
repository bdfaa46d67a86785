"""The checkers of notebook 1: rewards, scores, scaling, descent, tensors."""

from collections.abc import Callable

import torch

from d4sci.exercises.verdict import pair, report, run


def check_return(function: Callable) -> None:
    """Check `my_return(rewards, gamma)`: G = Σ γᵏ r_k, k from 0."""
    rewards, gamma = torch.tensor([1.0, 2.0, 0.0, 5.0]), 0.5
    k = torch.arange(4)
    expected = (gamma**k * rewards).sum()
    mistakes = [
        (gamma * expected, "the first reward counts in full: its exponent is 0."),
        (gamma**k * rewards, "these are the discounted rewards; now add them up."),
        (rewards.sum(), "this is the plain sum: a late reward must count less."),
        ((gamma ** k.flip(0) * rewards).sum(), "the other way round: the last counts least."),
        ((gamma * k * rewards).sum(), "γ to the power of k, not γ times k."),
    ]
    report("my_return", run(function, rewards, gamma), expected, mistakes)


def check_scores(function: Callable) -> None:
    """Check `my_scores(y_true, y_pred)`: (precision, recall) of class 1."""
    y_true = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    y_pred = torch.tensor([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])  # TP 3, FP 2, FN 1, TN 4
    mistakes = [
        (torch.tensor([3 / 4, 3 / 5]), "these two are swapped: precision comes first."),
        (torch.tensor([0.7, 3 / 4]), "precision divides by what was called positive (TP + FP)."),
        (torch.tensor([0.7, 0.7]), "this is the accuracy; TN belongs in neither score."),
        (torch.tensor([4 / 5, 4 / 6]), "these are the scores of class 0."),
        (torch.tensor([4 / 6, 4 / 5]), "these are the scores of class 0."),
    ]
    got = pair("my_scores", run(function, y_true, y_pred))
    report("my_scores", got, torch.tensor([3 / 5, 3 / 4]), mistakes)


def check_scaling(function: Callable) -> None:
    """Check `my_scaling(X_train, X_test)`: both scaled by the training columns' range."""
    train = torch.tensor([[0.0, 10.0], [5.0, 20.0], [10.0, 30.0]])
    test = torch.tensor([[2.0, 40.0], [20.0, 25.0]])

    def scale(X, low, high):
        return (X - low) / (high - low)

    def by(low, high):
        return torch.cat([scale(train, low, high).flatten(), scale(test, low, high).flatten()])

    low, high = train.amin(0), train.amax(0)
    both = torch.cat([train, test])
    own_scale = scale(test, test.amin(0), test.amax(0)).flatten()
    mistakes = [
        (torch.cat([scale(train, low, high).flatten(), own_scale]),
         "the test rows were scaled by their own range; use the training range."),
        (by(both.amin(0), both.amax(0)), "the test rows had a say in the range: a leak."),
        (by(train.min(), train.max()), "one range for the whole matrix; take one for each column."),
        (by(low, high).clamp(0, 1), "do not cut off: test values may lie outside 0 to 1."),
        (by(train.mean(0), train.mean(0) + train.std(0)), "this standardises; rescale to 0 to 1."),
    ]  # fmt: skip
    got = pair("my_scaling", run(function, train, test))
    report("my_scaling", got, by(low, high), mistakes)


def check_descent(function: Callable) -> None:
    """Check `my_descent(f, start, alpha, steps)`: the position after that many steps."""
    curvature = torch.tensor([1.0, 4.0])
    start, alpha, steps = torch.tensor([2.0, -1.0]), 0.1, 3

    def f(x):
        return (curvature * x**2).sum() / 2

    def after(steps, sign=-1):
        return start * (1 + sign * alpha * curvature) ** steps

    x, total = start.clone(), torch.zeros(2)
    for _ in range(steps):
        total = total + curvature * x
        x = x - alpha * total
    mistakes = [
        (x, "the gradients pile up: clear x.grad after each step."),
        (after(steps, +1), "this walks uphill: step against the gradient."),
        (start, "the position never changed: assign the step to x."),
        (after(steps - 1), "one step short."),
        (after(steps + 1), "one step too many."),
    ]
    given = start.clone()
    result = run(lambda: function(f, given, alpha, steps))
    if not torch.equal(given.detach(), start):
        result = "a changed start: work on start.clone()"
    report("my_descent", result, after(steps), mistakes)


def check_standardise(function: Callable) -> None:
    """Check `my_standardise(X)`: columns of mean 0 and standard deviation 1."""
    X = torch.tensor([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [6.0, 80.0]])
    mean, sd = X.mean(0), X.std(0, correction=0)
    mistakes = [
        ((X - mean) / X.std(0), "divide by n inside the deviation: correction=0."),
        ((X - mean) / X.var(0, correction=0), "divide by the deviation, not by the variance."),
        (X - mean, "centred, but not yet divided by the deviation."),
        (X / sd, "divided, but the mean has not been subtracted."),
        ((X - X.mean()) / X.std(correction=0), "one mean for all; take one per column: dim=0."),
        ((X - X.mean(1, keepdim=True)) / X.std(1, correction=0, keepdim=True),
         "rows instead of columns: dim=0 runs down the rows."),
    ]  # fmt: skip
    report("my_standardise", run(function, X), (X - mean) / sd, mistakes)
