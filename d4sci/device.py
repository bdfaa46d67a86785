"""Where the numbers live: the accelerator of this machine, and the way back to NumPy."""

import numpy as np
import torch

from d4sci.support.checks import require_between


def get_device():
    """Return the accelerator of this machine (`cuda`, `mps`, `xpu`), else the CPU.

    AMD GPUs call themselves `cuda` too. Move data once and visibly: `X = X.to(get_device())`.
    """
    if torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


def to_numpy(values):
    """Return `values` as a NumPy array, wherever they live and whether or not they carry a graph.

    values: tensor on any device, array, list or number, any shape.
    A CPU tensor shares its memory with the result; from another device it is copied.
    """
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def seeded(seed):
    """Return a random generator that starts from a whole number, ≥ 0.

    It lives on the CPU, and what it draws is moved, so that every device starts alike.
    """
    require_between("seed", seed, 0, 2**63 - 1)
    return torch.Generator("cpu").manual_seed(int(seed))


def off_mps(X):
    """Return X on its device, but from MPS on the CPU: MPS lacks much of linear algebra."""
    return X.cpu() if X.device.type == "mps" else X


def in_float64(X):
    """Return X in float64, on its device; MPS has no float64, so from there on the CPU."""
    return off_mps(X).double()
