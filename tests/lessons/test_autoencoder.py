"""Autoencoders: shapes, the parts, the bottleneck, and the linear one against PCA."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from d4sci.autoencoder import Autoencoder, ConvAutoencoder
from d4sci.pca import PCA


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("code", [2, 32])
def test_shapes_and_range(n, code):
    for model, shape in ((Autoencoder(20, code), (n, 20)), (ConvAutoencoder(code), (n, 1, 28, 28))):
        X = torch.rand(shape)
        Z = model.encode(X)
        assert Z.shape == (n, code)
        assert torch.equal(model.decode(Z), model(X))
        assert model(X).shape == shape
        assert ((model(X) > 0) & (model(X) < 1)).all()


def test_hidden_layers_are_mirrored():
    model = Autoencoder(20, 3, hidden=(10, 5))
    widths = [m.weight.shape for m in model.modules() if isinstance(m, nn.Linear)]
    assert widths == [(10, 20), (5, 10), (3, 5), (5, 3), (10, 5), (20, 10)]
    assert not isinstance(model.encoder[-1], nn.ReLU)  # codes may be negative
    assert sum(isinstance(m, nn.ReLU) for m in model.modules()) == 4


def test_all_weights_get_gradients():
    for model, X in ((Autoencoder(20, 3), torch.rand(4, 20)),
                     (ConvAutoencoder(3), torch.rand(4, 1, 28, 28))):  # fmt: skip
        F.mse_loss(model(X), X).backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_linear_autoencoder_finds_the_plane_of_pca():
    """Without hidden layers and activations the best plane is PCA's (Baldi and Hornik 1989)."""
    g = torch.Generator().manual_seed(0)
    X = torch.randn(200, 2, generator=g) @ torch.randn(2, 6, generator=g)
    X = X + 0.1 * torch.randn(200, 6, generator=g)
    torch.manual_seed(0)
    model = nn.Sequential(Autoencoder(6, 2, hidden=()).encoder, nn.Linear(2, 6))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(X), X)
        loss.backward()
        return loss

    optimizer.step(closure)
    pca = PCA(2).fit(X)
    best = F.mse_loss(pca.inverse_transform(pca.transform(X)), X)
    assert F.mse_loss(model(X), X).item() == pytest.approx(best.item(), rel=1e-3)


def test_a_wide_code_learns_to_copy_and_a_narrow_one_cannot():
    X = torch.rand(256, 16, generator=torch.Generator().manual_seed(0))
    losses = []
    for code in (1, 16):
        torch.manual_seed(0)
        model = Autoencoder(16, code, hidden=(64,))
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(300):
            optimizer.zero_grad()
            loss = F.mse_loss(model(X), X)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[1] < 0.3 * losses[0]


def test_follows_its_input():
    model = Autoencoder(8, 2).double()
    assert model(torch.rand(3, 8, dtype=torch.float64)).dtype == torch.float64


def test_convolutions_have_the_stated_widths():
    """28 → 14 → 7 pixels and back: kernels of 3 × 3 on the way in, of 4 × 4 on the way out."""
    shapes = [tuple(p.shape) for p in ConvAutoencoder().parameters() if p.ndim == 4]
    assert shapes == [(16, 1, 3, 3), (32, 16, 3, 3), (32, 16, 4, 4), (16, 1, 4, 4)]
    shapes = [tuple(p.shape) for p in ConvAutoencoder(5, channels=(2, 3)).parameters()]
    assert (5, 3 * 7 * 7) in shapes


def test_by_default_digits_are_squeezed_to_32_numbers():
    """The widths are those of weights that were stored before."""
    model = Autoencoder()
    assert model.encode(torch.rand(2, 28 * 28)).shape == (2, 32)
    widths = [m.weight.shape for m in model.modules() if isinstance(m, nn.Linear)]
    assert widths == [(256, 784), (32, 256), (256, 32), (784, 256)]
    assert ConvAutoencoder().encode(torch.rand(2, 1, 28, 28)).shape == (2, 32)


def test_each_class_holds_its_own_methods():
    """Whoever reads one of the two needs not know the other."""
    assert ConvAutoencoder.encode is not Autoencoder.encode
    assert ConvAutoencoder.decode is not Autoencoder.decode
    assert ConvAutoencoder.forward is not Autoencoder.forward


def test_widths_may_be_numbers_of_numpy():
    model = ConvAutoencoder(np.int64(3), channels=tuple(np.array([2, 4])))
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)
    model = Autoencoder(np.int64(9), np.int64(2), hidden=np.array([5]))
    assert model(torch.rand(2, 9)).shape == (2, 9)
