"""Bad calls of all public functions, over a thousand: each is refused by d4sci, which says why.

A call has good arguments (`bad_calls`, `bad_calls_networks`); one of them at a time is replaced by
something bad (`bad_arguments`). The error must be raised by a line of d4sci that says `raise`: what
comes from inside torch has its message for other people. And no bad call may give a result.
"""

import ast
import re
import traceback
from functools import cache
from pathlib import Path

import pytest
import torch

import d4sci
from d4sci import data, preprocessing
from tests.support.bad_calls import METHODS, X
from tests.support.bad_calls_rest import CALLS
from tests.support.device_cases import CASES

PACKAGE = Path(d4sci.__file__).parent
GOT = re.compile(r"got |holds \d+ values|is empty|has \d+ features")
FIX = re.compile(r"\b(must|give|use|call|drop|try|choose from|fit one)\b")


@cache
def raising_lines(path):
    """Return the numbers of the lines of a file that belong to a `raise`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    raises = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {line for node in raises for line in range(node.lineno, node.end_lineno + 1)}


def fault(call, arguments):
    """Return what is wrong with the answer to a bad call, or None."""
    try:
        call(**arguments)
    except (TypeError, ValueError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]  # the innermost
        path, line = Path(frame.filename), frame.lineno
        if PACKAGE not in path.parents or line not in raising_lines(path):
            return f"not raised by d4sci: {error}"
        if not (GOT.search(str(error)) and FIX.search(str(error))):
            return f"does not say what it got and what to do: {error}"
        return None
    except Exception as error:
        return f"of an unexpected kind: {error!r}"
    return "no error"


@pytest.mark.parametrize("name", CALLS)
def test_each_bad_argument_is_refused(name):
    call, good, kinds = CALLS[name]
    call(**good)
    faults = {
        (argument, what): fault(call, good | {argument: wrong(good[argument])})
        for argument, kind in kinds.items()
        for what, wrong in kind.items()
    }
    assert {case: text for case, text in faults.items() if text} == {}


def test_there_are_many():
    count = sum(len(kind) for _, _, kinds in CALLS.values() for kind in kinds.values())
    print(f"\n{count} bad calls of {len(CALLS)} functions")
    assert count >= 1500


EXEMPT = {  # from the names of `device_cases`, which are all that layers 0 to 3 offer
    *("get_device", "data_path", "verify_data", "load_karate", "History"),  # no arguments
    *("load_iris", "load_anscombe", "load_income", "load_penguins"),  # the same; files see below
    "to_numpy",  # takes everything
    *(
        "off_mps",
        "in_float64",
        "find_origin",
        "moments",
        "NeighborPairs",
        "nearest",
        "euclidean",
        "unit_rows",
        "suitable_unit",
        "minimise",
        "sample_noise",
    ),  # within
    *("discriminator_step", "generator_step", "GCNConv"),  # modules check
    *("save_atomically", "save_checkpoint", "load_checkpoint"),  # in test_training.py
}


def test_every_public_name_is_called_badly():
    called = {re.match(r"\w+", name)[0] for name in CALLS}
    assert "require_descent" in called
    assert CASES.keys() - called - {"check_", "require_descent"} <= EXEMPT


@pytest.mark.parametrize("name", METHODS)
def test_use_before_fit_is_refused(name):
    with pytest.raises(RuntimeError, match="is not fitted yet; call fit") as info:
        METHODS[name](X)
    assert PACKAGE in Path(traceback.extract_tb(info.tb)[-1].filename).parents


@pytest.mark.parametrize("load", ["iris", "anscombe", "income", "mnist", "weights"])
def test_a_missing_file_is_named(load, tmp_path, monkeypatch):
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"is missing; get it back with `git checkout"):
        getattr(data, f"load_{load}")(*["mnist-cnn.pt"] * (load == "weights"))


@pytest.mark.parametrize("name", [name for name, (_, good, _) in CALLS.items() if "X" in good])
def test_a_graph_is_no_fault(name):
    """Rows that carry gradients, as they come from a network, are as good as any."""
    call, good, _ = CALLS[name]
    call(**good | {"X": good["X"].clone().requires_grad_()})


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: None, "no error"),
        (lambda: X @ X, "of an unexpected kind"),
        (lambda: torch.ones("2"), "not raised by d4sci"),
        (preprocessing.train_test_split, "does not say what it got"),
    ],
)
def test_a_fault_is_seen(call, text):
    assert text in fault(call, {})
