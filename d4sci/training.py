"""One training loop for every model: batches of tensors in memory, on one process or several."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from d4sci.device import seeded
from d4sci.engines.processes import Processes
from d4sci.support.best_weights import BestWeights
from d4sci.support.checkpoint import load_checkpoint, require_place, save_checkpoint
from d4sci.support.checks import (
    require_between,
    require_finite,
    require_same_length,
    require_tensor,
)
from d4sci.support.evaluating import evaluating, join_outputs
from d4sci.support.optimizers import adam, require_optimizer, require_scheduler

EVALUATION_ROWS = 1024  # at a time, so that memory stays bounded


@dataclass
class History:
    """What `train` saw, an entry per epoch.

    loss: mean of the batches' losses, weighted by their rows, each from before its own update.
    (Where a loss is no plain mean over rows, with class weights or ignore_index, that comes near
    the loss of all rows at once, and is NaN if a batch has only ignored rows.)
    validation_loss, validation_metric: as from `evaluate`; empty without a validation.
    learning_rate: that of the first group of parameters, as used.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_metric: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Return the epoch with the lowest validation loss, else the last, counted from 0."""
        if not self.validation_loss:
            return len(self.loss) - 1
        losses = [math.inf if math.isnan(loss) else loss for loss in self.validation_loss]
        return losses.index(min(losses))


def train(
    model: nn.Module, X: Tensor, y: Tensor, *, loss_fn: Callable, epochs: int = 5,
    optimizer: Optimizer | None = None, batch_size: int = 128, patience: int | None = None,
    validation: tuple[Tensor, Tensor] | None = None, metric: Callable | None = None,
    scheduler: LRScheduler | None = None, checkpoint: str | Path | None = None, seed: int = 0,
) -> History:  # fmt: skip
    """Train a module by mini-batches in place, leave it in evaluation mode, return its History.

    X, y: tensors with n rows each, on any device; batches move to the model's.
    loss_fn: mean loss of (outputs, targets).
    optimizer: of this model's parameters, or of some; by default Adam, with rate 1e-3.
    epochs: passes over the data.  batch_size: rows per update, over all processes.
    validation: (X, y) to score after each epoch; the weights of the best epoch are kept.
    metric: function of (y_true, y_pred) for the validation, as in `evaluate`.
    patience: stop after so many epochs without a lower validation loss.
    scheduler: of the same optimizer, stepped after each epoch; a ReduceLROnPlateau sees the
    validation loss.
    checkpoint: file to save to after each epoch, and to resume from where it exists.
    seed: seeds the shuffling.  (Dropout draws from torch's global generator.)

    Under torchrun, after `init_process_group`, each process takes its share of every batch and
    gradients are averaged (DistributedDataParallel); the first one validates, saves and shows the
    bar. The weights equal those of single-process training up to rounding, except with Dropout or
    BatchNorm, which sees only the rows of its own process, and where the loss is no plain mean
    over rows: class weights and ignore_index count within each process.
    Raises, before it changes anything, TypeError or ValueError for data, a parameter or a
    checkpoint that does not fit, FileNotFoundError or PermissionError where none can be saved; and
    ValueError after an epoch whose metric is nothing that a checkpoint can hold.
    """
    processes = Processes()  # this one alone, but under torchrun
    device = _validate(model, X, y, epochs, batch_size, validation, patience, processes.world)
    run = _Run(model, optimizer, scheduler, checkpoint, seed)
    net = processes.wrap(model)
    with _progress_bar(epochs, len(X), batch_size, shown=processes.is_first) as bar:
        while len(run.history.loss) < epochs and not run.is_over(patience):
            net.train()
            total = _zero(device)
            for batch in run.batches(X, batch_size, bar):
                inputs, targets = _take(processes.share(batch), X, y, device)
                run.optimizer.zero_grad()
                loss = loss_fn(net(inputs), targets)
                loss = processes.weigh(loss, batch)
                loss.backward()
                run.optimizer.step()
                total.add_(loss.detach(), alpha=len(batch))  # += loss · rows, in total's dtype
            scores = processes.from_first(_score, model, validation, loss_fn, metric)
            run.end_epoch(processes.mean(total) / len(X), scores, save=processes.is_first)
    return run.finish()


def evaluate(
    model: nn.Module, X: Tensor, y: Tensor, *, loss_fn: Callable, metric: Callable | None = None
) -> dict[str, Any]:
    """Return {"loss": that of all rows} and, with a metric, {"metric": its value}; train nothing.

    X, y: tensors with n rows each.  loss_fn: mean loss of (outputs, targets).
    metric: function of (y_true, y_pred); y_pred is outputs.argmax(1) where y holds integer
    classes, else the outputs. All modules get back the mode, train or eval, that they had.
    The model sees a block of rows at a time, but loss_fn its outputs of all rows at once, since a
    loss with class weights is not the mean of its values on blocks; so outputs and y must fit into
    the memory of the model's device together.
    """
    device = _validate_data(model, X, y)
    with evaluating(model):
        outputs = _outputs(model, X, device)
        targets = y.to(device, copy=True)  # y stays, whatever loss_fn does
        scores = {"loss": loss_fn(outputs, targets).item()}
    if metric is not None:
        if isinstance(outputs, Tensor) and outputs.ndim > 1 and not y.is_floating_point():
            outputs = outputs.argmax(1)  # the most probable class
        scores["metric"] = metric(y.to(device), outputs)
    return scores


class _Run:
    """All that changes while a model trains, so that it can be saved and resumed."""

    def __init__(self, model, optimizer, scheduler, checkpoint, seed):
        require_scheduler(scheduler, optimizer)
        if optimizer is None:
            optimizer = adam(model)
        require_optimizer(optimizer, model)
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.checkpoint = checkpoint
        self.history, self.best = History(), BestWeights()
        self.generator = seeded(seed)
        self.parts = {"model": model, "optimizer": optimizer}
        if scheduler is not None:
            self.parts["scheduler"] = scheduler
        if checkpoint is not None:
            require_place(checkpoint)
            if Path(checkpoint).exists():
                load_checkpoint(checkpoint, self.parts, self.resume)

    def resume(self, values):
        """Go on from the values of a checkpoint, as if nothing had stopped."""
        self.generator.set_state(values["generator"])
        self.history = History(**values["history"])
        losses = self.history.validation_loss
        if losses:
            self.best = BestWeights(values["best"], losses[self.history.best_epoch])

    def batches(self, X, batch_size, bar):
        """Yield the rows of each batch, in a new order, and move the bar on after each."""
        order = torch.randperm(len(X), generator=self.generator, device="cpu")
        for rows in order.to(X.device).split(int(batch_size)):
            yield rows
            bar.update()

    def is_over(self, patience):
        """Tell whether none of the last `patience` epochs was the best."""
        epochs_since_best = len(self.history.loss) - 1 - self.history.best_epoch
        return patience is not None and epochs_since_best >= patience

    def end_epoch(self, loss, scores, *, save):
        """Note the epoch, keep the best weights, move the schedule on, save."""
        self.history.loss.append(loss)
        self.history.learning_rate.append(self.optimizer.param_groups[0]["lr"])
        if "loss" in scores:
            self.history.validation_loss.append(scores["loss"])
            self.best.note(self.model, scores["loss"])
        if "metric" in scores:
            self.history.validation_metric.append(scores["metric"])
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(scores.get("loss", loss))
        elif self.scheduler is not None:
            self.scheduler.step()
        if self.checkpoint is not None and save:
            values = {"history": asdict(self.history), "best": self.best.weights}
            values["generator"] = self.generator.get_state()
            save_checkpoint(self.checkpoint, self.parts, **values)

    def finish(self):
        """Give the model the weights of its best epoch, if a validation chose one."""
        self.best.restore(self.model)
        self.model.eval()
        return self.history


def _zero(device):
    """Return 0, (), in float64, in which losses add up exactly enough; MPS has float32 only."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return torch.zeros((), dtype=dtype, device=device)


def _take(rows, X, y, device):
    """Return these rows of X and of y, on the device."""
    inputs = X.detach().index_select(0, rows.to(X.device))
    targets = y.detach().index_select(0, rows.to(y.device))
    return inputs.to(device), targets.to(device)


def _outputs(model, X, device):
    """Return what the model says of all rows; it sees a block of them at a time."""
    blocks = []
    for rows in torch.arange(len(X), device=X.device).split(EVALUATION_ROWS):
        blocks.append(model(X.index_select(0, rows).to(device)))
    return join_outputs(blocks)


def _score(model, validation, loss_fn, metric):
    """Return the scores of the validation, {} without one."""
    if validation is None:
        return {}
    return evaluate(model, *validation, loss_fn=loss_fn, metric=metric)


def _progress_bar(epochs, n, batch_size, *, shown):
    """Return a bar, for a `with` block, of all batches: it shows after a second, and vanishes."""
    from tqdm import tqdm

    if not shown:
        return tqdm(disable=True)
    steps = int(epochs) * math.ceil(n / int(batch_size))
    return tqdm(total=steps, unit="batch", leave=False, delay=1)


def _validate(model, X, y, epochs, batch_size, validation, patience, world):
    """Raise unless data and parameters fit; return the model's device."""
    device = _validate_data(model, X, y)
    require_between("epochs", epochs, 0, math.inf)
    require_between("batch_size", batch_size, world, math.inf)
    if validation is not None:
        _validate_data(model, *validation, "validation ")
    if patience is not None:
        require_between("patience", patience, 1, math.inf)
        if validation is None:
            raise ValueError("patience needs a validation; give validation=(X_val, y_val)")
    return device


def _validate_data(model, X, y, kind=""):
    """Raise unless X and y are tensors with rows that match; return the model's device."""
    for name, A in ((f"{kind}X", X), (f"{kind}y", y)):
        require_tensor(A, name)
        if A.ndim == 0 or len(A) == 0:
            raise ValueError(f"{name} is empty: shape {tuple(A.shape)}; give at least one row")
        if A.is_floating_point():
            require_finite(A, name)
    require_same_length(f"{kind}X", X, f"{kind}y", y)
    parameter = next(model.parameters(), None)
    if parameter is None:
        raise ValueError("model has no parameters to train; give an nn.Module with layers")
    return parameter.device
