"""Looking at a model without moving it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation mode, without gradients, for the length of a `with` block.

    Dropout draws nothing and BatchNorm moves nothing. Afterwards, an error or not, all its modules
    get back the mode, train or eval, that they had.
    """
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
