"""The sparse product of a graph network, A H, and the transpose that its gradient needs, kept.

The plain path is `A @ H`, with autograd behind it. It is right, and slow: at every step it would
transpose A anew, since ∂J/∂H = Aᵀ ∂J/∂(A H). A graph seldom changes from one step to the next, so
the transpose is made once.
"""

import warnings
from typing import Any

import torch
from torch import Tensor

# PyTorch warns once that CSR matrices are in beta. What is used of them here is tested. The filter
# is set once, at import: changing filters while a network runs would disturb other threads.
warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state", UserWarning)


class Propagation:
    """The product A H for one graph after another, which remembers the last one."""

    def __init__(self):
        self.graph = None  # the last A; A in the dtype and on the device of H; its transpose

    def __call__(self, A: Tensor, H: Tensor) -> Tensor:
        """Return A H, (n, d).  A: (n, n), CSR or dense; no gradient flows to a CSR one.  H: (n, d).

        A is recognised as the same object: to change a graph, make a new one.
        """
        if A.layout == torch.strided:
            return A.to(H) @ H
        graph = self.graph  # in a name of its own: another thread may set the attribute meanwhile
        if graph is None or graph[0] is not A or not _fits(graph[1], H):
            like_H = A.to(H)
            graph = A, like_H, transpose(like_H)
            self.graph = graph
        _, like_H, transposed = graph
        return _SparseProduct.apply(like_H, transposed, H)

    def __getstate__(self) -> dict[str, None]:
        """Leave the graph out of copies and files: `deepcopy` cannot copy a sparse tensor."""
        return {"graph": None}


class _SparseProduct(torch.autograd.Function):
    """A H for a sparse A whose transpose is at hand."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, transposed: Tensor, H: Tensor) -> Tensor:
        ctx.transposed = transposed
        return A @ H

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradient


def _fits(A, H):
    return A.dtype == H.dtype and A.device == H.device


def csr_matrix(rows: Tensor, columns: Tensor, values: Tensor, n: int) -> Tensor:
    """Return the (n, n) matrix with these entries as a CSR tensor, on their device.

    rows, columns: int64, (e,), sorted by row and then by column, no entry twice.  values: (e,).
    """
    counts = rows.bincount(minlength=n)  # (n,)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])  # (n + 1,), where each row begins
    return torch.sparse_csr_tensor(
        starts, columns, values, (n, n), device=values.device, check_invariants=True
    )


def transpose(A: Tensor) -> Tensor:
    """Return Aᵀ as a CSR tensor.  A: CSR, (n, n)."""
    n = len(A)
    counts = A.crow_indices().diff()  # (n,), entries of each row
    rows = torch.arange(n, device=A.device).repeat_interleave(counts)  # (e,)
    columns = A.col_indices().long()
    order = columns.argsort(stable=True)  # by column, and within one by row, as they came
    return csr_matrix(columns[order], rows[order], A.values()[order], n)
