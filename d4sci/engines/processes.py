"""Training on several processes; a single process gets back whatever it puts in.

Under torchrun, after `init_process_group`, each process holds the whole model and takes its share
of every batch. Their gradients are averaged, so that all take the same step.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, distributed, nn


class Processes:
    """This process among those that train together.

    rank: its number, from 0.  world: how many there are.  is_first: it validates, saves, prints.
    """

    def __init__(self):
        self.rank, self.world = 0, 1
        if distributed.is_available() and distributed.is_initialized():
            self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        self.is_first = self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model, as one that averages its gradients over the processes."""
        if self.world == 1:
            return model
        return nn.parallel.DistributedDataParallel(model)

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch, (n,): every world-th one.

        A process that is left without rows borrows one, because all must take the step together;
        `weigh` gives it weight 0.
        """
        own = batch[self.rank :: self.world]
        if len(own) == 0:
            return batch[:1]
        return own

    def weigh(self, loss: Tensor, batch: Tensor) -> Tensor:
        """Return the mean loss of this process's rows, weighted by their share of the batch.

        DistributedDataParallel takes the plain mean over the processes, each of which has taken the
        mean over its own rows. These may be more or fewer than an even share (in the last batch),
        so the loss is multiplied by n_own / (n_batch / world); a borrowed row counts 0.
        Exact for plain means over rows. With class weights or ignore_index, each process divides by
        the weights of its own rows: near the mean of the batch, the nearer the larger the shares.
        """
        if self.world == 1:
            return loss
        n_own = len(batch[self.rank :: self.world])
        return loss * (n_own * self.world / len(batch))

    def mean(self, total: Tensor) -> float:
        """Return the mean over the processes of a number that each of them has, ()."""
        if self.world > 1:
            distributed.all_reduce(total)
        return total.item() / self.world

    def from_first(self, function: Callable, *arguments: Any) -> Any:
        """Return function(*arguments): the first process calls it and sends the result to all."""
        if self.world == 1:
            return function(*arguments)
        values = [None]
        if self.is_first:
            values = [function(*arguments)]
        distributed.broadcast_object_list(values)
        return values[0]
