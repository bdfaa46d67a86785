"""The CNN: shapes, layers, and that it learns what only a filter sees."""

import pytest
import torch
from torch import nn

from d4sci.cnn import CNN
from d4sci.data import data_path, load_mnist, load_weights


def crosses(n, seed=0):
    """Images of an upright (0) or slanted (1) cross anywhere: no single pixel tells which."""
    generator = torch.Generator().manual_seed(seed)
    X = 0.2 * torch.rand(n, 1, 12, 12, generator=generator)
    y = torch.randint(2, (n,), generator=generator)
    places = torch.randint(1, 11, (n, 2), generator=generator).tolist()
    for image, label, (r, c) in zip(X, y, places, strict=True):
        for i in (-1, 0, 1):
            image[0, r + i, c + i if label else c] = 1
            image[0, r - i if label else r, c + i] = 1
    return X, y


@pytest.mark.parametrize(
    ("model", "image"),
    [
        (CNN(), (1, 28, 28)),
        (CNN(3, 5, channels=(4, 8, 8), image_size=32), (3, 32, 32)),
        (CNN(channels=(16, 32), image_size=29), (1, 29, 29)),
        (CNN(2, 4, channels=(), image_size=6), (2, 6, 6)),
    ],
)
@pytest.mark.parametrize("n", [1, 3])
def test_logits_of_every_shape(model, image, n):
    model.eval()
    logits = model(torch.rand(n, *image))
    assert logits.shape == (n, model.classifier.out_features)
    assert logits.dtype == torch.float32


def test_the_layers_of_a_block():
    kinds = [type(layer) for layer in CNN().features]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d] * 3
    parameters = sum(p.numel() for p in CNN().parameters())
    filters = 9 * (16 + 16 * 32 + 32 * 64)
    assert parameters == filters + 2 * (16 + 32 + 64) + 64 * 3 * 3 * 10 + 10


def test_equals_the_functions_it_is_made_of():
    model = CNN(channels=(4,), image_size=8).eval()
    X = torch.rand(5, 1, 8, 8)
    conv, norm, _, _ = model.features
    maps = torch.zeros(5, 4, 8, 8)  # the convolution, a pixel at a time
    padded = nn.functional.pad(X, (1, 1, 1, 1))
    for i in range(8):
        for j in range(8):
            window = padded[:, :, i : i + 3, j : j + 3].flatten(1)
            maps[:, :, i, j] = window @ conv.weight.flatten(1).T
    scale = (norm.running_var + norm.eps).sqrt()[:, None, None]
    active = ((maps - norm.running_mean[:, None, None]) / scale).clamp(min=0)
    features = active.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2).amax(-1)  # of each 2 × 2
    assert torch.allclose(model(X), model.classifier(features.flatten(1)), atol=1e-5)


def test_learns_what_is_anywhere_in_the_image():
    torch.manual_seed(0)
    model = CNN(n_classes=2, channels=(4, 8), image_size=12)
    X, y = crosses(1000)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(6):
        for rows in torch.randperm(1000).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
    X, y = crosses(500, seed=1)
    assert (model.eval()(X).argmax(1) == y).float().mean() > 0.95


def test_state_survives_saving(tmp_path):
    model = CNN()
    model(torch.rand(8, 1, 28, 28))  # moves the running means of BatchNorm
    torch.save(model.state_dict(), tmp_path / "cnn.pt")
    other = CNN()
    other.load_state_dict(torch.load(tmp_path / "cnn.pt", weights_only=True))
    X = torch.rand(2, 1, 28, 28)
    assert torch.equal(model.eval()(X), other.eval()(X))


def test_follows_its_input(meta_default):
    with torch.device("cpu"):
        model = CNN()
        X = torch.rand(2, 1, 28, 28)
    assert model(X).device.type == "cpu"
    assert CNN()(torch.rand(2, 1, 28, 28)).device.type == "meta"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (torch.rand(5, 28, 28), ValueError, r"\(n, 1, 28, 28\), got \(5, 28, 28\); use X\[:, None"),
        (torch.rand(5, 3, 28, 28), ValueError, r"\(n, 1, 28, 28\), got \(5, 3, 28, 28\)$"),
        (torch.rand(5, 784), ValueError, r"got \(5, 784\)"),
        ([[0.0]], TypeError, "torch.Tensor"),
    ],
)
def test_bad_input_is_named(X, error, message):
    with pytest.raises(error, match=message):
        CNN()(X)


def test_images_too_small_for_the_blocks():
    with pytest.raises(ValueError, match="image_size must lie between 8"):
        CNN(channels=(4, 4, 4), image_size=7)


def test_the_stored_weights():
    assert data_path("mnist-cnn.pt").stat().st_size <= 2e6
    model = CNN()
    model.load_state_dict(load_weights("mnist-cnn.pt"))
    images, labels = load_mnist("test")
    with torch.no_grad():
        logits = model.eval()(images[:, None].float() / 255)
    assert (logits.argmax(1) == labels).float().mean() > 0.993  # 99.38 %, says data/README.md
