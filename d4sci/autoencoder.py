"""Autoencoders: networks that reproduce their input through a bottleneck, the code."""

from itertools import pairwise

from torch import nn

from d4sci.support.checks import require_batch


class Autoencoder(nn.Module):
    """Squeeze rows of numbers through a code: x̂ = decode(encode(x)), fully connected, ReLU.

    in_features: numbers in a row, from 0 to 1.  code: numbers in the bottleneck.
    hidden: widths of the layers from the input to the code; the decoder has them in reverse.
    Source: Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647.
    """

    def __init__(self, in_features=784, code=32, *, hidden=(256,)):
        super().__init__()
        self.shape, self.code = (in_features,), code  # of a row, and of its code
        widths = [in_features, *hidden, code]
        self.encoder = nn.Sequential(*_layers(widths))
        self.decoder = nn.Sequential(*_layers(widths[::-1]), nn.Sigmoid())

    def encode(self, X):
        """Return the codes, (n, code).  X: (n, in_features)."""
        require_batch(X, self.shape)
        return self.encoder(X)

    def decode(self, Z):
        """Return the rows that these codes stand for, (n, in_features).  Z: (n, code)."""
        require_batch(Z, (self.code,), "Z")
        return self.decoder(Z)

    def forward(self, X):
        """Return X̂, as much of X as went through the bottleneck, (n, in_features)."""
        return self.decode(self.encode(X))


class ConvAutoencoder(nn.Module):
    """The same for images (n, 1, 28, 28), with convolutions: 28 × 28 → 14 × 14 → 7 × 7 → code.

    code: numbers in the bottleneck.  channels: maps of the 14 × 14 and of the 7 × 7 layer.
    Source: Masci, Meier, Cireşan and Schmidhuber 2011, doi:10.1007/978-3-642-21735-7_7.
    """

    def __init__(self, code=32, *, channels=(16, 32)):
        super().__init__()
        self.shape, self.code = (1, 28, 28), code
        a, b = channels
        self.encoder = nn.Sequential(
            nn.Conv2d(1, a, 3, stride=2, padding=1), nn.ReLU(),  # (n, a, 14, 14)
            nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU(),  # (n, b, 7, 7)
            nn.Flatten(), nn.Linear(b * 7 * 7, code),  # (n, code)
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, b * 7 * 7), nn.ReLU(), nn.Unflatten(1, (b, 7, 7)),
            nn.ConvTranspose2d(b, a, 4, stride=2, padding=1), nn.ReLU(),  # (n, a, 14, 14)
            nn.ConvTranspose2d(a, 1, 4, stride=2, padding=1), nn.Sigmoid(),  # (n, 1, 28, 28)
        )  # fmt: skip

    encode, decode, forward = Autoencoder.encode, Autoencoder.decode, Autoencoder.forward


def _layers(widths):
    """Return linear layers of these widths with ReLU between them, none after the last."""
    layers = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return layers[:-1]
