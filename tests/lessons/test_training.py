"""The training loop against a loop written out here, and everything that happens around it."""

import copy
import math
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau

from d4sci.data import make_moons
from d4sci.metrics import accuracy
from d4sci.support.checkpoint import save_atomically
from d4sci.training import History, evaluate, train

X, Y = make_moons(250, noise=0.15)
X_VAL, Y_VAL = make_moons(90, noise=0.15, seed=1)
CE = nn.CrossEntropyLoss()


def net(seed=0, *layers):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), *layers, nn.Linear(8, 2))


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def weights(model):
    return {name: v.clone() for name, v in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def written_out(model, optimizer, epochs, batch_size, seed=0, loss_fn=CE):
    generator, losses = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        total = 0
        for rows in torch.randperm(len(X), generator=generator).split(batch_size):
            optimizer.zero_grad()
            loss = loss_fn(model(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(X))
    return losses


@pytest.mark.parametrize("batch_size", [1, 32, 250, 1000])
def test_equals_the_loop_written_out(batch_size):
    epochs = 1 if batch_size == 1 else 4
    ours, peer = net(), net()
    history = train(
        ours, X, Y, loss_fn=CE, optimizer=sgd(ours), epochs=epochs, batch_size=batch_size, seed=3
    )
    losses = written_out(peer, sgd(peer), epochs, batch_size, seed=3)
    assert same(weights(ours), weights(peer))
    assert history.loss == pytest.approx(losses, rel=1e-5)
    assert history.learning_rate == [0.1] * epochs
    assert history.best_epoch == epochs - 1
    assert history.validation_loss == history.validation_metric == []


def test_the_default_optimizer_is_adam():
    ours, peer = net(), net()
    train(ours, X, Y, loss_fn=CE, epochs=3)
    written_out(peer, torch.optim.Adam(peer.parameters()), 3, 128)
    for a, b in zip(ours.parameters(), peer.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_frozen_parameters_stay():
    model = net()
    model[0].weight.requires_grad_(False)
    before = weights(model)
    train(model, X, Y, loss_fn=CE, epochs=1)
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[2].weight, before["2.weight"])


def test_validation_is_scored_and_its_best_weights_kept():
    model, seen = net(), []
    optimizer = sgd(model, lr=2.0)  # so large that the loss goes up and down

    def spy(y_true, y_pred):
        seen.append(weights(model))
        return accuracy(y_true, y_pred)

    history = train(
        model, X, Y, loss_fn=CE, optimizer=optimizer, epochs=12, batch_size=25,
        validation=(X_VAL, Y_VAL), metric=spy,
    )  # fmt: skip
    assert len(seen) == len(history.validation_loss) == len(history.validation_metric) == 12
    best = min(range(12), key=history.validation_loss.__getitem__)
    assert history.best_epoch == best < 11
    assert same(weights(model), seen[best])
    scores = evaluate(model, X_VAL, Y_VAL, loss_fn=CE, metric=accuracy)
    assert scores["loss"] == pytest.approx(history.validation_loss[best])
    assert scores["metric"] == history.validation_metric[best]


def test_patience():
    model = net()
    history = train(
        model, X, Y, loss_fn=CE, optimizer=sgd(model, 2.0), epochs=50, batch_size=25,
        validation=(X_VAL, Y_VAL), patience=3,
    )  # fmt: skip
    assert len(history.loss) == history.best_epoch + 4 < 50


def test_not_a_number_is_never_best():
    history = History(validation_loss=[math.nan, 0.5, math.nan, 0.7], loss=[1.0] * 4)
    assert history.best_epoch == 1


def test_schedules():
    model = net()
    optimizer = sgd(model)
    history = train(
        model, X, Y, loss_fn=CE, optimizer=optimizer, epochs=3,
        scheduler=ExponentialLR(optimizer, 0.5),
    )  # fmt: skip
    assert history.learning_rate == [0.1, 0.05, 0.025]
    optimizer = sgd(model)  # the loss below is constant, so the plateau is at once
    history = train(
        model, X, Y, loss_fn=lambda a, b: CE(a, b) * 0 + 1, optimizer=optimizer, epochs=4,
        validation=(X_VAL, Y_VAL), scheduler=ReduceLROnPlateau(optimizer, factor=0.1, patience=1),
    )  # fmt: skip
    assert history.learning_rate == pytest.approx([0.1] * 3 + [0.01])


def test_modes():
    model = net(0, nn.BatchNorm1d(8), nn.Dropout(0.5))
    train(model, X, Y, loss_fn=CE, epochs=1)
    assert not any(m.training for m in model.modules())  # ready to predict
    model.train()
    model[2].eval()  # frozen on purpose
    before, modes = weights(model), [m.training for m in model.modules()]
    a = evaluate(model, X, Y, loss_fn=CE)
    assert [m.training for m in model.modules()] == modes
    assert same(weights(model), before)
    model.eval()
    with torch.no_grad():
        assert a == {"loss": pytest.approx(CE(model(X), Y).item(), rel=1e-5)}


def test_evaluate_gives_back_the_modes_after_an_error():
    model = net()
    with pytest.raises(ZeroDivisionError):
        evaluate(model, X, Y, loss_fn=lambda a, b: 1 / 0)
    assert model.training


def test_evaluate_in_batches_is_exact():
    images = torch.randn(3000, 2)
    labels = (images[:, 0] > 0).long()
    model = net()
    scores = evaluate(model, images, labels, loss_fn=CE, metric=accuracy)
    assert scores["loss"] == pytest.approx(CE(model(images), labels).item(), rel=1e-5)
    assert scores["metric"] == (model(images).argmax(1) == labels).sum().item() / 3000


def test_regression():
    torch.manual_seed(0)
    model, target = nn.Linear(2, 1), X @ torch.tensor([[2.0], [-3.0]]) + 1
    history = train(
        model, X, target, loss_fn=nn.MSELoss(), optimizer=torch.optim.Adam(model.parameters(), 0.1),
        epochs=60, validation=(X, target), metric=lambda y, p: (y - p).abs().max().item(),
    )  # fmt: skip
    assert history.validation_metric[-1] < 0.05
    assert model.weight.flatten().tolist() == pytest.approx([2, -3], abs=0.05)


def test_images_of_bytes_and_a_layer_that_scales_them():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(9, 2)

        def forward(self, images):
            return self.linear(images.flatten(1).float() / 255)

    torch.manual_seed(0)
    model = Scaled()
    images = torch.randint(0, 256, (200, 3, 3), dtype=torch.uint8)
    labels = (images.float().mean((1, 2)) > 127).long()
    history = train(
        model, images, labels, loss_fn=CE, epochs=40, batch_size=20, metric=accuracy,
        validation=(images, labels), optimizer=torch.optim.Adam(model.parameters(), 0.05),
    )  # fmt: skip
    assert max(history.validation_metric) > 0.85


def arguments(model, optimizer, path, epochs, loss_fn=CE):
    return {
        "loss_fn": loss_fn, "optimizer": optimizer, "epochs": epochs, "batch_size": 32,
        "validation": (X_VAL, Y_VAL), "metric": accuracy, "checkpoint": path,
        "scheduler": ExponentialLR(optimizer, 0.9),
    }  # fmt: skip


def no_number_at_first(n_epochs):
    """Return a loss that is NaN on the validation data in the first epochs."""
    validations = count()

    def loss_fn(outputs, targets):
        loss = CE(outputs, targets)
        if torch.is_grad_enabled() or next(validations) >= n_epochs:
            return loss
        return loss * torch.nan

    return loss_fn


@pytest.mark.parametrize("n_nan", [0, 1, 2])
@pytest.mark.parametrize("make", [sgd, lambda m: torch.optim.Adam(m.parameters(), fused=True)])
def test_resuming_is_like_never_having_stopped(make, n_nan, tmp_path):
    def run(model, name, epochs, loss_fn=CE):
        return train(model, X, Y, **arguments(model, make(model), tmp_path / name, epochs, loss_fn))

    whole, part = net(), net()
    expected = run(whole, "whole.pt", 6, no_number_at_first(n_nan))
    assert expected.best_epoch >= n_nan
    run(part, "part.pt", 2, no_number_at_first(n_nan))
    fresh = net(seed=99)  # a new process would start with other weights
    history = run(fresh, "part.pt", 6)
    assert same(weights(fresh), weights(whole))
    assert repr(history) == repr(expected)  # as text, in which NaN equals NaN
    again = net(seed=98)  # nothing left to do: the best weights come back
    assert repr(run(again, "part.pt", 6)) == repr(expected)
    assert same(weights(again), weights(whole))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["part.pt", "whole.pt"]


def test_a_checkpoint_holds_tensors_and_plain_values_only(tmp_path):
    model = net()
    train(model, X, Y, **arguments(model, sgd(model), tmp_path / "c.pt", 1))
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    assert len(state["history"]["loss"]) == 1


@pytest.mark.parametrize("damage", ["cut", "other model", "nonsense"])
def test_a_checkpoint_that_does_not_fit(damage, tmp_path):
    path, model = tmp_path / "c.pt", net()
    train(model, X, Y, **arguments(model, sgd(model), path, 1))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:500])
    if damage == "nonsense":
        path.write_bytes(b"hello")
    other = nn.Linear(2, 2) if damage == "other model" else net()
    with pytest.raises(ValueError, match=r"cannot resume from .*c\.pt.*name another file"):
        train(other, X, Y, **arguments(other, sgd(other), path, 2))


