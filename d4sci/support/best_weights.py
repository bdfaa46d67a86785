"""The weights of the best epoch: kept while a model trains, given back at the end."""

import math
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class BestWeights:
    """A copy of the weights with the lowest loss so far.

    weights: the copy, a state_dict, or None before the first one.
    loss: its loss; NaN counts as infinity, so that any number is better.
    """

    weights: dict[str, Tensor] | None = None
    loss: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.loss):
            self.loss = math.inf

    def note(self, model: nn.Module, loss: float) -> None:
        """Copy the model's weights if this loss is lower than all before, or the first one."""
        if math.isnan(loss):
            loss = math.inf
        if self.weights is None or loss < self.loss:
            self.loss = loss
            self.weights = {name: v.clone() for name, v in model.state_dict().items()}

    def restore(self, model: nn.Module) -> None:
        """Give the model the best weights; without any it stays as it is."""
        if self.weights is not None:
            model.load_state_dict(self.weights)
