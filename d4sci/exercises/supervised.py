"""The checkers of notebook 3's exercises; how they judge is in `verdict.py`."""

from collections.abc import Callable

import torch
from torch.nn.functional import softplus

from d4sci.exercises.verdict import close, report, run


def check_vote(function: Callable) -> None:
    """Check `my_vote(distances, labels)`: the class with the largest sum of 1/distance."""
    distances = torch.tensor([0.4, 2.0, 2.0, 4.0, 4.0])
    labels = torch.tensor([1, 2, 2, 0, 2])
    weights = torch.bincount(labels, weights=1 / distances)
    mistakes = [
        (2, "every vote counts the same here; weigh each by 1/distance."),
        (weights, "these are the sums; return the class of the largest."),
        (weights.max(), "this is the largest sum; return its class (argmax)."),
        (0, "the far ones count most; weigh by 1/distance, and take the largest."),
    ]
    # Weighed by distance, class 2 wins (2 + 2 + 4); the smallest sum of 1/distance is class 0's.
    report("my_vote", run(function, distances, labels), 1, mistakes)


def check_gradient(function: Callable) -> None:
    """Check `my_gradient(X, y, w)`: Xᵀ(Xw − y)/n."""
    X = torch.tensor([[1.0, 2.0], [1.0, 0.0], [1.0, -1.0], [1.0, 3.0]])
    y, w = torch.tensor([3.0, 1.0, -1.0, 2.0]), torch.tensor([0.5, 1.0])
    expected = X.T @ (X @ w - y) / 4
    mistakes = [
        (-expected, "the sign: the residual in the gradient is Xw − y."),
        (4 * expected, "divide by n, the number of rows."),
        (2 * expected, "J has ½ in front: no factor 2."),
        (2 * expected * 4, "divide by n, and no factor 2: J has 1/(2n) in front."),
        (((X @ w - y) ** 2).mean() / 2, "this is J itself; return its gradient, one per weight."),
        (X @ w - y, "these are the residuals; multiply by Xᵀ and divide by n."),
        (expected / 2, "the ½ of J cancels against the 2 of the square."),
    ]
    report("my_gradient", run(function, X, y, w), expected, mistakes)


def check_log_loss(function: Callable) -> None:
    """Check `my_log_loss(z, y)`: the mean of softplus(z) − y z, also for a huge z."""
    z, y = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    each = softplus(z) - y * z
    result = run(function, z, y)
    if close(result, each.mean()):
        huge = torch.tensor([1000.0, -1000.0]), torch.tensor([1.0, 1.0])
        result = run(function, *huge)
        wrong = [(torch.nan, "fine, but NaN for z = 1000: use softplus."),
                 (torch.inf, "fine, but infinite for z = −1000: use softplus.")]  # fmt: skip
        return report("my_log_loss", result, 500.0, wrong)
    mistakes = [
        (each.sum(), "the mean, not the sum."),
        (each, "these are the losses of the rows; return their mean."),
        (-each.mean(), "the sign: a loss is positive."),
        ((softplus(z) + y * z).mean(), "subtract y z."),
        (torch.sigmoid(z), "these are probabilities; now their cross-entropy."),
    ]
    report("my_log_loss", result, each.mean(), mistakes)


def check_svm_loss(function: Callable) -> None:
    """Check `my_svm_loss(w, b, X, y, C)`: ½‖w‖² + C Σ max(0, 1 − y f)."""
    X = torch.tensor([[1.0, 0.2], [0.5, -0.5], [-1.0, 0.0], [1.0, 0.0]])
    y, w, b, C = torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.tensor([1.0, 2.0]), -0.5, 3.0
    f = X @ w + b
    hinge, half = (1 - y * f).clamp(min=0), w @ w / 2
    mistakes = [
        (half + C * hinge.mean(), "the sum of the hinge losses, not their mean."),
        (2 * half + C * hinge.sum(), "½ in front of ‖w‖²."),
        (half + C * (1 - y * f).sum(), "no loss below zero: max(0, …)."),
        (half + hinge.sum(), "C is missing."),
        (w.norm() / 2 + C * hinge.sum(), "the norm has to be squared."),
        (half + C * (1 - y * (X @ w)).clamp(min=0).sum(), "f(x) = w · x + b: b is missing."),
        (half + C * (-y * f).clamp(min=0).sum(), "the hinge starts at 1: 1 − y f."),
        (C * hinge.sum(), "½‖w‖² is missing."),
        (hinge.sum(), "½‖w‖² is missing, and C."),
    ]
    report("my_svm_loss", run(function, w, b, X, y, C), half + C * hinge.sum(), mistakes)
