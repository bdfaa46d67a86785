"""Training digits from the command line: alone, under torchrun, killed, resumed."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from d4sci import train_mnist
from d4sci.cnn import CNN
from d4sci.support.checkpoint import save_checkpoint
from tests.support.notebooks import ROOT

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}


def torchrun(*arguments, processes=2, timeout=120):
    command = [*TORCHRUN, "--standalone", f"--nproc-per-node={processes}", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout
    )


def small(**change):
    """Return arguments that are done in a second or two."""
    chosen = {"limit": 2000, "epochs": 2, "batch-size": 64} | change
    return [f"--{name}={value}" for name, value in chosen.items()]


# What each process of the equivalence test runs: a network of linear layers, without BatchNorm or
# dropout. Two processes share 256 rows evenly; 257 and 33 leave one row for a last batch.
ROWS = (256, 257, 33)
SAME = """
import sys, torch
from torch import distributed, nn
from d4sci.data import make_moons
from d4sci.metrics import accuracy
from d4sci.training import train
from dataclasses import asdict

folder, world = sys.argv[1], int(sys.argv[2])
if world > 1:
    distributed.init_process_group("gloo")
rank = distributed.get_rank() if world > 1 else 0
for rows in (256, 257, 33):
    X, y = make_moons(rows, noise=0.2)
    torch.manual_seed(0)
    layers = [nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = train(
        model, X, y, loss_fn=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=4, batch_size=32,
        validation=(X[:30], y[:30]), metric=accuracy, checkpoint=f"{folder}/c-{rows}-{world}.pt",
    )
    state = {"weights": model.state_dict(), "history": asdict(history)}
    torch.save(state, f"{folder}/{rows}-{world}-{rank}.pt")
if world > 1:
    distributed.destroy_process_group()
"""


def test_two_processes_give_the_weights_of_one(tmp_path):
    script = tmp_path / "same.py"
    script.write_text(SAME)
    alone = [sys.executable, script, tmp_path, "1"]
    subprocess.run(alone, cwd=ROOT, env=environment(), check=True, timeout=120)
    done = torchrun(script, tmp_path, 2)
    assert done.returncode == 0, done.stderr
    for rows in ROWS:
        one, *two = (
            torch.load(tmp_path / f"{rows}-{w}-{r}.pt", weights_only=True)
            for w, r in ((1, 0), (2, 0), (2, 1))
        )
        for name, expected in one["weights"].items():
            assert torch.equal(two[0]["weights"][name], two[1]["weights"][name])
            assert torch.allclose(two[0]["weights"][name], expected, atol=1e-5), (rows, name)
        assert two[0]["history"] == two[1]["history"]
        for name, expected in one["history"].items():
            assert two[0]["history"][name] == pytest.approx(expected, rel=1e-4), (rows, name)
    written = {p.name for p in tmp_path.glob("c-*")}  # and no leftovers of a second process
    assert written == {f"c-{rows}-{world}.pt" for rows in ROWS for world in (1, 2)}


def test_torchrun_trains_and_only_the_first_process_prints(tmp_path):
    done = torchrun("-m", "d4sci.train_mnist", *small(save=tmp_path / "mlp.pt"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "mlp: 2 processes, batches of 64"
    assert [line.split(":")[0] for line in lines[1:]] == ["epoch 1", "epoch 2", "test set"]
    right = float(re.search(r"([\d.]+)% right", lines[-1])[1])
    assert right > 80
    assert {p.name for p in tmp_path.iterdir()} == {"mlp.pt"}
    assert len(torch.load(tmp_path / "mlp.pt", weights_only=True)) == 6


def test_the_cnn_trains_on_two_processes_too():
    done = torchrun("-m", "d4sci.train_mnist", *small(model="cnn", limit=700, epochs=1))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cnn: 2 processes")
    assert "Warning" not in done.stderr


def test_a_killed_process_ends_the_run(tmp_path):
    """A worker dies in the middle: the run ends by itself, soon, and says which one and why."""
    checkpoint = tmp_path / "c.pt"
    command = [*TORCHRUN, "--standalone", "--nproc-per-node=2", "-m", "d4sci.train_mnist"]
    command += small(epochs=10_000, checkpoint=checkpoint)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as run:  # fmt: skip
        try:
            limit = time.monotonic() + 100
            while not checkpoint.exists() and run.poll() is None and time.monotonic() < limit:
                time.sleep(0.1)
            assert checkpoint.exists(), "no checkpoint: the run never got going"
            workers = psutil.Process(run.pid).children()
            assert len(workers) == 2
            workers[1].send_signal(signal.SIGKILL)
            _, err = run.communicate(timeout=60)  # it does not hang
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 1
    assert "ChildFailedError" in err
    assert "Signal 9 (SIGKILL)" in err
    assert not any(worker.is_running() for worker in workers)
    epochs = len(torch.load(checkpoint, weights_only=True)["history"]["loss"])
    done = torchrun("-m", "d4sci.train_mnist", *small(epochs=epochs + 1, checkpoint=checkpoint))
    assert done.returncode == 0, done.stderr  # and the checkpoint of before is good
    assert f"\nepoch {epochs + 1}: loss" in done.stdout


def test_resuming_from_the_command_line(tmp_path, capsys):
    """Three epochs at once, or one and then two more by another process: the same report."""
    constant = small(epochs=3, limit=1000)
    train_mnist.main([*constant, f"--checkpoint={tmp_path / 'whole.pt'}"])
    whole = capsys.readouterr().out

    class Stop(Exception):
        pass

    def interrupted(*arguments, **values):
        save_checkpoint(*arguments, **values)
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("d4sci.training.save_checkpoint", interrupted)
        with pytest.raises(Stop):
            train_mnist.main([*constant, f"--checkpoint={tmp_path / 'part.pt'}"])
    command = [sys.executable, "-m", "d4sci.train_mnist", *constant]
    command.append(f"--checkpoint={tmp_path / 'part.pt'}")
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(
        command, cwd=ROOT, env=environment() | threads, capture_output=True, text=True, check=True
    )
    assert done.stdout == whole


def test_alone_it_saves_what_can_be_loaded(tmp_path, capsys):
    path = tmp_path / "cnn.pt"
    train_mnist.main(small(model="cnn", limit=600, epochs=1, save=path))
    assert "cnn: 1 process, batches of 64" in capsys.readouterr().out
    CNN().load_state_dict(torch.load(path, weights_only=True))


def test_the_seed_decides_and_the_global_generator_is_left_alone(capsys):
    state = torch.get_rng_state()
    reports = []
    for seed in (0, 0, 1):
        train_mnist.main(small(limit=300, epochs=1, seed=seed))
        reports.append(capsys.readouterr().out)
    assert reports[0] == reports[1] != reports[2]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("option", ["--model=svm", "--epochs=x", "--nonsense"])
def test_unknown_options(option, capsys):
    with pytest.raises(SystemExit):
        train_mnist.main([option])
    assert "usage: python -m d4sci.train_mnist" in capsys.readouterr().err


def test_a_few_images_are_enough_and_the_help_keeps_its_lines(capsys):
    train_mnist.main(small(limit=5, epochs=1))
    assert "epoch 1: loss" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        train_mnist.main(["--help"])
    assert "\npython -m d4sci.train_mnist --model cnn --epochs 3\n" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["save", "checkpoint"])
def test_a_missing_folder_is_told_before_training(option, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("d4sci.training.Processes.wrap", lambda *_: pytest.fail("it trains"))
    with pytest.raises(FileNotFoundError, match=r"expected a folder at .*runs, got none"):
        train_mnist.main(small(limit=300, epochs=1, **{option: tmp_path / "runs" / "c.pt"}))
