"""Networks say which shape they want; PyTorch's own errors speak of matrices inside."""

import pytest
import torch

from d4sci.autoencoder import Autoencoder, ConvAutoencoder
from d4sci.cnn import CNN
from d4sci.gan import Discriminator, Generator
from d4sci.gnn import GCN

IMAGE = (1, 28, 28)
CALLS = {
    "Autoencoder": (Autoencoder(6, 2), (6,), "X"),
    "Autoencoder.decode": (Autoencoder(6, 2).decode, (2,), "Z"),
    "ConvAutoencoder": (ConvAutoencoder(2), IMAGE, "X"),
    "ConvAutoencoder.decode": (ConvAutoencoder(2).decode, (2,), "Z"),
    "CNN": (CNN().eval(), IMAGE, "X"),
    "Generator": (Generator(5).eval(), (5,), "Z"),
    "Discriminator": (Discriminator(), IMAGE, "images"),
    "GCN": (lambda X: GCN(6, 2, 2)(X, torch.eye(3)), (6,), "X"),
}


@pytest.mark.parametrize(("call", "shape", "name"), CALLS.values(), ids=CALLS)
def test_shapes(call, shape, name):
    assert len(call(torch.rand(3, *shape))) == 3
    for wrong in (torch.rand(3, *shape[:-1], shape[-1] + 1), torch.rand(3, 1, *shape)):
        with pytest.raises(ValueError, match=rf"{name} must have shape \(n, "):
            call(wrong)
    with pytest.raises(TypeError, match=rf"{name} must be floating point, got torch.int64"):
        call(torch.ones(3, *shape).long())
