"""Checkpoints: what cannot be read back is not written, and what is refused changes nothing."""

import copy
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, MultiStepLR, ReduceLROnPlateau, StepLR

from d4sci.support.checkpoint import load_checkpoint, save_atomically, save_checkpoint
from d4sci.training import train
from tests.lessons.test_training import (
    CE,
    X_VAL,
    Y_VAL,
    X,
    Y,
    arguments,
    net,
    same,
    sgd,
    weights,
    written_out,
)


def resumed(path, make_optimizer=sgd, make_scheduler=None, **options):
    """Return the History of two epochs, the second by a new process as it were."""
    for epochs in (1, 2):
        model = net()
        optimizer = make_optimizer(model)
        scheduler = make_scheduler(optimizer) if make_scheduler else None
        history = train(
            model, X, Y, loss_fn=CE, epochs=epochs, optimizer=optimizer, scheduler=scheduler,
            checkpoint=path, **options,
        )  # fmt: skip
    return history


@pytest.mark.parametrize(
    "metric", [np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True), torch.tensor(0.5)]
)
def test_a_metric_of_numpy_can_be_resumed(metric, tmp_path):
    history = resumed(
        tmp_path / "c.pt", validation=(X_VAL, Y_VAL), metric=lambda y_true, y_pred: metric
    )
    assert history.validation_metric == [metric, metric]


@pytest.mark.parametrize(
    ("make_optimizer", "make_scheduler", "rates"),
    [
        (lambda model: sgd(model, np.float32(0.5)), None, [0.5, 0.5]),
        (sgd, lambda optimizer: ExponentialLR(optimizer, np.float64(0.5)), [0.1, 0.05]),
        (sgd, lambda optimizer: MultiStepLR(optimizer, np.array([1])), [0.1, 0.01]),
        (sgd, lambda optimizer: ReduceLROnPlateau(optimizer, factor=np.float32(0.5)), [0.1, 0.1]),
    ],
    ids=["rate", "factor", "milestones", "plateau"],
)
def test_rates_and_schedules_of_numpy_can_be_resumed(
    make_optimizer, make_scheduler, rates, tmp_path
):
    history = resumed(tmp_path / "c.pt", make_optimizer, make_scheduler)
    assert history.learning_rate == pytest.approx(rates)


def test_values_of_numpy_and_paths_become_plain_values(tmp_path):
    model, path = net(), tmp_path / "c.pt"
    values = {
        "deep": [{"a": (np.float64(0.5), [np.int64(3)])}], "array": np.eye(2), "text": np.str_("x"),
        "folder": Path("runs", "a"), "counts": Counter([np.int64(2)]), "shape": X.shape,
    }  # fmt: skip
    save_checkpoint(path, {"model": model}, **values)
    assert load_checkpoint(path, {"model": model}) == {
        "deep": [{"a": (0.5, [3])}], "array": [[1, 0], [0, 1]], "text": "x",
        "folder": str(Path("runs", "a")), "counts": {2: 1}, "shape": X.shape,
    }  # fmt: skip
    assert values["deep"] == [{"a": (np.float64(0.5), [np.int64(3)])}]  # and stay as they were
    assert type(values["deep"][0]["a"][0]) is np.float64


class OfAClass:
    """What torch.load does not read, as it could run code."""


@pytest.mark.parametrize("value", [Fraction(1, 2), OfAClass(), lambda: 1])
def test_what_cannot_be_read_back_is_not_written(value, tmp_path):
    path, model = tmp_path / "c.pt", net()
    train(model, X, Y, **arguments(model, sgd(model), path, 1))
    before = path.read_bytes()
    again = arguments(model, sgd(model), path, 2) | {"metric": lambda y_true, y_pred: value}
    with pytest.raises(ValueError, match=r"cannot save to .*c\.pt: expected tensors, numbers"):
        train(model, X, Y, **again)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_the_class_that_cannot_be_read_back_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"got fractions\.Fraction; turn it into one of these"):
        save_atomically({"a": Fraction(1, 2)}, tmp_path / "c.pt")


