"""Where the numbers live: the accelerator of this machine, and the way back to NumPy."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from d4sci.support.checks import require_between

NUMPY_FLOATS = (torch.float16, torch.float32, torch.float64)


def get_device() -> torch.device:
    """Return the accelerator of this machine (`cuda`, `mps`, `xpu`), else the CPU.

    AMD GPUs call themselves `cuda` too. Move data once and visibly: `X = X.to(get_device())`.
    """
    if torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


def to_numpy(values: Any) -> np.ndarray:
    """Return `values` as a NumPy array, wherever they live and whether or not they carry a graph.

    values: tensor on any device, array, list (of tensors too) or number, any shape.
    A CPU tensor shares its memory with the result; from another device it is copied.
    NumPy has no bfloat16 and no float of 8 bits: these are copied to float32, which holds them all.
    """
    if isinstance(values, list | tuple):  # losses, say, each with its graph
        values = [to_numpy(v) if isinstance(v, Tensor) else v for v in values]
    if not isinstance(values, Tensor):
        return np.asarray(values)
    values = values.detach().cpu()
    if values.is_floating_point() and values.dtype not in NUMPY_FLOATS:
        values = values.float()
    return values.resolve_conj().resolve_neg().numpy()


def seeded(seed: int) -> torch.Generator:
    """Return a random generator that starts from a whole number, ≥ 0.

    It lives on the CPU, and what it draws is moved, so that every device starts alike.
    """
    require_between("seed", seed, 0, 2**63 - 1)
    return torch.Generator("cpu").manual_seed(int(seed))


def off_mps(X: Tensor) -> Tensor:
    """Return X on its device, but from MPS on the CPU: MPS lacks much of linear algebra."""
    return X.cpu() if X.device.type == "mps" else X


def in_float64(X: Tensor) -> Tensor:
    """Return X in float64, on its device; MPS has no float64, so from there on the CPU."""
    return off_mps(X).double()
