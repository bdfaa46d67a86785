"""The weights of the best epoch: kept while a model trains, given back at the end."""

import math
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class BestWeights:
    """A copy of the weights with the lowest loss so far.

    weights: the copy, a state_dict, or None before the first one.  loss: what it scored.
    """

    weights: dict[str, Tensor] | None = None
    loss: float = math.inf

    def note(self, model: nn.Module, loss: float) -> None:
        """Copy the model's weights if this loss is lower than all before, or the first one.

        NaN counts as infinity: it is never better.
        """
        if self.weights is None or loss < self.loss:
            self.loss = math.inf if math.isnan(loss) else loss
            self.weights = {name: v.clone() for name, v in model.state_dict().items()}

    def restore(self, model: nn.Module) -> None:
        """Give the model the best weights; without any it stays as it is."""
        if self.weights is not None:
            model.load_state_dict(self.weights)
