"""Class labels of any kind as codes 0, 1, 2, …, which is what sums and products need."""

import torch
from torch import Tensor

NUMBER_WORDS = {2: "two", 3: "three"}


def encode_labels(y: Tensor, device: torch.device, *, at_least: int = 1) -> tuple[Tensor, Tensor]:
    """Return the classes of y, ascending, and each label's place among them.

    y = classes[codes], so that labels such as −3, 7 and 40 become 0, 1 and 2.
    y: labels, integer or bool, (n,), on any device.  device: where the codes are needed.
    at_least: how many classes there must be.
    Returns classes, (k,), on the device of y, and codes, integers from 0 to k − 1, (n,).
    Raises ValueError where y holds fewer classes.
    """
    classes, codes = y.detach().unique(return_inverse=True)  # (k,), (n,)
    if len(classes) < at_least:
        wanted = NUMBER_WORDS.get(at_least, at_least)
        raise ValueError(
            f"y must hold {wanted} classes or more, got {classes.tolist()} only; "
            "give rows of another class"
        )
    return classes, codes.to(device)
