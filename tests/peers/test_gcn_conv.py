"""What PyTorch Geometric promises of `GCNConv` and `gcn_norm`, asked of ours and of theirs.

With the same weights both give the same outputs and gradients. The cases are ours, after its
documentation. Where PyTorch Geometric takes edges, ours takes the matrix that
`normalized_adjacency` makes of them.
"""

import copy
import math
import warnings

import pytest
import torch
from torch.nn import functional as F

from d4sci.gnn import GCN, GCNConv, aggregate, normalized_adjacency

with warnings.catch_warnings():  # those of its import
    warnings.simplefilter("ignore")
    from torch_geometric.data import Batch, Data
    from torch_geometric.nn import DenseGCNConv
    from torch_geometric.nn import GCNConv as Peer
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.nn.models import GCN as PeerNetwork
    from torch_geometric.utils import coalesce, to_dense_adj

NOT_APPLICABLE = {
    "improved": "`normalized_adjacency` is that of the paper, A + I; the layer takes any matrix",
    "add_self_loops": "`normalized_adjacency` always has them; the layer takes any matrix",
    "edge_weight": "`normalized_adjacency` takes edges without weights; the layer takes any matrix",
    "normalize": "the layer never normalises: it multiplies by the matrix that it is given",
    "cached": "the graph is normalised once, by the caller; what the layer keeps is checked anew",
    "bias": "there always is one; it starts at 0 and stays there if it requires no gradient",
    "in_channels=-1": "widths are given, not found at the first call",
    "aggr": "a sum, as in the formula",
    "flow": "an edge u → v sends from u to v; for the other way flip the edges",
    "node_dim": "nodes are the rows; several graphs are one graph with several components",
    "decomposed_layers": "a way to compute in less memory, with the same result",
    "reset_parameters": "a new layer has new weights",
    "SparseTensor": "the class of another package, torch_sparse; PyTorch's own layouts are taken",
    "explain": "no explanations of what a network has learnt",
}


def random_edges(n, e, seed=0, *, both=True):
    """Return about e edges of n nodes, none twice and no self-loop."""
    g = torch.Generator().manual_seed(seed)
    edges = torch.randint(n, (2, e), generator=g)
    edges = edges[:, edges[0] != edges[1]]
    return coalesce(torch.cat([edges, edges.flip(0)], 1) if both else edges)


def star(n):
    leaves = torch.arange(1, n)
    edges = torch.stack([torch.zeros_like(leaves), leaves])
    return torch.cat([edges, edges.flip(0)], 1)


NONE = torch.empty(2, 0, dtype=torch.int64)
RING = torch.stack([torch.arange(6), torch.arange(6).roll(-1)])
GRAPHS = {  # name: (edges, number of nodes)
    "undirected": (random_edges(12, 20), 12),
    "directed": (random_edges(12, 30, both=False), 12),
    "ring, one way": (RING, 6),
    "self-loops on some nodes": (torch.cat([RING, torch.tensor([[0, 3], [0, 3]])], 1), 6),
    "self-loops on all nodes": (torch.cat([RING, torch.arange(6).expand(2, 6)], 1), 6),
    "a self-loop twice": (torch.cat([RING, torch.tensor([[2, 2], [2, 2]])], 1), 6),
    "isolated nodes at the end": (RING, 9),
    "isolated nodes between": (2 * RING, 12),
    "nodes that only send": (torch.tensor([[0, 1, 2], [3, 3, 3]]), 4),
    "no edges": (NONE, 5),
    "one node": (NONE, 1),
    "one node with a self-loop": (torch.zeros(2, 1, dtype=torch.int64), 1),
    "complete": (torch.cartesian_prod(torch.arange(7), torch.arange(7)).T, 7),
    "a hub": (star(400), 400),
    "two components": (torch.cat([RING, RING + 6], 1), 12),
    "edges in another order": (random_edges(12, 30).flip(1), 12),
    "edges not contiguous": (random_edges(12, 30).T.contiguous().T, 12),
    "3,000 nodes": (random_edges(3000, 20_000), 3000),
}
DTYPES = [torch.float32, torch.float64]
EXACT = {
    torch.float32: {"rtol": 1e-4, "atol": 1e-5},
    torch.float64: {"rtol": 1e-9, "atol": 1e-12},
}


