"""The best weights so far: the lowest loss, the first of equals, never NaN."""

import math

import pytest
import torch
from torch import nn

from d4sci.support.best_weights import BestWeights
from d4sci.support.evaluating import evaluating


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([3, 1, 2], 1),
        ([1, 1, 1], 0),
        ([math.nan, 5, math.nan], 1),
        ([math.nan, math.nan], 0),
        ([math.inf, 2], 1),
        ([], None),
    ],
)
def test_the_first_of_the_lowest_is_kept(losses, best):
    model, weights = nn.Linear(1, 1), BestWeights()
    for number, loss in enumerate(losses):
        nn.init.constant_(model.weight, number)
        weights.note(model, loss)
    nn.init.constant_(model.weight, -1.0)
    weights.restore(model)
    assert model.weight.item() == (-1 if best is None else best)


def test_a_loss_that_is_no_number_is_beaten_by_any():
    model, kept = nn.Linear(1, 1), {"weight": torch.ones(1, 1), "bias": torch.zeros(1)}
    weights = BestWeights(kept, math.nan)
    assert weights.loss == math.inf
    weights.note(model, math.nan)
    assert weights.weights is kept
    weights.note(model, 7.0)
    assert weights.loss == 7
    assert torch.equal(weights.weights["weight"], model.weight)


def test_a_look_gives_back_the_modes_after_an_error_too():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2))
    model[1].eval()
    seen = []

    def look():
        with evaluating(model):
            seen.extend([model[0].training, torch.is_grad_enabled()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    assert seen == [False, False]
    assert [module.training for module in model.modules()] == [True, True, False]
    assert torch.is_grad_enabled()
