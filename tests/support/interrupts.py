"""Stop writers and loaders in mid-write and at chance moments: `interrupts.py SIGNAL FOLDER`.

A script of its own, because it forks: each child works until the signal hits it, and the parent
then looks at what it left. Prints as JSON {job: [files found damaged, names of the files left]}.
"""

import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import nbformat.v4 as v4
import torch

from d4sci import data
from d4sci.support.checkpoint import save_atomically
from tools import make_income, notebooks, version_table

TIMES = 5
SIZE = 500_000
BOOKS = [v4.new_notebook(cells=[v4.new_code_cell(f"x = {k}\n" * 20_000)]) for k in (1, 2)]


def save_to(path, save):
    """Save 2 MB of ones, then of twos."""
    for k in (1.0, 2.0):
        save({"weights": torch.full((SIZE,), k)}, path)


def whole_checkpoint(path):
    """Load it, and demand that it is all of one save."""
    weights = torch.load(path, weights_only=True)["weights"]
    assert len(weights) == SIZE
    assert weights.unique().tolist() in ([1.0], [2.0])


def whole_notebook(path):
    """Read it, and demand that it is all of one save."""
    assert notebooks.read(path).cells[0].source in [book.cells[0].source for book in BOOKS]


def write_table(path):
    """Let the version matrix store its table there."""
    version_table.TABLE = path
    version_table.store({name: ["x" * 20_000] * 9 for name in version_table.ROWS})


def whole_table(path):
    """Demand the last line of the table."""
    assert path.read_text(encoding="utf-8").splitlines()[-1].startswith("| pinned")


def load(path):
    """Read data files of the copy beside the path."""
    os.environ["D4SCI_DATA"] = str(path.parent / "data")
    data.load_mnist("test")
    data.load_weights("mnist-cnn.pt")


def whole_data(path):
    """Compare every data file with its checksum."""
    assert not any(data.verify_data().values())


def whole_income(path):
    """Demand the bytes of the course's own file."""
    assert path.read_bytes() == data.data_path("income.csv").read_bytes()


JOBS = {  # what to do again and again, and what to demand after each interrupt
    "checkpoint": (lambda path: save_to(path, save_atomically), whole_checkpoint),
    "torch.save": (lambda path: save_to(path, torch.save), whole_checkpoint),  # the planted fault
    "notebook": (lambda path: [notebooks.write(path, book) for book in BOOKS], whole_notebook),
    "table": (write_table, whole_table),
    "income": (make_income.write, whole_income),
    "loader": (load, whole_data),
}


def cut(work, path, number):
    """Fork a child that the kernel stops in mid-write: it may write half of the bytes."""
    half = path.stat().st_size // 2 if path.exists() else 1
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (half, half))
        how = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(signal.SIGXFSZ, how)  # Python ignores it, and the default is to end
        work(path)
    finally:
        os._exit(1)


def interrupt(work, path, number, rng):
    """Fork a child that works until the signal with this number hits it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the child can catch it
    child = os.fork()
    if child:
        time.sleep(rng.uniform(0.01, 0.08))
        os.kill(child, number)
        os.waitpid(child, 0)
        return
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        end = time.monotonic() + 20
        while time.monotonic() < end:
            work(path)
    finally:
        os._exit(1)


def stop_often(job, number, folder):
    """Interrupt one job again and again; return how many files it damaged, and what it left."""
    (work, check), path = JOBS[job], Path(folder, job, "file.ipynb")
    path.parent.mkdir()
    if job == "loader":
        shutil.copytree(data.data_path(), path.parent / "data")
    work(path)
    rng, damaged = random.Random(0), 0
    for turn in range(TIMES):
        if turn:
            interrupt(work, path, signal.Signals[number], rng)
        else:
            cut(work, path, signal.Signals[number])
        try:
            check(path)
        except Exception:
            damaged += 1
    return damaged, sorted(file.name for file in path.parent.iterdir())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    torch.set_num_threads(1)
    print(json.dumps({job: stop_often(job, *sys.argv[1:]) for job in JOBS}))
