"""Whatever is stopped, by Ctrl-C or without warning, leaves no damaged file."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from tests.support.notebooks import ROOT
from tools import notebooks as tool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks, and sends POSIX signals")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
WRITERS = ["checkpoint", "notebook", "table", "income"]
SLOW = "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(100)"


@pytest.mark.parametrize("number", ["SIGINT", "SIGKILL"])
def test_writers_and_loaders(number, tmp_path):
    """Each is cut off in the middle of a write, then hit at four chance moments.

    Half a file may be left, of another name; torch.save alone shows that damage is seen.
    """
    command = [sys.executable, ROOT / "tests" / "support" / "interrupts.py", number, tmp_path]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report.pop("torch.save")[0] > 0
    assert {job: damaged for job, (damaged, _) in report.items()} == dict.fromkeys(report, 0)
    left = {job: set(names) for job, (_, names) in report.items()}
    assert left.pop("loader") == {"data"}  # not even a temporary file
    assert list(left) == WRITERS
    assert all("file.ipynb" in names for names in left.values())
    if number == "SIGINT":  # Ctrl-C leaves time to clear up, and training uses it
        assert left["checkpoint"] == {"file.ipynb"}


@contextmanager
def running(command, folder, sign):
    """Yield a process and its descendants once the sign, a file, is there; end what is left."""
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **how)
    family = []
    try:
        limit = time.monotonic() + 100
        while not sign.exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        assert sign.exists()
        family = psutil.Process(process.pid).children(recursive=True)
        yield process, family
    finally:
        process.kill()
        process.wait()
        for member in family:
            if member.is_running():
                member.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_training_run_goes_on_from_its_checkpoint(number, tmp_path):
    path = tmp_path / "c.pt"
    command = [sys.executable, "-m", "d4sci.train_mnist", "--limit=300", f"--checkpoint={path}"]
    with running([*command, "--epochs=100000"], tmp_path, path) as (process, _):
        process.send_signal(number)
        process.wait(timeout=30)
    epochs = len(torch.load(path, weights_only=True)["history"]["loss"])
    assert epochs >= 1
    assert number == signal.SIGKILL or list(tmp_path.iterdir()) == [path]
    if number == signal.SIGKILL:
        command.append(f"--epochs={epochs + 1}")
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        assert f"\nepoch {epochs + 1}: loss" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_re_executing_a_notebook(number, tmp_path):
    """The file stays as it was, and the kernel does not live on."""
    path, sign = tmp_path / "nb.ipynb", tmp_path / "started"
    tool.write(path, new_notebook(cells=[new_code_cell("1"), new_code_cell(SLOW)]))
    before = path.read_bytes()
    command = [sys.executable, ROOT / "tools" / "notebooks.py", "run", path]
    with running(command, tmp_path, sign) as (process, family):
        process.send_signal(number)
        process.wait(timeout=30)
        assert family
        assert psutil.wait_procs(family, timeout=30)[1] == []
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"nb.ipynb", "started"}