def test_an_interrupted_save_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path, model = tmp_path / "c.pt", net()
    train(model, X, Y, **arguments(model, sgd(model), path, 1))
    before, save = path.read_bytes(), torch.save

    def dies(state, file):
        save(state, file)
        file.truncate(700)
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(OSError, match="disk full"):
        train(net(), X, Y, loss_fn=CE, epochs=1, checkpoint=tmp_path / "new.pt")
    with pytest.raises(OSError, match="disk full"):
        train(model, X, Y, **arguments(model, sgd(model), path, 2))
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
    assert path.read_bytes() == before


def test_the_bar_shows_late_and_leaves_nothing(capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    train(net(), X, Y, loss_fn=CE, epochs=1)
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train(net(), X, Y, loss_fn=CE, epochs=1)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_global_generator_and_inputs_are_left_alone():
    model = net()
    before, state = (X.clone(), Y.clone()), torch.get_rng_state()
    train(model, X, Y, loss_fn=CE, epochs=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(X, before[0])
    assert torch.equal(Y, before[1])


def test_follows_its_model(meta_default, tmp_path):
    with torch.device("cpu"):
        model = net()
    history = train(
        model, X, Y, loss_fn=CE, epochs=2, validation=(X_VAL, Y_VAL), metric=accuracy,
        checkpoint=tmp_path / "c.pt",
    )  # fmt: skip
    assert len(history.loss) == 2
    assert {p.device.type for p in model.parameters()} == {"cpu"}


def test_zero_epochs_change_nothing():
    model = net()
    before = weights(model)
    assert train(model, X, Y, loss_fn=CE, epochs=0) == History()
    assert same(weights(model), before)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": X.numpy()}, TypeError, "X must be a torch.Tensor"),
        ({"X": X[:0], "Y": Y[:0]}, ValueError, "X is empty"),
        ({"Y": Y[:-1]}, ValueError, "equally many rows, got 250 and 249"),
        ({"X": X / 0}, ValueError, "NaN or infinite"),
        ({"epochs": -1}, ValueError, "epochs must lie"),
        ({"batch_size": 0}, ValueError, "batch_size must lie between 1"),
        ({"patience": 2}, ValueError, "patience needs a validation"),
        ({"patience": 0, "validation": (X, Y)}, ValueError, "patience must lie between 1"),
        ({"validation": (X, Y[:3])}, ValueError, "validation X and validation y"),
        ({"model": nn.Flatten()}, ValueError, "no parameters"),
    ],
)
def test_bad_input_is_named(change, error, message):
    chosen = {"model": net(), "X": X, "Y": Y} | change
    model, X_, Y_ = (chosen.pop(name) for name in ("model", "X", "Y"))
    with pytest.raises(error, match=message):
        train(model, X_, Y_, loss_fn=CE, **chosen)


