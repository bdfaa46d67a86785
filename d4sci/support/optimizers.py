"""Does an optimizer train this model? PyTorch does not ask, and trains nothing without a word."""

from typing import Any

import torch
from torch import nn


def trainable(model: nn.Module, name: str = "model") -> list[nn.Parameter]:
    """Return the parameters that are not frozen; raise ValueError if there are none."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            f"{name} must have parameters to train, got none, or only frozen ones; "
            f"unfreeze it, or a part of it, with {name}.requires_grad_(True)"
        )
    return parameters


def adam(model: nn.Module) -> torch.optim.Adam:
    """Return Adam of what is not frozen, all in one step where the device knows how."""
    parameters = trainable(model)
    try:
        return torch.optim.Adam(parameters, fused=True)
    except RuntimeError:
        return torch.optim.Adam(parameters)


def require_optimizer(optimizer: Any, model: nn.Module, name: str = "model") -> None:
    """Raise unless the optimizer holds a parameter of the model that is not frozen.

    name: what the model is called.
    """
    own = {id(p) for p in trainable(model, name)}
    if own.isdisjoint(held_by(optimizer)):
        raise ValueError(
            f"optimizer must hold parameters of {name} that can change, got none: it would train "
            f"nothing; make it from this very {name}, with {name}.parameters()"
        )


def require_scheduler(scheduler: Any, optimizer: Any) -> None:
    """Raise ValueError unless the scheduler, if any, steers this optimizer."""
    if scheduler is None:
        return
    if optimizer is None:
        raise ValueError("scheduler needs its optimizer, got none; give optimizer= as well")
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            "scheduler must steer the optimizer that is given, got one of another optimizer; "
            "make it from the same optimizer"
        )


def require_gradients(optimizer: Any, name: str) -> None:
    """Raise ValueError unless a backward pass has reached a parameter that the optimizer holds.

    name: what the gradients should have come through.
    """
    groups = optimizer.param_groups
    if all(p.grad is None for group in groups for p in group["params"]):
        raise ValueError(
            f"optimizer must hold parameters that made {name}, got none: it would train nothing; "
            f"make it from the network that made {name}, and give {name} without detach()"
        )


def held_by(optimizer: Any) -> set[int]:
    """Return the ids of the parameters that an optimizer holds; TypeError for anything else."""
    if not hasattr(optimizer, "param_groups"):
        raise TypeError(
            f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}; "
            "use one such as torch.optim.Adam(model.parameters())"
        )
    return {id(p) for group in optimizer.param_groups for p in group["params"]}
