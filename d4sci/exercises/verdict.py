"""How an exercise is judged: call the learner's function, and say what to look at next.

A checker prints one line: "Not done yet", "Correct", or a hint that fits the mistake it recognises.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def close(a: Any, b: Any) -> bool:
    """Tell whether a learner's result has the shape and, nearly, the numbers of b."""
    try:
        a = torch.as_tensor(a, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError):
        return False
    b = torch.as_tensor(b, dtype=torch.float32)
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)


def report(name: str, got: Any, expected: Any, mistakes: Sequence[tuple[Any, str]]) -> None:
    """Print the verdict on one result.

    mistakes: (result of a typical wrong answer, hint) pairs, tried in order.
    """
    if got is None:
        verdict = f"Not done yet: {name} returns nothing so far."
    elif close(got, expected):
        verdict = f"Correct: {name} does what it should."
    else:
        hints = (hint for wrong, hint in mistakes if close(got, wrong))
        hint = next(hints, f"expected {_show(expected)}, got {_show(got)}.")
        verdict = f"Not yet: {hint}"
    print(verdict)


def _show(value):
    if isinstance(value, Tensor):
        shape = f" of shape {tuple(value.shape)}" if value.ndim else ""
        first = value.detach().flatten()[:4].tolist()
        numbers = [str(v) if isinstance(v, complex) else str(round(v, 3)) for v in first]
        more = ", …" if value.numel() > 4 else ""
        return f"{', '.join(numbers)}{more}{shape}"
    return " ".join(str(value).split())  # an error or an array may have several lines


def run(function: Callable, *arguments: Any) -> Any:
    """Call the learner's function on copies; return its result, or the error as a result."""
    try:
        return function(*[a.clone() if isinstance(a, Tensor) else a for a in arguments])
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def pair(name: str, got: Any) -> Tensor | str | None:
    """Return a pair stacked into one tensor, None if there is nothing, else a sentence."""
    if got is None or isinstance(got, str):
        return got
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return f"{type(got).__name__}: {name} should return two values"
    if any(part is None for part in got):
        return None
    try:
        return torch.cat([torch.as_tensor(part).float().reshape(-1) for part in got])
    except (TypeError, ValueError, RuntimeError):
        return "two values, but not two tensors"
