"""The sparse product of a graph network, A H, and the transpose that its gradient needs, kept.

The plain path is `A @ H`, with autograd behind it. It is right, and slow: at every step it would
transpose A anew, since ∂J/∂H = Aᵀ ∂J/∂(A H). A graph seldom changes from one step to the next, so
the transpose is kept with a copy of A, and made anew only where A differs from the copy. (Comparing
them costs less than the product; counters of changes, as `A._version`, miss those that are made
through NumPy or through the tensor that A was built from.)
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
        self.graph = None  # the last A and its transpose: copies, so that nobody can change them

    def __call__(self, A: Tensor, H: Tensor) -> Tensor:
        """Return A H, (n, d), in the dtype of H.  A: (n, n), sparse or dense.  H: (n, d).

        A is recognised by its numbers, so it may be changed in place. CSR needs no conversion.
        Where a sparse A requires a gradient, as for edge weights that are learnt, it gets one.
        float16 and bfloat16, for which there is no sparse product, are multiplied in float32.
        The transforms of torch.func know no CSR tensors: give them a dense A, `A.to_dense()`.
        """
        if A.layout == torch.strided:
            return A.to(H) @ H
        wide = H.to(torch.promote_types(H.dtype, torch.float32))
        A = A.to_sparse_csr().to(wide)
        if A.requires_grad:
            return sum_over_edges(A, wide).to(H.dtype)
        A, transposed = self._with_transpose(A)
        return _SparseProduct.apply(A, transposed, wide).to(H.dtype)

    def _with_transpose(self, A):
        graph = self.graph  # in a name of its own: another thread may set the attribute meanwhile
        if graph is None or not _equal(graph[0], A):
            A = A.clone()
            graph = A, transpose(A)
            self.graph = graph
        return graph

    def __getstate__(self) -> dict[str, None]:
        """Leave the graph out of copies and files: `deepcopy` cannot copy a sparse tensor."""
        return {"graph": None}


class _SparseProduct(torch.autograd.Function):
    """A H for a sparse A whose transpose is at hand."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, transposed: Tensor, H: Tensor) -> Tensor:
        ctx.graph = A, transposed
        return torch.zeros_like(H).addmm_(A, H)  # A H; autocast leaves what is in place alone

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        A, transposed = ctx.graph
        # The transpose of Aᵀ is A: the gradient is a product of the same kind.
        return None, None, _SparseProduct.apply(transposed, A, gradient)


def sum_over_edges(A: Tensor, H: Tensor) -> Tensor:
    """Return A H, (n, d), by steps whose gradients autograd knows, that of A among them.

    A: CSR, (n, n).  H: (n, d).  PyTorch's own gradient of `A @ H` for A is a dense (n, n) matrix;
    this one, as CSR as A is, needs memory for (e, d) messages.
    """
    messages = A.values()[:, None] * H.index_select(0, A.col_indices())  # (e, d)
    return torch.zeros_like(H).index_add(0, row_indices(A), messages)


def _equal(A, B):
    """Return whether two CSR tensors hold the same numbers, in the same dtypes, on one device."""
    if A.device != B.device:
        return False
    parts = (Tensor.crow_indices, Tensor.col_indices, Tensor.values)
    pairs = [(part(A), part(B)) for part in parts]
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


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
    columns = A.col_indices().long()
    order = columns.argsort(stable=True)  # by column, and within one by row, as they came
    return csr_matrix(columns[order], row_indices(A)[order], A.values()[order], len(A))


def row_indices(A: Tensor) -> Tensor:
    """Return the row of each entry, (e,), as `col_indices` gives its column.  A: CSR, (n, n)."""
    counts = A.crow_indices().diff()  # (n,), entries of each row
    return torch.arange(len(A), device=A.device).repeat_interleave(counts)