def features(n, d=7, dtype=torch.float64, seed=1):
    X = torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return X.requires_grad_()


def layers(n_in=7, n_out=3, dtype=torch.float64, **options):
    """Return our layer and theirs, with the same weights."""
    torch.manual_seed(0)
    ours, peer = GCNConv(n_in, n_out).to(dtype), Peer(n_in, n_out, **options).to(dtype)
    with torch.no_grad():
        torch.nn.init.normal_(peer.bias)
        ours.weight.copy_(peer.lin.weight.T)
        ours.bias.copy_(peer.bias)
    return ours, peer


def assert_same(pair, outs, inputs=(), **tolerance):
    """Compare outputs and gradients: for weights, biases and what else is given."""
    ours, peer = pair
    tolerance = tolerance or EXACT[outs[0].dtype]
    torch.testing.assert_close(*outs, **tolerance)
    targets = torch.linspace(-1, 1, outs[0].numel(), dtype=outs[0].dtype).reshape(outs[0].shape)
    found = torch.autograd.grad(
        F.mse_loss(outs[0], targets), [ours.weight, ours.bias, *inputs], retain_graph=True
    )
    expected = torch.autograd.grad(
        F.mse_loss(outs[1], targets), [peer.lin.weight, peer.bias, *inputs], retain_graph=True
    )
    torch.testing.assert_close(found[0], expected[0].T, **tolerance)
    for a, b in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(a, b, **tolerance)


def matrix(edge_index, weights, n, layout=torch.sparse_csr):
    """Return the matrix S with S[v, u] the sum of the weights of the edges u → v."""
    S = torch.sparse_coo_tensor(edge_index.flip(0), weights, (n, n), check_invariants=True)
    return S.to_dense() if layout == torch.strided else S.to_sparse(layout=layout)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_outputs_and_gradients(name, dtype):
    edge_index, n = GRAPHS[name]
    X, pair = features(n, dtype=dtype), layers(dtype=dtype)
    A = normalized_adjacency(edge_index, n, dtype=dtype)
    assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_gcn_norm(name, dtype):
    """The coefficients 1 / √(d̂_u d̂_v), d̂ = 1 + the number of edges that come in."""
    edge_index, n = GRAPHS[name]
    edges, weights = gcn_norm(edge_index, None, n, dtype=dtype)
    found = normalized_adjacency(edge_index, n, dtype=dtype)
    torch.testing.assert_close(found, matrix(edges, weights, n))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["undirected", "a hub", "self-loops on some nodes"])
def test_gcn_norm_in_half_precision(name, dtype):
    edge_index, n = GRAPHS[name]
    edges, weights = gcn_norm(edge_index, None, n, dtype=dtype)
    found = normalized_adjacency(edge_index, n, dtype=dtype).to_dense()
    expected = to_dense_adj(edges, edge_attr=weights, max_num_nodes=n)[0].T
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=4 * torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("name", ["undirected", "directed", "3,000 nodes"])
def test_an_edge_given_twice_counts_once(name):
    """For PyTorch Geometric it counts twice, until `coalesce`; as weight 2 it does for us too."""
    edge_index, n = GRAPHS[name]
    twice = torch.cat([edge_index, edge_index[:, ::2]], 1)
    X, pair = features(n), layers()
    A = normalized_adjacency(twice, n, dtype=X.dtype)
    assert_same(pair, (pair[0](X, A), pair[1](X, coalesce(twice))), [X])
    A = matrix(*gcn_norm(twice, None, n, dtype=X.dtype), n)
    assert_same(pair, (pair[0](X, A), pair[1](X, twice)), [X])


