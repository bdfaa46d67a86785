"""Evaluating a model without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation mode, without gradients, for the length of a `with` block.

    Dropout draws no numbers and BatchNorm keeps its running means. Afterwards, also after an error,
    all modules get back the mode, train or eval, that they had.
    """
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def join_outputs(blocks: list[Any]) -> Any:
    """Return as one what a model said of each block of rows: (r, ...) and so on to (n, ...).

    blocks: tensors with a row for each row that went in, or tuples or dicts of such; None stays.
    Raises ValueError for a number without rows: nobody knows how that of all rows would be.
    """
    first = blocks[0]
    if len(blocks) == 1 or first is None:
        return first
    if isinstance(first, dict):
        return {name: join_outputs([block[name] for block in blocks]) for name in first}
    if isinstance(first, tuple | list):
        return tuple(join_outputs(list(parts)) for parts in zip(*blocks, strict=True))
    if not isinstance(first, Tensor) or first.ndim == 0:
        raise ValueError(
            f"the model must return tensors with a row per row of X, got {first!r}; "
            "compute it in loss_fn, from such outputs"
        )
    return torch.cat(blocks)
