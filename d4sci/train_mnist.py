"""Train a digit classifier from the command line, on one process or on several.

python -m d4sci.train_mnist --model cnn --epochs 3
torchrun --nproc-per-node=2 -m d4sci.train_mnist
"""

import argparse
import os
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn

from d4sci.cnn import CNN
from d4sci.data import load_mnist
from d4sci.device import get_device
from d4sci.metrics import accuracy
from d4sci.support.checkpoint import require_place, save_atomically
from d4sci.training import History, evaluate, train

VALIDATION = 6000  # rows at the end of the training set that choose the best epoch


def digits(split: str = "train", *, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the images as float32 from 0 to 1, (n, 1, 28, 28), and the labels, (n,)."""
    images, labels = load_mnist(split)
    return images[:limit, None].float() / 255, labels[:limit]


def make_model(kind: str, seed: int) -> nn.Module:
    """Return an untrained model; it draws its weights with this seed, and no one else's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "cnn":
            return CNN()
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
            nn.Linear(128, 10),
        )  # fmt: skip


def fit(args: argparse.Namespace, device: torch.device) -> tuple[nn.Module, History, dict]:
    """Train what the command line asks for; return the model, its History, its test scores."""
    X, y = digits(limit=args.limit)
    held_out = max(1, min(VALIDATION, len(X) // 10))
    validation = (X[-held_out:], y[-held_out:])
    model = make_model(args.model, args.seed).to(device)
    loss_fn = nn.CrossEntropyLoss()
    fused = device.type in ("cpu", "cuda")  # one step for all parameters
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, fused=fused)
    history = train(
        model, X[:-held_out], y[:-held_out], loss_fn=loss_fn, optimizer=optimizer,
        epochs=args.epochs, batch_size=args.batch_size, validation=validation, metric=accuracy,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(args.epochs, 1)),
        checkpoint=args.checkpoint, seed=args.seed,
    )  # fmt: skip
    return model, history, evaluate(model, *digits("test"), loss_fn=loss_fn, metric=accuracy)


def report(args: argparse.Namespace, history: History, scores: dict, world: int) -> None:
    """Print an epoch a line, then the score on the test set."""
    processes = "1 process" if world == 1 else f"{world} processes"
    print(f"{args.model}: {processes}, batches of {args.batch_size}")
    lists = (history.loss, history.validation_loss, history.validation_metric)
    for epoch, (loss, checked, share) in enumerate(zip(*lists, strict=True), 1):
        print(f"epoch {epoch}: loss {loss:.4f}, validation loss {checked:.4f}, right {share:.2%}")
    print(f"test set: {scores['metric']:.2%} right, with the weights of epoch "
          f"{history.best_epoch + 1}", flush=True)  # fmt: skip


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m d4sci.train_mnist", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--model", choices=["mlp", "cnn"], default="mlp")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128, help="over all processes")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--limit", type=int, help="use so many training images only")
    parser.add_argument("--checkpoint", help="save here after each epoch, and resume from here")
    parser.add_argument("--save", help="write the best weights here, as a state_dict")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def join() -> torch.device:
    """Meet the other processes; return the device of this one: a GPU each, or else the CPU."""
    if torch.cuda.device_count() < int(os.environ["LOCAL_WORLD_SIZE"]):
        distributed.init_process_group("gloo")
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    distributed.init_process_group("nccl")
    return device


def main(argv: Sequence[str] | None = None) -> None:
    """Train and report, with all the processes that torchrun has started."""
    args = arguments(argv)
    if args.save:
        require_place(args.save)
    rank = int(os.environ.get("RANK", 0))
    world = int(os.environ.get("WORLD_SIZE", 1))
    device = get_device() if world == 1 else join()
    try:
        model, history, scores = fit(args, device)
        if rank == 0:
            report(args, history, scores, world)
            if args.save:
                save_atomically(model.cpu().state_dict(), args.save)
    finally:
        if world > 1:
            distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
