"""Saving what trains, whole or not at all, and going on from there in another process."""

import os
import re
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from pathlib import Path, PurePath
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from torch import nn

KINDS = "kinds of parts"  # the entry with {name of an optimizer or schedule: its class}


def require_place(path: str | Path) -> None:
    """Raise unless a file can be written there: not a folder, and in one that lets us write."""
    path = Path(path)
    folder = path.parent
    if path.is_dir():
        raise ValueError(f"expected the name of a file, got the folder {path}; add a name to it")
    if not folder.is_dir():
        raise FileNotFoundError(
            f"cannot save to {path}: expected a folder at {folder}, got none; "
            f"make it with Path({str(folder)!r}).mkdir(parents=True)"
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"cannot save to {path}: expected a folder to write to, got {folder}, which is "
            "read-only; name another one"
        )


def save_atomically(state: Any, path: str | Path) -> None:
    """Write what torch.save makes of the state, whole or not at all.

    NumPy's numbers and arrays become plain numbers and lists, paths become text. The new file is
    read once before it takes the place of an old one.
    Raises ValueError for a state that could not be read back (weights_only=True), and as
    `require_place`; then nothing is written.
    """
    require_place(path)
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        _write(_plain(state), temporary, path)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_checkpoint(path: str | Path, parts: Mapping[str, Any], **values: Any) -> None:
    """Write the state of every part, {name: model, optimizer or schedule}, and plain values.

    Raises as `save_atomically`.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    save_atomically(states | {KINDS: _kinds(parts)} | values, path)


def load_checkpoint(
    path: str | Path, parts: Mapping[str, Any], accept: Callable[[dict], Any] | None = None
) -> dict[str, Any]:
    """Give every part its state back, and return the other values, {name: value}.

    accept: called first with these values; it may raise to refuse them.
    Only tensors and plain values are read: a file cannot run code (weights_only=True).
    Raises FileNotFoundError where there is no file, ValueError for one that is damaged, or that
    belongs to something else; then all parts are as they were.
    """
    state = _read(path)
    before = {name: deepcopy(part.state_dict()) for name, part in parts.items()}
    try:
        _require_parts(state, parts)
        states = {name: state.pop(name) for name in parts}
        if accept is not None:
            accept(state)
        for name, part in parts.items():
            part.load_state_dict(states[name])
    except Exception as error:
        for name, part in parts.items():
            part.load_state_dict(before[name])  # a model takes what fits before it raises
        cause = shorten(f"{type(error).__name__}: {error}", 300)
        raise ValueError(
            f"cannot resume from {path}: expected the state of this {', '.join(parts)}, got "
            f"another ({cause}); name another file, or give what it was saved from"
        ) from error
    return state


def _write(state, temporary, path):
    """Write the state to a temporary file, and read it back; path: what it is to become."""
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        torch.load(temporary, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError):
        raise  # the disk is full
    except Exception as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))  # among much advice, the class
        got = refused[1] if refused else shorten(str(error), 200)
        raise ValueError(
            f"cannot save to {path}: expected tensors, numbers, text, and lists or dicts of them, "
            f"got {got}; turn it into one of these"
        ) from error


def _read(path):
    """Return all that is in a checkpoint."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; save_checkpoint writes one")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"cannot resume from {path}: expected tensors and plain values, got a file that is "
            f"damaged, or holds something else ({type(error).__name__}); name another file"
        ) from error


def _require_parts(state, parts):
    """Raise unless the state has all the parts, from optimizers and schedules of the same class."""
    missing = [name for name in parts if name not in state]
    if missing:
        raise ValueError(f"it holds no {', '.join(missing)}")
    saved = state.pop(KINDS, {})  # older files do not say
    for name, kind in _kinds(parts).items():
        if saved.get(name, kind) != kind:
            raise ValueError(f"it holds the {name} of {saved[name]}, not of {kind}")


def _kinds(parts):
    """Return the classes of optimizers and schedules; a model's names and shapes tell it apart."""
    return {
        name: type(part).__name__ for name, part in parts.items() if not isinstance(part, nn.Module)
    }


def _plain(value):
    """Return a state with NumPy's numbers, arrays and paths as plain values, all the way down."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        plain = copy(value)  # of the same class: OrderedDict, Counter
        plain.clear()
        for key, entry in value.items():
            plain[_plain(key)] = _plain(entry)
        return plain
    if type(value) in (list, tuple):
        return type(value)(_plain(entry) for entry in value)
    return value
