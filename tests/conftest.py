"""What several test files share: drawing without a screen, and a device that forgetting shows."""

import os
import signal

if "PYTEST_XDIST_WORKER" in os.environ:  # several test processes share the cores: a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import pytest
import torch

matplotlib.use("agg")


@pytest.fixture
def meta_default():
    """Make new tensors land on `meta`: one that forgets its input's device then meets it there.

    No GPU is needed. Make the inputs before, or with `device="cpu"`.
    """
    with torch.device("meta"):
        yield


@pytest.fixture(autouse=True, scope="session")
def hear_ctrl_c():
    """Let what the tests start hear SIGINT: a shell makes its background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