def test_an_isolated_node_keeps_its_features():
    edge_index, n = GRAPHS["isolated nodes at the end"]
    X, (ours, _) = features(n), layers()
    out = ours(X, normalized_adjacency(edge_index, n, dtype=X.dtype))
    torch.testing.assert_close(out[6:], (X @ ours.weight + ours.bias)[6:])


@pytest.mark.parametrize("name", ["directed", "ring, one way", "nodes that only send"])
def test_flow_to_the_source_is_ours_with_the_edges_flipped(name):
    edge_index, n = GRAPHS[name]
    X, pair = features(n), layers(flow="target_to_source")
    A = normalized_adjacency(edge_index.flip(0), n, dtype=X.dtype)
    assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X])


@pytest.mark.parametrize("name", ["undirected", "directed", "isolated nodes between", "a hub"])
def test_without_normalisation_neighbours_are_added(name):
    edge_index, n = GRAPHS[name]
    X, pair = features(n), layers(normalize=False)
    A = matrix(edge_index, torch.ones(edge_index.shape[1], dtype=X.dtype), n)
    assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X])
    summed = aggregate(X @ pair[0].weight, edge_index) + pair[0].bias
    torch.testing.assert_close(summed, pair[1](X, edge_index))


LAYOUTS = [torch.sparse_csr, torch.sparse_coo, torch.strided]
NORMS = {
    "normalize": {},
    "improved": {"improved": True},
    "no self-loops": {"add_self_loops": False},
    "as they are": {"normalize": False},
}


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["directed", "self-loops on some nodes", "3,000 nodes"])
def test_edge_weights_and_their_gradients_under_every_normalisation(name, norm, layout):
    edge_index, n = GRAPHS[name]
    if n > 100 and layout == torch.strided:
        edge_index, n = edge_index[:, edge_index.amax(0) < 100], 100  # dense, of less memory
    X, pair = features(n), layers(**NORMS[norm])
    g = torch.Generator().manual_seed(0)
    weights = torch.rand(edge_index.shape[1], dtype=X.dtype, generator=g) + 0.5
    weights.requires_grad_()
    if norm == "as they are":
        A = matrix(edge_index, weights, n, layout)
    else:
        A = matrix(*gcn_norm(edge_index, weights, n, **NORMS[norm]), n, layout)
    outs = pair[0](X, A), pair[1](X, edge_index, weights)
    assert_same(pair, outs, [X, weights])


@pytest.mark.filterwarnings("ignore:Converting sparse tensor to CSR format")  # theirs
@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=str)
@pytest.mark.parametrize("name", ["undirected", "directed", "3,000 nodes"])
def test_the_transposed_adjacency_matrix_that_they_take_is_ours(name, layout):
    edge_index, n = GRAPHS[name]
    X, pair = features(n), layers(normalize=False)
    A = normalized_adjacency(edge_index, n, dtype=X.dtype).to_sparse(layout=layout)
    assert_same(pair, (pair[0](X, A), pair[1](X, A)), [X])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", sorted(set(GRAPHS) - {"3,000 nodes"}))
def test_dense_input(name, dtype):
    """Against their layer for edges, and against that for dense matrices."""
    edge_index, n = GRAPHS[name]
    X, pair = features(n, dtype=dtype), layers(dtype=dtype)
    A = normalized_adjacency(edge_index, n, dtype=dtype).to_dense()
    assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X])
    dense = DenseGCNConv(7, 3).to(dtype)
    dense.load_state_dict(pair[1].state_dict())
    adjacency = to_dense_adj(coalesce(edge_index), max_num_nodes=n)[0].T.to(dtype)
    torch.testing.assert_close(pair[0](X, A), dense(X, adjacency)[0], **EXACT[dtype])


