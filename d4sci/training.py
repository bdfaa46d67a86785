"""One training loop for every model: batches of tensors in memory, on one process or several."""

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import distributed, nn

from d4sci.device import seeded
from d4sci.support.checkpoint import load_checkpoint, save_checkpoint
from d4sci.support.checks import (
    require_between,
    require_finite,
    require_same_length,
    require_tensor,
)

EVALUATION_ROWS = 1024  # at a time, so that memory stays bounded


@dataclass
class History:
    """What `train` saw, an entry per epoch: losses are means over rows, rates as used.

    The lists of a validation stay empty without one.  best_epoch: counted from 0, the one with
    the lowest validation loss, else the last.
    """

    loss: list = field(default_factory=list)
    validation_loss: list = field(default_factory=list)
    validation_metric: list = field(default_factory=list)
    learning_rate: list = field(default_factory=list)

    @property
    def best_epoch(self):
        losses = [math.inf if math.isnan(v) else v for v in self.validation_loss]
        return losses.index(min(losses)) if losses else len(self.loss) - 1


def train(
    model, X, y, *, loss_fn, optimizer=None, epochs=5, batch_size=128, validation=None,
    metric=None, patience=None, scheduler=None, checkpoint=None, seed=0,
):  # fmt: skip
    """Train a module by mini-batches in place, leave it in evaluation mode, return its History.

    X, y: tensors with n rows each, on any device; batches move to the model's.
    loss_fn: mean loss of (outputs, targets).  optimizer: by default Adam, with rate 1e-3.
    epochs: passes over the data.  batch_size: rows per update, over all processes.
    validation: (X, y) to score after each epoch; the weights of the best epoch are kept.
    metric: function of (y_true, y_pred) for the validation, as in `evaluate`.
    patience: stop after so many epochs without a lower validation loss.
    scheduler: stepped after each epoch; a ReduceLROnPlateau sees the validation loss.
    checkpoint: file to save to after each epoch, and to resume from where it exists.
    seed: of the order of the rows.  (Dropout draws from torch's global generator.)

    Under torchrun, after `init_process_group`, each process takes its share of every batch and
    gradients are averaged (DistributedDataParallel); the first one validates, saves and shows the
    bar. The weights are those of one process, unless a layer looks at the batch (BatchNorm).
    Raises TypeError or ValueError for data, a parameter or a checkpoint that does not fit.
    """
    rank, world = _place()
    device = _check(model, X, y, epochs, batch_size, validation, patience, world)
    run = _Run(model, optimizer or _adam(model), scheduler, checkpoint, seed)
    net = nn.parallel.DistributedDataParallel(model) if world > 1 else model
    with _bar(epochs * math.ceil(len(X) / batch_size), rank) as advance:
        while len(run.history.loss) < epochs and not run.is_over(patience):
            net.train()
            total = torch.zeros((), device=device)
            for batch in run.batches(X, batch_size):
                rows, weight = _share(batch, rank, world)
                inputs, targets = (_rows(A, rows, device) for A in (X, y))
                run.optimizer.zero_grad()
                loss = loss_fn(net(inputs), targets)  # mean over the rows of this process
                (loss if weight == 1 else weight * loss).backward()
                run.optimizer.step()
                total += loss.detach() * (weight * len(batch) / world)
                advance()
            scores = _validate(model, validation, loss_fn, metric, rank, world)
            run.end_epoch(_sum(total, world) / len(X), scores, validation, rank)
    return run.finish()


def evaluate(model, X, y, *, loss_fn, metric=None):
    """Return {"loss": mean over rows} and, with a metric, {"metric": its value}, without training.

    X, y: tensors with n rows each.  loss_fn: mean loss of (outputs, targets).
    metric: function of (y_true, y_pred); y_pred is outputs.argmax(1) where y holds integer
    classes, else the outputs. All modules get back the mode, train or eval, that they had.
    """
    device = _check_data(model, X, y)
    modes = {module: module.training for module in model.modules()}
    outputs, total = [], 0.0
    try:
        model.eval()
        with torch.no_grad():
            for rows in torch.arange(len(X), device=X.device).split(EVALUATION_ROWS):
                inputs, targets = (_rows(A, rows, device) for A in (X, y))
                outputs.append(model(inputs))
                total += loss_fn(outputs[-1], targets).item() * len(rows)
    finally:
        for module, mode in modes.items():
            module.training = mode
    scores = {"loss": total / len(X)}
    if metric is not None:
        outputs, y = torch.cat(outputs), y.to(device)
        classes = outputs.ndim > 1 and not y.is_floating_point()
        scores["metric"] = metric(y, outputs.argmax(1) if classes else outputs)
    return scores


