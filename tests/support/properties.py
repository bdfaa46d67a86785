"""What the property tests share: data of any size, ways to move it, and how they draw."""

from hypothesis import settings
from hypothesis import strategies as st
from torch import Generator, float64, linalg, randn, randperm

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds, sizes, widths = st.integers(0, 10**6), st.integers(15, 40), st.integers(1, 5)


def rng(seed):
    return Generator().manual_seed(seed)


def normal(n, d, seed, dtype=float64):
    """Draw n rows in which no two distances, variances or scores are equal, but by a miracle."""
    return randn(n, d, generator=rng(seed), dtype=float64).to(dtype)


def shuffled(n, seed):
    """Draw an order of n rows or columns."""
    return randperm(n, generator=rng(seed + 1))


def turn(d, seed):
    """Draw an orthogonal matrix, (d, d): a rotation, perhaps with a reflection."""
    return linalg.qr(normal(d, d, seed + 2)).Q


def shift(d, seed):
    """Draw where the origin goes, (d,)."""
    return 3 * normal(1, d, seed + 3)[0]


def classes(n, k, seed):
    """Draw n labels of k classes, all of them there."""
    return shuffled(n, seed + 4) % k