@pytest.mark.parametrize("name", ["undirected", "directed", "self-loops on some nodes", "a hub"])
def test_renumbered_nodes(name):
    edge_index, n = GRAPHS[name]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    place = order.argsort()
    X, (ours, peer) = features(n), layers()
    out = ours(X, normalized_adjacency(edge_index, n, dtype=X.dtype))
    renumbered = ours(X[order], normalized_adjacency(place[edge_index], n, dtype=X.dtype))
    torch.testing.assert_close(renumbered, out[order])
    torch.testing.assert_close(renumbered, peer(X[order], place[edge_index]))


@pytest.mark.parametrize(
    "names",
    [
        ("undirected", "directed"),
        ("no edges", "ring, one way"),
        ("one node", "isolated nodes at the end", "complete"),
    ],
)
def test_a_batch_is_one_graph_with_several_components(names):
    graphs = [GRAPHS[name] for name in names]
    pair = layers()
    batch = Batch.from_data_list(
        [Data(x=features(n, seed=n).detach(), edge_index=edges) for edges, n in graphs]
    )
    X, n = batch.x.clone().requires_grad_(), batch.num_nodes
    A = normalized_adjacency(batch.edge_index, n, dtype=X.dtype)
    out = pair[0](X, A)
    assert_same(pair, (out, pair[1](X, batch.edge_index)), [X])
    blocks = [normalized_adjacency(edges, n, dtype=X.dtype) for edges, n in graphs]
    torch.testing.assert_close(A.to_dense(), torch.block_diag(*[S.to_dense() for S in blocks]))
    rows = X.split([n for _, n in graphs])
    torch.testing.assert_close(
        out, torch.cat([pair[0](H, S) for H, S in zip(rows, blocks, strict=True)])
    )


@pytest.mark.parametrize("cached", [True, False])
def test_repeated_steps(cached):
    """What is kept from step to step changes nothing: the same weights after 20 steps of Adam."""
    edge_index, n = GRAPHS["directed"]
    X, (ours, peer) = features(n).detach(), layers(cached=cached)
    A = normalized_adjacency(edge_index, n, dtype=X.dtype)
    y = torch.arange(n) % 3
    for layer, graph in ((ours, A), (peer, edge_index)):
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        for _ in range(20):
            optimizer.zero_grad()
            F.cross_entropy(layer(X, graph), y).backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, peer.lin.weight.T)
    torch.testing.assert_close(ours.bias, peer.bias)


def test_one_layer_for_one_graph_after_another():
    """As theirs without a cache: each call takes its own graph, also one changed in place."""
    X, pair = features(12), layers()
    for name in ("undirected", "directed", "undirected", "two components"):
        edge_index, n = GRAPHS[name]
        A = normalized_adjacency(edge_index, n, dtype=X.dtype)
        assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X])
    A.values().fill_(1)
    pair[1].normalize = False
    loops = torch.arange(n).expand(2, n)
    outs = pair[0](X, A), pair[1](X, torch.cat([edge_index, loops], 1))
    assert_same(pair, outs, [X])


def test_without_bias():
    edge_index, n = GRAPHS["directed"]
    X, (ours, peer) = features(n), (GCNConv(7, 3).double(), Peer(7, 3, bias=False).double())
    ours.bias.requires_grad_(False)
    with torch.no_grad():
        ours.weight.copy_(peer.lin.weight.T)
    out = ours(X, normalized_adjacency(edge_index, n, dtype=X.dtype))
    expected = peer(X, edge_index)
    torch.testing.assert_close(out, expected)
    out.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, peer.lin.weight.grad.T)
    assert ours.bias.grad is None


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (1, 5), (5, 1), (200, 16)])
def test_shapes_and_first_weights(n_in, n_out):
    """Glorot's uniform weights, |w| ≤ √(6 / (in + out)), and a bias of 0."""
    edge_index, n = GRAPHS["undirected"]
    ours, peer = GCNConv(n_in, n_out), Peer(n_in, n_out)
    sizes = [sum(p.numel() for p in layer.parameters()) for layer in (ours, peer)]
    assert sizes == [n_in * n_out + n_out] * 2
    bound = math.sqrt(6 / (n_in + n_out))
    for weight, bias in ((ours.weight, ours.bias), (peer.lin.weight, peer.bias)):
        assert weight.abs().max() <= bound
        assert n_in * n_out < 100 or weight.abs().max() > 0.95 * bound
        assert not bias.any()
    X = features(n, n_in, torch.float32)
    assert ours(X, normalized_adjacency(edge_index, n)).shape == (n, n_out)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["undirected", "a hub", "3,000 nodes"])
