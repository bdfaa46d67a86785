"""Labels as codes, against NumPy."""

import numpy as np
import pytest
import torch

from d4sci.support.labels import encode_labels


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
def test_agrees_with_numpy(dtype):
    y = torch.tensor([7, 0, 7, 1, 0]).to(dtype)
    classes, codes = encode_labels(y, y.device)
    expected, inverse = np.unique(y.numpy(), return_inverse=True)
    assert classes.dtype == dtype
    assert (classes.tolist(), codes.tolist()) == (expected.tolist(), inverse.tolist())


def test_the_codes_lie_where_they_are_needed():
    _, codes = encode_labels(torch.tensor([3, 5]), torch.device("meta"))
    assert codes.device.type == "meta"


def test_too_few_classes_are_named():
    y = torch.tensor([4, 4])
    assert encode_labels(y, y.device)[0].tolist() == [4]
    with pytest.raises(ValueError, match=r"two classes or more, got \[4\] only; give rows of ano"):
        encode_labels(y, y.device, at_least=2)
