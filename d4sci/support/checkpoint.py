"""Saving what trains, whole or not at all, and going on from there in another process."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save_atomically(state: Any, path: str | Path) -> None:
    """Write what torch.save makes of the state, whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_checkpoint(path: str | Path, parts: Mapping[str, Any], **values: Any) -> None:
    """Write the state of every part, {name: model, optimizer or schedule}, and plain values."""
    save_atomically({name: part.state_dict() for name, part in parts.items()} | values, path)


def load_checkpoint(path: str | Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Give every part its state back, and return the other values, {name: value}.

    Only tensors and plain values are read: a file cannot run code (weights_only=True).
    Raises FileNotFoundError where there is no file, ValueError for one that is damaged, or that
    belongs to something else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; save_checkpoint writes one")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state.pop(name))
        return state
    except Exception as error:
        raise ValueError(
            f"cannot resume from {path}: it is damaged, or of another model, optimizer or "
            "schedule; delete it to start afresh, or name another file"
        ) from error