def test_weights_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "w.pt"
    save_atomically({"a": X}, path)
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_atomically({"a": Y}, path)
    assert torch.equal(torch.load(path, weights_only=True)["a"], X)
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("code was run",)

    torch.save({"model": Evil()}, tmp_path / "c.pt")
    with pytest.raises(ValueError, match="cannot resume"):
        train(net(), X, Y, loss_fn=CE, checkpoint=tmp_path / "c.pt")


# --- a loss that is no plain mean over rows

MANY = torch.randn(2500, 2, generator=torch.Generator().manual_seed(0))
SORTED = (MANY[:, 0] > 0).long().sort().values  # so that blocks of rows have other classes


@pytest.mark.parametrize(
    "loss_fn",
    [
        CE,
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 20.0])),
        nn.CrossEntropyLoss(ignore_index=0),  # whole blocks are ignored
        nn.CrossEntropyLoss(reduction="sum"),
        lambda outputs, targets: nn.functional.mse_loss(outputs[:, 0], targets.float()).sqrt(),
    ],
    ids=["mean", "class weights", "ignored classes", "sum", "root"],
)
def test_the_loss_is_that_of_all_rows_at_once(loss_fn):
    model = net()
    with torch.no_grad():
        expected = loss_fn(model(MANY), SORTED).item()
    loss = evaluate(model, MANY, SORTED, loss_fn=loss_fn)["loss"]
    assert type(loss) is float
    assert loss == pytest.approx(expected, rel=1e-6)
    history = train(model, X, Y, loss_fn=CE, epochs=1, validation=(MANY, SORTED))
    with torch.no_grad():
        assert history.validation_loss == [pytest.approx(CE(model(MANY), SORTED).item(), rel=1e-6)]


