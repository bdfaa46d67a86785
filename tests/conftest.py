"""What several test files share: drawing without a screen, and a device that forgetting shows."""

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
