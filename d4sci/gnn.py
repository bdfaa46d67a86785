"""Graph neural networks: each node's features are mixed with those of its neighbours."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d4sci.engines.propagation import Propagation, csr_matrix
from d4sci.metrics import accuracy
from d4sci.support.best_weights import BestWeights
from d4sci.support.checks import (
    require_batch,
    require_between,
    require_classes,
    require_matrix,
    require_tensor,
)
from d4sci.support.evaluating import evaluating
from d4sci.support.optimizers import trainable


def aggregate(H: Tensor, edge_index: Tensor) -> Tensor:
    """Return the sum of what each node's neighbours send it: row v is Σ_{u → v} h_u.

    H: what each node sends, (n, d).  edge_index: rows u and v of each edge u → v, (2, e).
    Nodes that nobody sends to get zeros. Raises as `normalized_adjacency`.
    """
    require_matrix(H, "H")
    _validate_edges(edge_index, len(H))
    source, target = edge_index
    return torch.zeros_like(H).index_add(0, target, H.index_select(0, source))  # (n, d)


def normalized_adjacency(
    edge_index: Tensor, n: int, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return S = D̂^−½ Â D̂^−½ with Â = A + I, the normalised adjacency matrix that `GCN` takes.

    A: the adjacency matrix: A[v, u] is 1 where there is an edge u → v, else 0.
    D̂: diagonal, the row sums of Â.
    An edge given twice counts once, a self-loop is the one that Â has anyway, and a node without
    edges keeps its features. S is (n, n), sparse (CSR; on MPS dense): memory grows with the edges.
    edge_index: rows u and v of each edge, int64, (2, e); an undirected graph has both directions.
    n: the number of nodes, ≥ 1.  dtype: of the result; the degrees are multiplied in float32 at
    least, since float16 ends at 65,504.
    Raises TypeError or ValueError for edges that are not int64 or not (2, e), or leave 0 … n − 1,
    and for a dtype that is no floating-point one.
    Source: Kipf and Welling 2017, https://openreview.net/forum?id=SJU4ayYgl.
    """
    require_between("n", n, 1, float("inf"))
    _validate_edges(edge_index, n)
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"dtype must be a floating-point one, got {dtype}; use torch.float32")
    loops = torch.arange(n, device=edge_index.device)
    source, target = torch.cat([edge_index, loops.expand(2, n)], 1)  # Â = A + I
    # One number for each edge: equal edges become one, and the rest is sorted by v, then by u.
    edge_number = (target * n + source).unique()
    v, u = edge_number // n, edge_number % n
    degree = v.bincount(minlength=n)  # (n,)
    wide = torch.promote_types(dtype, torch.float32)
    values = (degree[u] * degree[v]).to(wide).rsqrt().to(dtype)
    if u.device.type == "mps":  # which has no CSR
        return values.new_zeros(n, n).index_put((v, u), values)
    return csr_matrix(v, u, values, n)


class GCN(nn.Module):
    """Two graph convolutions: logits = S (φ(S X W⁽¹⁾ + b⁽¹⁾) W⁽²⁾) + b⁽²⁾, φ = ReLU.

    S: the normalised adjacency matrix, as `normalized_adjacency` returns it.

    in_features, hidden, n_classes: widths of X, of the layer between and of the logits.
    dropout: share of the inputs of each layer that training sets to 0.
    `forward` raises TypeError or ValueError for an X that is no floating-point tensor, and for an X
    or A of another shape.
    Source: Kipf and Welling 2017, https://openreview.net/forum?id=SJU4ayYgl.
    """

    def __init__(self, in_features: int, hidden: int, n_classes: int, *, dropout: float = 0.0):
        super().__init__()
        self.conv1 = GCNConv(in_features, hidden)
        self.conv2 = GCNConv(hidden, n_classes)
        self.dropout = dropout

    def forward(self, X: Tensor, A: Tensor) -> Tensor:
        """Return the logits of all nodes, (n, n_classes).

        X: features of the nodes, (n, in_features).
        A: the normalised adjacency, S in the formula, sparse or dense, (n, n).
        """
        require_batch(X, (len(self.conv1.weight),))
        _validate_adjacency(A, len(X))
        H = F.dropout(X, self.dropout, self.training)
        H = self.conv1(H, A).relu()  # (n, hidden)
        H = F.dropout(H, self.dropout, self.training)
        return self.conv2(H, A)


