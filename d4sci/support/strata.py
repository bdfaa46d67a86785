"""How many rows of each class go to the test, when a split keeps the shares of the classes."""

import torch
from torch import Tensor


def by_appearance(y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the classes of y in the order in which they appear, and each label's place in it.

    So two y that differ only in the names of their classes have the same places.
    y: labels, (n,).  Returns (k,) and (n,).
    """
    classes, codes = y.unique(return_inverse=True)  # (k,), (n,)
    rows = torch.arange(len(y), device=y.device)
    first = torch.full_like(rows[: len(classes)], len(y)).scatter_reduce(0, codes, rows, "amin")
    order = first.argsort()  # (k,)
    return classes[order], order.argsort()[codes]


def mark_test_rows(y: Tensor, n_test: int) -> Tensor:
    """Return a mask, (n,), of n_test labels of y: the first of each class, in proportion to it.

    Every class has a row within the mask and one without.
    y: labels, (n,), in the order in which they are taken. Where shares are equal, the class that
    appears first in y comes first.
    Raises ValueError for a class of a single row, and where n_test or the rest is too small.
    """
    n = len(y)
    classes, c = by_appearance(y)  # (k,), (n,)
    sizes = c.bincount()  # (k,)
    if sizes.min() < 2:
        alone = classes[sizes < 2].tolist()
        raise ValueError(f"stratify needs 2 rows of each class, got 1 of {alone}; merge or drop it")
    if not len(classes) <= n_test <= n - len(classes):
        raise ValueError(
            f"stratify needs a row of each of the {len(classes)} classes in both parts, got "
            f"{n - n_test} to train and {n_test} to test; change test_size"
        )
    marked = torch.zeros_like(y, dtype=torch.bool)  # (n,)
    for j, share in enumerate(_shares(sizes, n_test).tolist()):
        marked[(c == j).nonzero()[:share]] = True
    return marked


def _shares(sizes, n_test):
    """Return how many rows of each class are for the test, (k,): n_test in all.

    Each class gets the whole part of n_test · size / n; the largest remainders get one more.
    Then each class gets a row in both parts: at least 1, and at most size − 1, for the test.
    """
    n = int(sizes.sum())
    share, remainder = n_test * sizes // n, n_test * sizes % n  # (k,)
    largest = remainder.argsort(descending=True, stable=True)
    share[largest[: n_test - int(share.sum())]] += 1
    share = share.clamp(min=1).minimum(sizes - 1)
    # What this took from one class or gave to another is settled row by row, each time with the
    # class that is furthest above or below its proportion.
    for _ in range(int(share.sum()) - n_test):
        above = n * share - n_test * sizes  # (k,)
        share[above.masked_fill(share == 1, -n * n).argmax()] -= 1
    for _ in range(n_test - int(share.sum())):
        below = n_test * sizes - n * share  # (k,)
        share[below.masked_fill(share == sizes - 1, -n * n).argmax()] += 1
    return share
