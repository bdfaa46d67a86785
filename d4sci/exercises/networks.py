"""The checkers of notebook 4's exercises; how they judge is in `verdict.py`."""

from collections.abc import Callable

import torch

from d4sci.exercises.verdict import report, run


def check_perceptron(function: Callable) -> None:
    """Check `my_perceptron(X, y, w, b)`: w and b, joined, after one pass of the learning rule."""
    X = torch.tensor([[2.0, 1.0], [1.0, 3.0], [-1.0, 1.0], [3.0, 1.0]])
    y = torch.tensor([0.0, 1.0, 0.0, 1.0])
    w, b = torch.tensor([1.0, 0.0]), torch.tensor(0.0)

    def learn(*, sign=1, bias=1, always=False, frozen=False):
        v, c = w.clone(), b.clone()
        for x, target in zip(X, y, strict=True):
            z = x @ (w if frozen else v) + (b if frozen else c)
            error = target - (z > 0).float()
            step = sign * (2 * target - 1 if always else error)
            v, c = v + step * x, c + bias * step
        return torch.cat([v, c.reshape(1)])

    mistakes = [
        (learn(sign=-1), "the wrong way: add (y − ŷ) x, do not subtract it."),
        (learn(bias=0), "the bias learns too: b + (y − ŷ)."),
        (learn(always=True), "learn from mistakes only: where ŷ = y nothing changes."),
        (learn(frozen=True), "predict each row with the weights of that moment."),
        (learn()[:2], "w is right; join it with b: torch.cat([w, b.reshape(1)])."),
        (torch.cat([w, b.reshape(1)]), "the weights have not changed."),
    ]
    report("my_perceptron", run(function, X, y, w, b), learn(), mistakes)


def check_backward(function: Callable) -> None:
    """Check `my_backward(delta, W, a)`: δ of the layer before, which is a ReLU layer."""
    delta = torch.tensor([[1.0, -2.0], [0.5, 1.0]])
    W = torch.tensor([[1.0, 2.0], [-1.0, 3.0], [0.0, 1.0]])  # (3 in, 2 out)
    a = torch.tensor([[2.0, 0.0, 1.0], [0.0, 4.0, 3.0]])
    alive, back = (a > 0).float(), delta @ W.T
    mistakes = [
        (back, "now multiply by φ′(z): a ReLU that is off, a = 0, passes nothing back."),
        (back * a, "φ′ is 1 where the neuron is on, not its output a."),
        (back * a * (1 - a), "a (1 − a) belongs to the sigmoid; these are ReLUs."),
        (alive, "this is φ′ alone; multiply by δ Wᵀ."),
        (a.T @ delta, "this is the gradient of W; what is wanted is δ, of the shape of a."),
        (back * (1 - alive), "the wrong way round: a neuron that is on passes the error back."),
    ]
    report("my_backward", run(function, delta, W, a), back * alive, mistakes)


def check_momentum(function: Callable) -> None:
    """Check `my_momentum(w, gradient, lr, mu, steps)`: w after these steps, v starting at 0."""
    w, lr, mu, steps = torch.tensor([1.0, -2.0]), 0.1, 0.5, 3

    def gradient(w):
        return w * torch.tensor([1.0, 4.0])

    def roll(*, mu=mu, sign=-1, steps=steps, forget=False, damped=False):
        x, v = w.clone(), torch.zeros(2)
        for _ in range(steps):
            v = mu * (0 * v if forget else v) + (1 - mu if damped else 1) * gradient(x)
            x = x + sign * lr * v
        return x

    mistakes = [
        (roll(forget=True), "v starts anew at each step: this is plain gradient descent."),
        (roll(sign=1), "uphill: subtract lr · v."),
        (roll(steps=2), "one step short."),
        (roll(damped=True), "PyTorch's momentum adds the whole gradient: v = mu · v + g."),
        (w, "w has not moved."),
    ]
    report("my_momentum", run(function, w, gradient, lr, mu, steps), roll(), mistakes)


def check_filter(function: Callable) -> None:
    """Check `my_filter(image, kernel)`: the filter at every place where it fits, as nn.Conv2d."""
    image = torch.tensor([[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 3.0, 1.0], [2.0, 0.0, 1.0, 4.0]])
    kernel = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    windows = image.unfold(0, 2, 1).unfold(1, 2, 1)  # (2, 3, 2, 2)

    def slide(kernel):
        return (windows * kernel).sum((2, 3))

    padded = torch.nn.functional.conv2d(image[None, None], kernel[None, None], padding=1)[0, 0]
    mistakes = [
        (slide(kernel.flip(0, 1)), "do not flip the kernel: nn.Conv2d lays it on as it is."),
        (slide(kernel.T), "the kernel came in transposed."),
        (padded, "no padding: only the places where the whole kernel fits."),
        (slide(kernel)[:1, :2], "one place is missing: H − h + 1 rows, W − w + 1 columns."),
        (slide(kernel)[:, :2], "one column is missing: there are W − w + 1 places."),
        (slide(kernel)[:1], "one row is missing: there are H − h + 1 places."),
    ]
    report("my_filter", run(function, image, kernel), slide(kernel), mistakes)