class Several(nn.Module):
    """A model that returns more than one tensor, and nothing for one of them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, X):
        return {"logits": self.linear(X), "others": (X.square(), None)}


@pytest.mark.parametrize("n", [5, 2500])
def test_a_model_may_return_several_tensors(n):
    def loss_fn(outputs, targets):
        squares, nothing = outputs["others"]
        assert nothing is None
        return CE(outputs["logits"], targets) + squares.mean()

    model, rows = Several(), MANY[:n]
    scores = evaluate(
        model, rows, SORTED[:n], loss_fn=loss_fn, metric=lambda y, outputs: list(outputs)
    )
    expected = loss_fn(model(rows), SORTED[:n]).item()
    assert scores == {"loss": pytest.approx(expected, rel=1e-6), "metric": ["logits", "others"]}


def test_a_number_without_rows_is_refused():
    class Number(nn.Linear):
        def forward(self, X):
            return super().forward(X), X.mean()

    with pytest.raises(ValueError, match=r"must return tensors with a row per row of X, got tens"):
        evaluate(Number(2, 2), MANY, SORTED, loss_fn=lambda o, y: CE(o[0], y))


def test_evaluate_leaves_the_targets_alone():
    before = SORTED.float()
    targets = before.clone()
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    evaluate(model, MANY, targets, loss_fn=lambda a, b: nn.functional.mse_loss(a, b.mul_(2)))
    assert torch.equal(targets, before)


def test_losses_add_up_in_float64():
    rows, model = X.double(), net().double()
    peer = copy.deepcopy(model)
    history = train(
        model, rows, Y, loss_fn=CE, optimizer=sgd(model, 0.0), epochs=1, batch_size=7,
        validation=(rows, Y),
    )  # fmt: skip
    expected = CE(peer(rows), Y).item()
    assert history.loss == [pytest.approx(expected, rel=1e-14)]
    assert history.validation_loss == [pytest.approx(expected, rel=1e-14)]


def test_many_small_losses_count_beside_a_large_one():
    """In float32 a sum of 2²⁴ swallows each 1 that comes after it."""
    first = torch.randperm(200, generator=torch.Generator().manual_seed(0))[0]
    targets = torch.ones(200, 1)
    targets[first] = 2.0**24
    history = train(
        nn.Linear(1, 1), torch.ones(200, 1), targets, loss_fn=lambda a, b: (a * 0 + b).mean(),
        epochs=1, batch_size=1,
    )  # fmt: skip
    assert history.loss == [(2**24 + 199) / 200]


# --- what cannot train


def foreign(model):
    return sgd(copy.deepcopy(model))


def frozen(model):
    return model.requires_grad_(False)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: {"optimizer": foreign(m)}, ValueError, "would train nothing; make it from this"),
        (lambda m: {"optimizer": torch.optim.SGD(frozen(m[0]).parameters())}, ValueError,
         "parameters of model that can change, got none"),
        (lambda m: {"model": frozen(m)}, ValueError, r"frozen ones.*model\.requires_grad_\(True\)"),
        (lambda m: {"optimizer": sgd(frozen(m))}, ValueError, "got none, or only frozen ones"),
        (lambda m: {"optimizer": torch.optim.Adam}, TypeError, r"must be a torch\.optim\.Opt"),
        (lambda m: {"scheduler": ExponentialLR(sgd(m), 0.5)}, ValueError, "give optimizer= as"),
        (lambda m: {"scheduler": ReduceLROnPlateau(sgd(m)), "optimizer": sgd(m)}, ValueError,
         "got one of another optimizer"),
    ],
)  # fmt: skip
def test_what_would_train_nothing_is_refused(change, error, message):
    model = net()
    before = weights(model)
    with pytest.raises(error, match=message):
        train(**({"model": model, "X": X, "y": Y, "loss_fn": CE} | change(model)))
    assert same(weights(model), before)


def test_an_optimizer_of_a_part_or_of_more_than_the_model_will_do():
    model = net()
    for parameters in (model[2].parameters(), [*model.parameters(), *net().parameters()]):
        before = weights(model)
        train(model, X, Y, loss_fn=CE, epochs=1, optimizer=torch.optim.SGD(parameters, lr=0.1))
        assert not torch.equal(model[2].weight, before["2.weight"])


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_whole_numbers_of_numpy(kind):
    found = []
    for number in (int, kind):
        model = net()
        history = train(
            model, X, Y, loss_fn=CE, optimizer=sgd(model), epochs=number(200),
            batch_size=number(100), validation=(X_VAL, Y_VAL), patience=number(2),
        )  # fmt: skip
        found.append([history, *model.state_dict().values()])
    assert all(repr(a) == repr(b) for a, b in zip(*found, strict=True))


def test_data_that_another_network_made_is_data():
    """Its graph would be gone after the first batch, and X itself would get a gradient."""
    torch.manual_seed(0)
    encoder, leaf = nn.Linear(4, 3), torch.randn(30, 4, requires_grad=True)
    y = torch.arange(30) % 2
    for X in (encoder(leaf), leaf[:, :3], torch.randn(30, 3, requires_grad=True)):
        history = train(nn.Linear(3, 2), X, y, loss_fn=F.cross_entropy, epochs=2, batch_size=10)
        assert len(history.loss) == 2
        assert not X.is_leaf or X.grad is None
    assert leaf.grad is None
    assert encoder.weight.grad is None
