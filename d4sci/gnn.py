"""Graph neural networks: each node's features are mixed with those of its neighbours."""

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from d4sci.metrics import accuracy
from d4sci.support.checks import (
    require_batch,
    require_between,
    require_classes,
    require_matrix,
    require_tensor,
)


def aggregate(H, edge_index):
    """Return the sum of what each node's neighbours send it: row v is Σ_{u → v} h_u.

    H: what each node sends, (n, d).  edge_index: rows u and v of each edge u → v, (2, e).
    Nodes that nobody sends to get zeros. Raises as `normalized_adjacency`.
    """
    require_matrix(H, "H")
    _check_edges(edge_index, len(H))
    source, target = edge_index
    return torch.zeros_like(H).index_add(0, target, H.index_select(0, source))  # (n, d)


def normalized_adjacency(edge_index, n, *, dtype=torch.float32):
    """Return D̂^−½ Â D̂^−½ with Â = A + I, sparse (CSR; on MPS dense), (n, n), for `GCN`.

    A[v, u] is 1 where there is an edge u → v; D̂: row sums of Â on its diagonal.
    An edge given twice counts once, a self-loop is the one that Â has anyway, and a node without
    edges keeps what it has. Memory grows with the edges.
    edge_index: rows u and v of each edge, int64, (2, e); an undirected graph has both directions.
    n: the number of nodes, ≥ 1.  dtype: of the result.
    Raises TypeError or ValueError for edges that are not int64 or not (2, e), or leave 0 … n − 1.
    Source: Kipf and Welling 2017, https://openreview.net/forum?id=SJU4ayYgl.
    """
    require_between("n", n, 1, float("inf"))
    _check_edges(edge_index, n)
    loops = torch.arange(n, device=edge_index.device)
    source, target = torch.cat([edge_index, loops.expand(2, n)], 1)  # Â = A + I
    u_and_v = (target * n + source).unique()  # sorted by v, then u
    v, u = u_and_v // n, u_and_v % n
    degree = v.bincount(minlength=n)  # (n,)
    values = (degree[u] * degree[v]).to(dtype).rsqrt()
    starts = torch.cat([degree.new_zeros(1), degree.cumsum(0)])  # (n + 1,), of the rows
    if u.device.type == "mps":  # which has no CSR
        return values.new_zeros(n, n).index_put((v, u), values)
    with warnings.catch_warnings():  # that CSR is young
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            starts, u, values, (n, n), device=u.device, check_invariants=True
        )


class GCN(nn.Module):
    """Two graph convolutions: logits = A · (φ(A · X W⁽¹⁾ + b⁽¹⁾) W⁽²⁾) + b⁽²⁾, φ = ReLU.

    in_features, hidden, n_classes: widths of X, of the layer between and of the logits.
    dropout: share of the inputs of each layer that training sets to 0.
    """

    def __init__(self, in_features, hidden, n_classes, *, dropout=0.0):
        super().__init__()
        self.first, self.second = Convolution(in_features, hidden), Convolution(hidden, n_classes)
        self.dropout = dropout

    def forward(self, X, A):
        """Return the logits of all nodes, (n, n_classes).

        X: features of the nodes, (n, in_features).  A: from `normalized_adjacency`, or dense.
        """
        require_batch(X, (len(self.first.weight),))
        require_tensor(A, "A")
        if A.shape != (len(X), len(X)):
            fix = "use normalized_adjacency(edge_index, len(X))"
            raise ValueError(f"A must have shape (n, n), n = {len(X)}, got {tuple(A.shape)}; {fix}")
        H = F.dropout(X, self.dropout, self.training)
        H = self.first(H, A).relu()  # (n, hidden)
        H = F.dropout(H, self.dropout, self.training)
        return self.second(H, A)


class Convolution(nn.Module):
    """One graph convolution, A H W + b: transform, then take in the neighbours."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)
        self.graph = None, None, None  # the last A, as it is multiplied, and its transpose

    def forward(self, H, A):
        """Return A H W + b, (n, out_features).  H: (n, in_features).  A: (n, n)."""
        if A.layout == torch.strided:
            return A.to(H) @ (H @ self.weight) + self.bias
        if A is not self.graph[0] or self.graph[1] is not self.graph[1].to(H):
            self.graph = A, A.to(H), _transpose(A.to(H))
        return _Propagate.apply(*self.graph[1:], H @ self.weight) + self.bias

    def __getstate__(self):
        """Leave the graph out of copies and files: `deepcopy` cannot copy a sparse tensor."""
        return self.__dict__ | {"graph": (None, None, None)}


class _Propagate(torch.autograd.Function):
    """A @ H for a sparse A whose transpose is at hand; autograd would make it at every step."""

    @staticmethod
    def forward(ctx, A, At, H):
        ctx.At = At
        return A @ H

    @staticmethod
    def backward(ctx, grad):
        return None, None, ctx.At @ grad


def _transpose(A):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return A.t().to_sparse_csr()


def fit_nodes(model, X, A, y, nodes, *, epochs=200, lr=0.01, weight_decay=5e-4, validation=None):
    """Train a module on the labels of some nodes; return the loss of each epoch, (epochs,).

    model: called as model(X, A).  y: class of each node, (n,); only those of `nodes` are read.
    nodes: rows to learn from, (r,).  validation: rows to choose the best epoch by, or None.
    Raises ValueError for labels that the model has no logit for.
    """
    require_between("epochs", epochs, 1, float("inf"))
    require_classes(y, len(X))
    with torch.no_grad():
        n_classes = model(X, A).shape[1]
    require_classes(y[nodes], name="y[nodes]", n_classes=n_classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    losses, best, best_score = [], None, -1.0
    for _ in range(epochs):
        model.train()
        logits = model(X, A)
        loss = F.cross_entropy(logits[nodes], y[nodes])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if validation is not None:
            score = node_accuracy(model, X, A, y, validation)
            if score > best_score:
                best_score, best = score, {k: v.clone() for k, v in model.state_dict().items()}
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return torch.stack(losses)


def node_accuracy(model, X, A, y, nodes):
    """Return the share of the nodes (r,) whose class, y (n,), the model gets right."""
    require_classes(y, len(X))
    model.eval()
    with torch.no_grad():
        return accuracy(y[nodes], model(X, A)[nodes].argmax(1))


def _check_edges(edge_index, n):
    require_tensor(edge_index, "edge_index")
    if edge_index.dtype != torch.int64:
        raise TypeError(f"edge_index must be int64, got {edge_index.dtype}; use edge_index.long()")
    if edge_index.ndim != 2 or len(edge_index) != 2:
        fix = "; use edge_index.T" if edge_index.ndim == 2 and edge_index.shape[1] == 2 else ""
        raise ValueError(f"edge_index must have shape (2, e), got {tuple(edge_index.shape)}{fix}")
    if edge_index.numel() and not (edge_index.min() >= 0 and edge_index.max() < n):
        low, high = int(edge_index.min()), int(edge_index.max())
        raise ValueError(
            f"edge_index must hold nodes 0 to {n - 1}, got {low} to {high}; give a larger n"
        )
