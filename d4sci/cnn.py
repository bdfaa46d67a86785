"""A small convolutional network: filters that slide over the image, learned from data."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from d4sci.support.checks import require_batch, require_between


class CNN(nn.Module):
    """Classify images by blocks of convolution, batch normalisation, ReLU and max pooling.

    A linear layer turns what the last block finds into logits.

    in_channels: 1 for grey images, 3 for colour.  n_classes: k.
    channels: filters of each block; each block halves the height and the width, rounded down.
    image_size: height = width of the images, in pixels, at least 2 ** len(channels).
    `forward` takes images (n, in_channels, image_size, image_size) and returns logits (n, k).
    Raises TypeError or ValueError for images that are no floating-point tensor of this shape.
    Sources: LeCun, Bottou, Bengio and Haffner 1998, doi:10.1109/5.726791; Ioffe and Szegedy 2015,
    https://arxiv.org/abs/1502.03167, for batch normalisation, between convolution and activation.
    """

    def __init__(
        self,
        in_channels: int = 1,
        n_classes: int = 10,
        *,
        channels: Sequence[int] = (16, 32, 64),
        image_size: int = 28,
    ):
        super().__init__()
        require_between("image_size", image_size, 2 ** len(channels), float("inf"))
        self.image_shape = (in_channels, image_size, image_size)
        widths = [in_channels, *channels]
        blocks = []
        for wide_in, wide_out in pairwise(widths):
            blocks += [
                # No bias: BatchNorm2d subtracts the mean, which would cancel it.
                nn.Conv2d(wide_in, wide_out, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(wide_out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        side = image_size // 2 ** len(channels)  # of the maps that the last block leaves
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(widths[-1] * side * side, n_classes)
        self.to(memory_format=torch.channels_last)  # the order in which pooling runs fastest

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits, (n, k), of the images X."""
        require_batch(X, self.image_shape)
        features = self.features(X)  # (n, c, side, side)
        return self.classifier(features.flatten(1))  # (n, k)