def whole_state(*parts):
    """Return copies of all that the parts hold."""
    return copy.deepcopy([part.state_dict() for part in parts])


def demand_same_state(found, expected):
    for part, other in zip(found, expected, strict=True):
        assert part.keys() == other.keys()
        for name in part:
            if isinstance(part[name], torch.Tensor):
                assert torch.equal(part[name], other[name])
            else:
                assert repr(part[name]) == repr(other[name])


def half_groups(model):
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters()}]
    return torch.optim.SGD(groups, lr=0.3, momentum=0.9)


def adam(model):
    return torch.optim.Adam(model.parameters())


SAVED = (net, sgd, lambda optimizer: ExponentialLR(optimizer, 0.9))
OTHERS = {
    "a layer of the model": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)), *SAVED[1:],
        r"RuntimeError: .*size mismatch for 2\.weight",
    ),
    "the optimizer's groups": (net, half_groups, SAVED[2], "different number of parameter groups"),
    "the optimizer": (net, adam, SAVED[2], "it holds the optimizer of SGD, not of Adam"),
    "the schedule": (*SAVED[:2], lambda optimizer: StepLR(optimizer, 1),
                     "it holds the scheduler of ExponentialLR, not of StepLR"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_a_refused_checkpoint_changes_nothing(other, tmp_path):
    path = tmp_path / "c.pt"
    model, optimizer = net(), sgd(net())
    train(model, X, Y, **arguments(model, sgd(model), path, 1))
    make_model, make_optimizer, make_scheduler, message = OTHERS[other]
    model = make_model()
    optimizer = make_optimizer(model)
    scheduler = make_scheduler(optimizer)
    written_out(model, optimizer, 1, 50)  # so that the optimizer has a state
    before, stored = whole_state(model, optimizer, scheduler), path.read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        train(
            model, X, Y, loss_fn=CE, epochs=2, optimizer=optimizer, scheduler=scheduler,
            checkpoint=path,
        )  # fmt: skip
    demand_same_state(whole_state(model, optimizer, scheduler), before)
    assert path.read_bytes() == stored
    assert "delete" not in str(caught.value)
    assert "name another file" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("optimizer"), "it holds no optimizer"),
        (lambda state: state.pop("generator"), "KeyError: 'generator'"),
        (lambda state: state.pop("best"), "KeyError: 'best'"),
        (lambda state: state["history"].update(more=[]), "unexpected keyword argument 'more'"),
        (lambda state: state.update(generator=torch.zeros(3)), "cannot resume"),
    ],
)
def test_a_file_that_lacks_something_changes_nothing(change, message, tmp_path):
    path, model = tmp_path / "c.pt", net()
    train(model, X, Y, loss_fn=CE, epochs=1, optimizer=sgd(model), validation=(X, Y),
          checkpoint=path)  # fmt: skip
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    model = net(seed=5)
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        train(model, X, Y, loss_fn=CE, epochs=2, optimizer=sgd(model), checkpoint=path)
    assert same(weights(model), before)


def test_a_checkpoint_that_does_not_name_its_classes_is_read(tmp_path):
    path, model = tmp_path / "c.pt", net()
    train(model, X, Y, **arguments(model, sgd(model), path, 1))
    state = torch.load(path, weights_only=True)
    del state["kinds of parts"]
    torch.save(state, path)
    assert len(train(model, X, Y, **arguments(model, sgd(model), path, 2)).loss) == 2


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("runs/c.pt", FileNotFoundError, r"expected a folder at .*runs, got none; make it with"),
        ("file/c.pt", FileNotFoundError, "expected a folder at .*file, got none"),
        ("folder", ValueError, "expected the name of a file, got the folder .*folder"),
        ("locked/c.pt", PermissionError, "read-only; name another one"),
    ],
)
def test_a_place_where_nothing_can_be_saved_is_told_before_training(
    place, error, message, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    for name in ("folder", "locked"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path.name != "locked")
    with pytest.raises(error, match=message):
        train(net(), X, Y, loss_fn=lambda outputs, targets: 1 / 0, checkpoint=str(tmp_path / place))
    with pytest.raises(error, match=message):
        save_atomically(X, tmp_path / place)
