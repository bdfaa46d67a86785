"""A row of the table of races, the data that several rows share, and a peer of most of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import torch

SKLEARN, TORCH = "scikit-learn", "plain PyTorch"
PLAIN_PATH = "d4sci, plain path"  # the lesson's own way, which needs no engine
ROWS = {}


@dataclass
class Row:
    """A row of the table.

    build: (n=..., **sizes) → Race.  targets: {peer: the most that our time / its time should be}.
    warm: an n that is quickly done.  scaling: {size: values to run it at}.
    """

    title: str
    build: Callable
    targets: dict[str, float]
    warm: int = 600
    quick: int | None = None
    scaling: dict[str, tuple] = field(default_factory=dict)
    slope: float = 1.1


def row(title, targets, **more):
    """Enter the function that follows into ROWS under its name."""

    def enter(build):
        ROWS[build.__name__] = Row(title, build, targets, **more)
        return build

    return enter


@cache
def digits():
    """Return MNIST as float32 rows from 0 to 1: X (60000, 784), y, X_test, y_test."""
    from d4sci.data import load_mnist

    (X, y), (T, t) = load_mnist("train"), load_mnist("test")
    return X.flatten(1).float() / 255, y, T.flatten(1).float() / 255, t


def with_intel(race, place, work):
    """Enter the class of scikit-learn-intelex, where it is installed; work: class → result."""
    module, name = place.split(".")
    race.add_if_installed(
        "sklearnex", "scikit-learn-intelex",
        lambda: work(getattr(import_module(f"sklearnex.{module}"), name)),
    )  # fmt: skip
    return race


def random(seed=0):
    return torch.Generator().manual_seed(seed)