class _Run:
    """All that changes while a model trains, so that it can be saved and resumed."""

    def __init__(self, model, optimizer, scheduler, checkpoint, seed):
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
        self.parts = {name: part for name, part in self.parts.items() if part is not None}
        self.history, self.best, self.checkpoint = History(), None, checkpoint
        self.generator = seeded(seed)
        if checkpoint is not None and Path(checkpoint).exists():
            values = load_checkpoint(checkpoint, self.parts)
            self.generator.set_state(values["generator"])
            self.history, self.best = History(**values["history"]), values["best"]

    def batches(self, X, batch_size):
        """Return the rows of each batch, in a new order."""
        order = torch.randperm(len(X), generator=self.generator, device="cpu")
        return order.to(X.device).split(batch_size)

    def is_over(self, patience):
        """Tell whether the last `patience` epochs brought nothing better."""
        late = len(self.history.loss) - 1 - self.history.best_epoch
        return patience is not None and late >= patience

    def end_epoch(self, loss, scores, validation, rank):
        """Note the epoch, keep the best weights, move the schedule on, save."""
        self.history.loss.append(loss)
        self.history.learning_rate.append(self.optimizer.param_groups[0]["lr"])
        for name, value in scores.items():
            getattr(self.history, f"validation_{name}").append(value)
        if validation and self.history.best_epoch == len(self.history.loss) - 1:
            self.best = {name: v.clone() for name, v in self.model.state_dict().items()}
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(scores.get("loss", loss))
        elif self.scheduler is not None:
            self.scheduler.step()
        if self.checkpoint is not None and rank == 0:
            values = {"history": asdict(self.history), "best": self.best}
            values["generator"] = self.generator.get_state()
            save_checkpoint(self.checkpoint, self.parts, **values)

    def finish(self):
        """Give the model the weights of its best epoch, if a validation chose one."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()
        return self.history


def _adam(model):
    """Return Adam, all parameters in one step where the device knows how."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    try:
        return torch.optim.Adam(parameters, fused=True)
    except RuntimeError:
        return torch.optim.Adam(parameters)


def _place():
    """Return the number of this process and how many there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _rows(A, rows, device):
    return A.index_select(0, rows.to(A.device)).to(device)


def _share(batch, rank, world):
    """Return this process's rows of a batch, and their weight in the mean over processes.

    The weight is 1 but for a last batch that is uneven; where a process is left without rows, it
    borrows one, of weight 0, because all must take the step together.
    """
    rows = batch[rank::world]
    return (rows, len(rows) * world / len(batch)) if len(rows) else (batch[:1], 0.0)


def _sum(total, world):
    if world > 1:
        distributed.all_reduce(total)
    return total.item()


def _validate(model, validation, loss_fn, metric, rank, world):
    """Return the validation's scores, which the first process finds and tells the others."""
    scores = [None]
    if validation and rank == 0:
        scores = [evaluate(model, *validation, loss_fn=loss_fn, metric=metric)]
    if world > 1:
        distributed.broadcast_object_list(scores)
    return scores[0] or {}


@contextmanager
def _bar(steps, rank):
    """Yield the function that moves the progress bar on: it shows after a second, and vanishes."""
    from tqdm import tqdm

    silent = {"disable": True} if rank > 0 else {}  # else TQDM_DISABLE may still say so
    with tqdm(total=steps, unit="batch", leave=False, delay=1, **silent) as bar:
        yield bar.update


def _check(model, X, y, epochs, batch_size, validation, patience, world):
    device = _check_data(model, X, y)
    require_between("epochs", epochs, 0, math.inf)
    require_between("batch_size", batch_size, world, math.inf)
    if validation is not None:
        _check_data(model, *validation, "validation ")
    if patience is not None:
        require_between("patience", patience, 1, math.inf)
        if validation is None:
            raise ValueError("patience needs a validation; give validation=(X_val, y_val)")
    return device


def _check_data(model, X, y, kind=""):
    """Raise unless X and y are tensors with rows that match; return the model's device."""
    for name, A in ((f"{kind}X", X), (f"{kind}y", y)):
        require_tensor(A, name)
        if A.ndim == 0 or len(A) == 0:
            raise ValueError(f"{name} is empty: shape {tuple(A.shape)}; give at least one row")
        if A.is_floating_point():
            require_finite(A, name)
    require_same_length(f"{kind}X", X, f"{kind}y", y)
    if (parameter := next(model.parameters(), None)) is None:
        raise ValueError("model has no parameters to train; give an nn.Module with layers")
    return parameter.device
