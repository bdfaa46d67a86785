"""Autoencoders: networks that reproduce their input through a bottleneck, the code."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from d4sci.support.checks import require_batch


class Autoencoder(nn.Module):
    """Squeeze rows of numbers through a code: x̂ = decode(encode(x)), fully connected, ReLU.

    in_features: numbers in a row, from 0 to 1.  code: numbers in the bottleneck.
    hidden: widths of the layers from the input to the code; the decoder has them in reverse.
    Its methods raise TypeError or ValueError for what is no floating-point tensor of their shape.
    Source: Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647.
    """

    def __init__(self, in_features: int = 784, code: int = 32, *, hidden: Sequence[int] = (256,)):
        super().__init__()
        self.shape, self.code = (in_features,), code  # of a row, and of its code
        widths = [in_features, *hidden, code]
        self.encoder = nn.Sequential(*_layers(widths))
        self.decoder = nn.Sequential(*_layers(widths[::-1]), nn.Sigmoid())

    def encode(self, X: Tensor) -> Tensor:
        """Return the codes, (n, code).  X: (n, in_features)."""
        require_batch(X, self.shape)
        return self.encoder(X)

    def decode(self, Z: Tensor) -> Tensor:
        """Return the rows that these codes stand for, (n, in_features).  Z: (n, code)."""
        require_batch(Z, (self.code,), "Z")
        return self.decoder(Z)

    def forward(self, X: Tensor) -> Tensor:
        """Return X̂, as much of X as went through the bottleneck, (n, in_features)."""
        return self.decode(self.encode(X))


class ConvAutoencoder(nn.Module):
    """The same for images (n, 1, 28, 28), with convolutions: 28 × 28 → 14 × 14 → 7 × 7 → code.

    code: numbers in the bottleneck.  channels: maps of the 14 × 14 and of the 7 × 7 layer.
    Its methods raise TypeError or ValueError for what is no floating-point tensor of their shape.
    Source: Masci, Meier, Cireşan and Schmidhuber 2011, doi:10.1007/978-3-642-21735-7_7.
    """

    def __init__(self, code: int = 32, *, channels: tuple[int, int] = (16, 32)):
        super().__init__()
        self.shape, self.code = (1, 28, 28), code  # of an image, and of its code
        maps_14, maps_7 = channels
        self.encoder = nn.Sequential(
            nn.Conv2d(1, maps_14, 3, stride=2, padding=1), nn.ReLU(),  # (n, maps_14, 14, 14)
            nn.Conv2d(maps_14, maps_7, 3, stride=2, padding=1), nn.ReLU(),  # (n, maps_7, 7, 7)
            nn.Flatten(), nn.Linear(maps_7 * 7 * 7, code),  # (n, code)
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, maps_7 * 7 * 7), nn.ReLU(), nn.Unflatten(1, (int(maps_7), 7, 7)),
            nn.ConvTranspose2d(maps_7, maps_14, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(maps_14, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def encode(self, X: Tensor) -> Tensor:
        """Return the codes, (n, code).  X: images from 0 to 1, (n, 1, 28, 28)."""
        require_batch(X, self.shape)
        return self.encoder(X)

    def decode(self, Z: Tensor) -> Tensor:
        """Return the images that these codes stand for, (n, 1, 28, 28).  Z: (n, code)."""
        require_batch(Z, (self.code,), "Z")
        return self.decoder(Z)

    def forward(self, X: Tensor) -> Tensor:
        """Return X̂, as much of X as went through the bottleneck, (n, 1, 28, 28)."""
        return self.decode(self.encode(X))


def _layers(widths):
    """Return linear layers of these widths with ReLU between them, none after the last."""
    layers = []
    for wide_in, wide_out in pairwise(widths):
        layers += [nn.Linear(wide_in, wide_out), nn.ReLU()]
    return layers[:-1]
