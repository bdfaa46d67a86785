"""Several processes, pretended: shares, weights and means; one alone is the identity.

`tests/project/test_train_mnist.py` holds two real ones equal to one.
"""

import pytest
import torch
from torch import nn

from d4sci.engines.processes import Processes


def pretended(rank, world):
    processes = Processes()
    processes.rank, processes.world, processes.is_first = rank, world, rank == 0
    return processes


def test_one_process_is_the_identity():
    alone, model = Processes(), nn.Linear(2, 2)
    batch, loss = torch.arange(5), torch.tensor(3.0)
    assert (alone.rank, alone.world, alone.is_first) == (0, 1, True)
    assert alone.wrap(model) is model
    assert torch.equal(alone.share(batch), batch)
    assert alone.weigh(loss, batch) is loss
    assert alone.mean(loss) == 3.0
    assert alone.from_first(lambda a, b: a + b, 1, 2) == 3


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_shares_are_a_partition_and_weighted_losses_average_to_the_mean(n, world):
    batch = torch.arange(10, 10 + n)
    values = torch.rand(30, generator=torch.Generator().manual_seed(n))
    seen, weighted = [], []
    for rank in range(world):
        processes = pretended(rank, world)
        rows = processes.share(batch)
        assert len(rows) > 0  # all must take the step together
        loss = processes.weigh(values[rows].mean(), batch)
        weighted.append(loss)
        if rank < n:
            seen += rows.tolist()
        else:
            assert loss == 0  # a borrowed row counts nothing
    assert sorted(seen) == batch.tolist()
    mean = torch.stack(weighted).mean()
    assert torch.allclose(mean, values[batch].mean())