class GCNConv(nn.Module):
    """One graph convolution, S (H W) + b: transform each node, then mix it with its neighbours.

    S: the normalised adjacency matrix, as `normalized_adjacency` returns it.
    in_features, out_features: widths of H and of the result; W: (in, out), b: (out,).
    The product with a sparse S is the engine's, `d4sci.engines.propagation`; a dense S is
    multiplied as it stands, with the same result. An S that requires a gradient, with edge weights
    that are learnt, gets one.
    """

    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)
        self.propagate = Propagation()  # S @ H, quick for a sparse S

    def forward(self, H: Tensor, A: Tensor) -> Tensor:
        """Return S (H W) + b, (n, out_features).

        H: (n, in_features).  A: the normalised adjacency, S in the formula, (n, n).
        """
        return self.propagate(A, H @ self.weight) + self.bias


def fit_nodes(
    model: nn.Module, X: Tensor, A: Tensor | None, y: Tensor, nodes: Tensor, *, epochs: int = 200,
    lr: float = 0.01, weight_decay: float = 5e-4, validation: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Train a module on the labels of some nodes; return the loss of each epoch, (epochs,).

    model: called as model(X, A); it ends in evaluation mode.  X: (n, d).
    A: the normalised adjacency, (n, n), or None for a model that ignores the graph.
    y: class of each node, (n,); only y[nodes] and y[validation] are read.
    nodes: rows to learn from, (r,).  epochs: steps, each with all nodes.
    lr, weight_decay: of Adam.
    validation: rows whose accuracy chooses the best epoch, (s,); None keeps the last epoch.
    Raises ValueError where y[nodes] or y[validation] holds a class that the model has no logit for,
    and for a model that is frozen.
    """
    _validate_fit(model, X, A, y, nodes, validation, epochs)
    optimizer = torch.optim.Adam(trainable(model), lr=lr, weight_decay=weight_decay)
    X = X.detach()
    losses, best = [], BestWeights()
    for _ in range(epochs):
        model.train()
        logits = model(X, A)  # of all nodes: neighbours are needed, labels are not
        loss = F.cross_entropy(logits[nodes], y[nodes])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if validation is not None:
            best.note(model, loss=1 - node_accuracy(model, X, A, y, validation))
    best.restore(model)
    model.eval()
    return torch.stack(losses)


def node_accuracy(model: nn.Module, X: Tensor, A: Tensor | None, y: Tensor, nodes: Tensor) -> float:
    """Return the accuracy of the model on these nodes (r,), given all classes y (n,).

    X, A: as in `fit_nodes`.  All modules get back the mode, train or eval, that they had.
    """
    require_classes(y, len(X))
    with evaluating(model):
        predicted = model(X, A)[nodes].argmax(1)  # (r,)
    return accuracy(y[nodes], predicted)


def _validate_fit(model, X, A, y, nodes, validation, epochs):
    """Raise unless there is a label for each node, and a logit for each label that is read.

    The model is called in evaluation mode: dropout draws no numbers, BatchNorm keeps its means.
    """
    require_between("epochs", epochs, 1, float("inf"))
    require_classes(y, len(X))
    with evaluating(model):
        n_classes = model(X, A).shape[1]
    require_classes(y[nodes], name="y[nodes]", n_classes=n_classes)
    if validation is not None:
        require_classes(y[validation], name="y[validation]", n_classes=n_classes)


def _validate_adjacency(A, n):
    require_tensor(A, "A")
    if A.shape != (n, n):
        fix = "use normalized_adjacency(edge_index, len(X))"
        raise ValueError(f"A must have shape (n, n), n = {n}, got {tuple(A.shape)}; {fix}")


def _validate_edges(edge_index, n):
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