def test_half_precision(name, dtype):
    edge_index, n = GRAPHS[name]
    X, pair = features(n, dtype=dtype), layers(dtype=dtype)
    A = normalized_adjacency(edge_index, n)
    rough = {"rtol": 0.05, "atol": 0.05}
    assert_same(pair, (pair[0](X, A), pair[1](X, edge_index)), [X], **rough)


@pytest.mark.parametrize("name", ["undirected", "a hub", "3,000 nodes"])
def test_autocast(name):
    edge_index, n = GRAPHS[name]
    X, pair = features(n, dtype=torch.float32), layers(dtype=torch.float32)
    A = normalized_adjacency(edge_index, n)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outs = pair[0](X, A), pair[1](X, edge_index)
    assert_same(pair, outs, [X], rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", ["undirected", "directed", "a hub"])
def test_gradients_of_gradients(name):
    edge_index, n = GRAPHS[name]
    X, (ours, peer) = features(n), layers()
    A = normalized_adjacency(edge_index, n, dtype=X.dtype)
    found = []
    for layer, graph, weight in ((ours, A, ours.weight), (peer, edge_index, peer.lin.weight)):
        (slope,) = torch.autograd.grad(layer(X, graph).pow(3).sum(), X, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [X, weight]))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1].T)


@pytest.mark.parametrize(
    "name", ["undirected", "directed", "isolated nodes between", "3,000 nodes"]
)
def test_a_network_of_two_layers(name):
    edge_index, n = GRAPHS[name]
    X, ours = features(n), GCN(7, 8, 3).double()
    peer = PeerNetwork(7, 8, num_layers=2, out_channels=3).double()
    with torch.no_grad():
        for layer, conv in zip((ours.conv1, ours.conv2), peer.convs, strict=True):
            conv.lin.weight.copy_(layer.weight.T)
            conv.bias.copy_(torch.linspace(-1, 1, len(conv.bias)))
            layer.bias.copy_(conv.bias)
    A = normalized_adjacency(edge_index, n, dtype=X.dtype)
    out, expected = ours(X, A), peer(X, edge_index)
    torch.testing.assert_close(out, expected)
    gradients = torch.autograd.grad(out.square().mean(), [X, *ours.parameters()])
    wanted = torch.autograd.grad(
        expected.square().mean(),
        [X, *(p for conv in peer.convs for p in (conv.lin.weight, conv.bias))],
    )
    for a, b in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(a, b.T if a.shape != b.shape else b)


def test_nothing_that_is_given_is_changed():
    edge_index, n = GRAPHS["self-loops on some nodes"]
    X, (ours, _) = features(n), layers()
    edges, before = edge_index.clone(), X.detach().clone()
    A = normalized_adjacency(edges, n, dtype=X.dtype)
    dense = A.to_dense()
    ours(X, A).sum().backward()
    assert torch.equal(edges, edge_index)
    assert torch.equal(X, before)
    assert torch.equal(A.to_dense(), dense)


def test_copies_give_the_same():
    edge_index, n = GRAPHS["directed"]
    X, (ours, _) = features(n), layers()
    A = normalized_adjacency(edge_index, n, dtype=X.dtype)
    out = ours(X, A)
    assert torch.equal(copy.deepcopy(ours)(X, A), out)
    fresh = GCNConv(7, 3).double()
    fresh.load_state_dict(ours.state_dict())
    assert torch.equal(fresh(X, A), out)
