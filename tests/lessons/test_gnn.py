"""Graph convolutions against PyTorch Geometric, dense matrices and autograd."""

import copy
import subprocess
import sys
import tracemalloc
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from d4sci.data import load_karate
from d4sci.gnn import GCN, GCNConv, aggregate, fit_nodes, node_accuracy, normalized_adjacency
from tests.support.notebooks import ROOT

EDGES, CLUB = load_karate()
FIVE = torch.tensor([[0, 1, 0, 2, 1, 2, 2, 3], [1, 0, 2, 0, 2, 1, 3, 2]])  # node 4 stands alone


def random_graph(n, e, seed=0, *, both=True):
    g = torch.Generator().manual_seed(seed)
    edges = torch.randint(n, (2, e), generator=g)
    return torch.cat([edges, edges.flip(0)], 1) if both else edges


def dense(edge_index, n):
    """Return D̂^−½ (A + I) D̂^−½ by the formula, entry by entry."""
    A = torch.eye(n, dtype=torch.float64)
    for u, v in edge_index.T.tolist():
        A[v, u] = 1
    root = A.sum(1).rsqrt()
    return root[:, None] * A * root


GRAPHS = {
    "karate": (EDGES, 34),
    "five nodes, one alone": (FIVE, 5),
    "no edges": (torch.empty(2, 0, dtype=torch.int64), 4),
    "one node": (torch.empty(2, 0, dtype=torch.int64), 1),
    "self-loops": (torch.tensor([[0, 0, 1, 2], [0, 1, 0, 2]]), 3),
    "duplicate edges": (FIVE.repeat(1, 3), 5),
    "one way only": (random_graph(20, 40, both=False), 20),
    "200 nodes": (random_graph(200, 900), 200),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_adjacency_is_the_formula(name):
    edge_index, n = GRAPHS[name]
    A = normalized_adjacency(edge_index, n, dtype=torch.float64)
    assert A.layout == torch.sparse_csr
    assert torch.allclose(A.to_dense(), dense(edge_index, n), rtol=1e-12)
    assert normalized_adjacency(edge_index, n).dtype == torch.float32


@pytest.mark.parametrize("name", sorted(set(GRAPHS) - {"one node"}))
def test_convolution_equals_pytorch_geometric(name):
    with warnings.catch_warnings():  # those of its import
        warnings.simplefilter("ignore")
        from torch_geometric.nn import GCNConv as Peer
        from torch_geometric.utils import coalesce

    edge_index, n = GRAPHS[name]
    X = torch.randn(n, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    peer = Peer(7, 3).double()
    ours = GCNConv(7, 3).double()
    with torch.no_grad():
        ours.weight.copy_(peer.lin.weight.T)
        ours.bias.copy_(torch.arange(3.0))
        peer.bias.copy_(torch.arange(3.0))
    out = ours(X, normalized_adjacency(edge_index, n, dtype=torch.float64))
    expected = peer(X, coalesce(edge_index))
    assert torch.allclose(out, expected, rtol=1e-10, atol=1e-12)
    out.square().sum().backward()
    expected.square().sum().backward()
    assert torch.allclose(ours.weight.grad, peer.lin.weight.grad.T, rtol=1e-9)


@pytest.mark.parametrize("name", GRAPHS)
def test_sparse_and_dense_graphs_give_the_same_outputs_and_gradients(name):
    edge_index, n = GRAPHS[name]
    A = normalized_adjacency(edge_index, n, dtype=torch.float64)
    model = GCN(6, 5, 4).double()
    results = []
    for graph in (A, A.to_dense()):
        X = torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        X.requires_grad_()
        model.zero_grad()
        logits = model(X, graph)
        logits.square().sum().backward()
        results.append([logits, X.grad, *(p.grad.clone() for p in model.parameters())])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_gradients_by_finite_differences():
    A = normalized_adjacency(random_graph(9, 14, both=False), 9, dtype=torch.float64)
    model = GCN(3, 4, 2).double()
    X = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda X: model(X, A), (X.requires_grad_(),))


def test_a_new_graph_is_noticed():
    torch.manual_seed(0)  # some first weights switch off all that the graph would change
    model = GCN(4, 3, 2)
    X = torch.eye(4)
    graphs = [normalized_adjacency(e, 4) for e in (FIVE[:, :2], FIVE[:, :6])]
    first, second = (model(X, A) for A in graphs)
    assert not torch.allclose(first, second)
    assert torch.allclose(model(X, graphs[0]), model(X, graphs[0].to_dense()), atol=1e-6)
    assert model.double()(X.double(), graphs[0]).dtype == torch.float64


def test_forward_is_the_formula_and_dropout_only_trains():
    A = normalized_adjacency(FIVE, 5)
    X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    model = GCN(3, 50, 2, dropout=0.5).eval()
    (W1, b1), (W2, b2) = ((c.weight, c.bias) for c in (model.conv1, model.conv2))
    M = A.to_dense()
    assert torch.allclose(model(X, A), M @ ((M @ X @ W1 + b1).relu() @ W2) + b2, atol=1e-6)
    assert torch.equal(model(X, A), model(X, A))
    model.train()
    assert not torch.equal(model(X, A), model(X, A))


def test_renumbering_the_nodes_renumbers_the_logits():
    order = torch.randperm(34, generator=torch.Generator().manual_seed(0))
    place = order.argsort()
    model, X = GCN(34, 8, 2), torch.eye(34)
    renumbered = normalized_adjacency(place[EDGES], 34)
    logits = model(X, normalized_adjacency(EDGES, 34))
    assert torch.allclose(model(X[order], renumbered), logits[order], atol=1e-6)


def test_aggregate_sums_over_neighbours():
    H = torch.arange(10.0).reshape(5, 2)
    expected = torch.stack(
        [sum((H[u] for u, v in FIVE.T.tolist() if v == node), torch.zeros(2)) for node in range(5)]
    )
    assert torch.equal(aggregate(H, FIVE), expected)
    assert torch.equal(aggregate(H, FIVE)[4], torch.zeros(2))  # nobody sends to node 4
    A = torch.zeros(34, 34)
    A[EDGES[1], EDGES[0]] = 1
    assert torch.equal(aggregate(torch.eye(34), EDGES), A)


def test_the_club_from_two_labels():
    scores = []
    for seed in range(5):
        torch.manual_seed(seed)
        model, A = GCN(34, 16, 2), normalized_adjacency(EDGES, 34)
        losses = fit_nodes(model, torch.eye(34), A, CLUB, torch.tensor([0, 33]))
        assert losses[-1] < 0.1 * losses[0]
        assert not model.training
        scores.append(node_accuracy(model, torch.eye(34), A, CLUB, torch.arange(34)))
    assert sum(scores) / 5 > 0.9


def test_only_the_given_nodes_teach_and_validation_keeps_the_best():
    A, X, nodes = normalized_adjacency(EDGES, 34), torch.eye(34), torch.tensor([0, 33])
    torch.manual_seed(0)
    model = GCN(34, 16, 2)
    twin, third = copy.deepcopy(model), copy.deepcopy(model)
    hidden = torch.ones_like(CLUB)
    hidden[nodes] = CLUB[nodes]  # all other labels are wrong or unknown
    fit_nodes(model, X, A, CLUB, nodes, epochs=30)
    fit_nodes(twin, X, A, hidden, nodes, epochs=30)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    rows = torch.arange(1, 33)
    fit_nodes(third, X, A, CLUB, nodes, epochs=30, validation=rows)
    assert node_accuracy(third, X, A, CLUB, rows) >= node_accuracy(model, X, A, CLUB, rows)


def test_two_blocks_of_a_citation_like_graph_in_bounded_memory():
    """2,700 nodes, 1,433 sparse features, 7 blocks: far better than the features alone."""
    g = torch.Generator().manual_seed(0)
    n, y = 2700, torch.randint(7, (2700,), generator=g)
    pairs = torch.randint(n, (2, 40_000), generator=g)
    same = y[pairs[0]] == y[pairs[1]]
    keep = same | (torch.rand(40_000, generator=g) < 0.02)
    edges = torch.cat([pairs[:, keep], pairs[:, keep].flip(0)], 1)
    words = torch.rand(n, 1433, generator=g) < 0.01 + 0.01 * (torch.arange(1433) % 7 == y[:, None])
    A = normalized_adjacency(edges, n)
    assert A.values().numel() <= edges.shape[1] + n
    train = torch.cat([(y == c).nonzero()[:20, 0] for c in range(7)])
    torch.manual_seed(0)
    scores = []
    for graph in (A, normalized_adjacency(torch.empty(2, 0, dtype=torch.int64), n)):
        model = GCN(1433, 16, 7, dropout=0.5)
        fit_nodes(model, words.float(), graph, y, train, epochs=40, lr=0.03)
        scores.append(node_accuracy(model, words.float(), graph, y, torch.arange(n)))
    assert scores[0] > 0.8
    assert scores[0] > scores[1] + 0.1


def test_memory_grows_with_the_edges_not_with_the_square_of_the_nodes():
    n = 200_000  # a dense A would be 160 GB
    A = normalized_adjacency(random_graph(n, n), n)
    tracemalloc.start()
    assert GCNConv(2, 2)(torch.ones(n, 2), A).shape == (n, 2)
    assert tracemalloc.get_traced_memory()[1] < 1e8
    tracemalloc.stop()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("n", [400, 70_000])
def test_a_hub_keeps_its_weights_in_every_dtype(n, dtype):
    """Node 0 is everybody's neighbour: the product of degrees passes what float16 can hold."""
    leaves = torch.arange(1, n)
    star = torch.stack([torch.zeros_like(leaves), leaves])
    A = normalized_adjacency(torch.cat([star, star.flip(0)], 1), n, dtype=dtype)
    found = A.values().double()
    expected = torch.full_like(found, 0.5)  # a leaf to itself
    expected[:n] = (2 * n) ** -0.5  # the leaves to the hub
    expected[n::2] = (2 * n) ** -0.5  # the hub to each leaf
    expected[0] = 1 / n
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(
        found, expected, rtol=eps, atol=1e-7 if dtype == torch.float16 else 0
    )
    ones = A.float() @ torch.ones(n, 1)
    assert ones[0].item() == pytest.approx(1 / n + (n - 1) * (2 * n) ** -0.5, rel=1e-2)


def test_edges_may_lie_in_memory_as_they_like():
    by_rows = EDGES.T.contiguous().T
    assert not by_rows.is_contiguous()
    every_second = torch.stack([EDGES, EDGES], 2)[..., 0]
    whole = normalized_adjacency(EDGES, 34).to_dense()
    for edges in (by_rows, every_second, EDGES.flip(1)):
        assert torch.equal(normalized_adjacency(edges, 34).to_dense(), whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_follows_float32(dtype):
    """The network in half precision, and the network of float32 under autocast."""
    X = torch.randn(34, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model, A = GCN(8, 16, 2), normalized_adjacency(EDGES, 34)
    expected = model(X, A).detach()
    half = copy.deepcopy(model).to(dtype)
    close = {"rtol": 8 * torch.finfo(dtype).eps, "atol": 8 * torch.finfo(dtype).eps}
    for graph in (A, A.to(dtype), A.to_dense()):
        out = half(X.to(dtype), graph)
        assert out.dtype == dtype
        torch.testing.assert_close(out.float(), expected, **close)
        with torch.autocast("cpu", dtype=dtype):
            out = model(X, graph)
            out.float().square().sum().backward()
        torch.testing.assert_close(out.float(), expected, **close)
        assert model.conv1.weight.grad.isfinite().all()
    if dtype == torch.bfloat16:  # Adam's ε, 1e-8, is 0 in float16
        losses = fit_nodes(half, X.to(dtype), A, CLUB, torch.arange(34), epochs=30)
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["karate", "duplicate edges", "one way only", "one node"])
def test_edge_weights_learn_through_the_whole_network(name):
    edge_index, n = GRAPHS[name]
    A = normalized_adjacency(edge_index, n, dtype=torch.float64)
    model = GCN(6, 5, 4).double()
    X = torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    gradients = []
    for graph in (A.clone(), A.to_dense()):
        model.zero_grad()
        model(X, graph.requires_grad_()).square().sum().backward()
        gradients.append([graph.grad.to_dense(), *(p.grad.clone() for p in model.parameters())])
    gradients[1][0] *= A.to_dense() != 0  # no edge, no weight
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_network_that_has_seen_a_graph_in_inference_mode_takes_other_weights_and_learns():
    model, X, A = GCN(5, 4, 2), torch.eye(5), normalized_adjacency(FIVE, 5)
    with torch.inference_mode():
        logits = model(X, A)
    weights = {name: 2 * p.detach() for name, p in model.named_parameters()}
    out = torch.func.functional_call(model, weights, (X, A))
    assert torch.allclose(out, 4 * logits, atol=1e-6)  # the biases are 0
    model(X, A).sum().backward()
    (gradient,) = torch.autograd.grad(model(X, A).sum(), model.conv1.weight)
    assert torch.allclose(gradient, model.conv1.weight.grad)


def test_follows_its_input(meta_default):
    edges = torch.tensor([[0, 1], [1, 0]], device="cpu")
    A = normalized_adjacency(edges, 3)
    H = torch.ones(3, 2, device="cpu")
    assert A.device.type == aggregate(H, edges).device.type == "cpu"


def test_bad_input():
    with pytest.raises(ValueError, match="hold nodes 0 to 3, got 0 to 4; give a larger n"):
        normalized_adjacency(torch.tensor([[0], [4]]), 4)
    with pytest.raises(ValueError, match="got -1 to 1"):
        normalized_adjacency(torch.tensor([[-1], [1]]), 4)
    with pytest.raises(ValueError, match=r"shape \(2, e\), got \(156, 2\); use edge_index.T"):
        normalized_adjacency(EDGES.T, 34)
    with pytest.raises(TypeError, match="int64"):
        normalized_adjacency(EDGES.float(), 34)
    with pytest.raises(TypeError, match=r"got torch.int32; use edge_index.long\(\)"):
        normalized_adjacency(EDGES.int(), 34)
    for dtype in (torch.int64, torch.complex64, "float32"):
        with pytest.raises(TypeError, match=f"floating-point one, got {dtype}; use torch.float32"):
            normalized_adjacency(EDGES, 34, dtype=dtype)
    with pytest.raises(TypeError, match="must be a torch"):
        normalized_adjacency([[0], [1]], 2)
    with pytest.raises(ValueError, match="n must lie between 1"):
        normalized_adjacency(torch.empty(2, 0, dtype=torch.int64), 0)
    with pytest.raises(ValueError, match="nodes 0 to 1"):
        aggregate(torch.ones(2, 1), FIVE)
    A, y = normalized_adjacency(FIVE, 5), torch.tensor([0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="hold labels from 0 to n_classes − 1 = 1, got 0 to 2"):
        fit_nodes(GCN(5, 4, 2), torch.eye(5), A, y, torch.arange(5))


def test_labels_of_other_nodes_may_be_unknown():
    y = torch.tensor([0, 1, -1, 99, 0])
    A, X, nodes = normalized_adjacency(FIVE, 5), torch.eye(5), torch.tensor([0, 1])
    fit_nodes(GCN(5, 4, 2), X, A, y, nodes, epochs=3)
    fit_nodes(GCN(5, 4, 2), X, A, y, nodes, epochs=3, validation=torch.tensor([4]))
    for node, label in ((2, -1), (3, 99)):
        with pytest.raises(ValueError, match=rf"y\[validation\] must hold .* got {label} to"):
            fit_nodes(GCN(5, 4, 2), X, A, y, nodes, validation=torch.tensor([node]))


class Features(nn.Linear):
    """A model that ignores the graph."""

    def forward(self, X, A):
        return super().forward(X)


def test_a_model_that_ignores_the_graph_needs_none():
    X, y, nodes = torch.eye(5), torch.tensor([0, 1, 0, 1, 0]), torch.arange(5)
    model = Features(5, 2)
    losses = fit_nodes(model, X, None, y, nodes, epochs=100, lr=0.1, weight_decay=0)
    assert losses[-1] < 0.1
    assert node_accuracy(model, X, None, y, nodes) == 1


def test_cross_entropy_falls_by_hand():
    """One step of the loop equals one step written out."""
    A, X = normalized_adjacency(FIVE, 5), torch.eye(5)
    y, nodes = torch.tensor([0, 1, 0, 1, 0]), torch.arange(3)
    model = GCN(5, 4, 2)
    twin = copy.deepcopy(model)
    fit_nodes(model, X, A, y, nodes, epochs=1)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01, weight_decay=5e-4)
    F.cross_entropy(twin(X, A)[nodes], y[nodes]).backward()
    optimizer.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_validation_keeps_the_best_epoch():
    """Too large a step: the last epoch is not the best, and a run cut there would know it."""
    A, X = normalized_adjacency(EDGES, 34), torch.eye(34)
    learn, held_out = torch.tensor([0, 33]), torch.arange(1, 33)

    def after(epochs, **options):
        torch.manual_seed(0)
        model = GCN(34, 4, 2)
        fit_nodes(model, X, A, CLUB, learn, epochs=epochs, lr=1.0, **options)
        return node_accuracy(model, X, A, CLUB, held_out)

    each = [after(epochs) for epochs in range(1, 4)]
    assert max(each) > each[-1]
    assert after(3, validation=held_out) == max(each)


@pytest.mark.parametrize("H", [[[1.0]] * 5, torch.ones(5), torch.full((5, 1), torch.nan)])
def test_what_nodes_send_is_checked(H):
    with pytest.raises((TypeError, ValueError), match=r"^H (must|has|holds|contains)"):
        aggregate(H, FIVE)


def test_a_network_that_has_seen_a_graph_can_be_copied_and_written(tmp_path):
    """Copies forget the graph, which is sparse: PyTorch cannot copy that."""
    model, X, A = GCN(5, 4, 2), torch.eye(5), normalized_adjacency(FIVE, 5)
    logits = model(X, A)
    assert torch.equal(copy.deepcopy(model)(X, A), logits)
    torch.save(model, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    assert loaded.conv1.propagate.graph is None
    assert torch.equal(loaded(X, A), logits)
    assert torch.equal(model.conv1.propagate.graph[0].to_dense(), A.to_dense())


def test_the_edges_are_no_adjacency_matrix():
    with pytest.raises(ValueError, match=r"A must .* n = 5, got \(2, 8\); use normalized_adj"):
        GCN(5, 4, 2)(torch.eye(5), FIVE)


WORRIES = """
import threading, warnings, torch
from d4sci.gnn import GCN, normalized_adjacency

torch.set_warn_always(True)  # PyTorch gives some warnings only once in a process
filters = list(warnings.filters)
edges = torch.tensor([[0, 1], [1, 0]])
model, A = GCN(3, 4, 2), normalized_adjacency(edges, 3)
model(torch.eye(3), A).sum().backward()
assert warnings.filters == filters
"""


def test_that_sparse_matrices_are_young_worries_nobody():
    subprocess.run([sys.executable, "-W", "error", "-c", WORRIES], check=True, cwd=ROOT)


def test_no_filter_of_warnings_is_touched_while_a_network_runs(monkeypatch):
    """They belong to the whole process: another thread would lose its own."""
    monkeypatch.setattr(warnings, "catch_warnings", lambda: 1 / 0)
    model = GCN(5, 4, 2)
    model(torch.eye(5), normalized_adjacency(FIVE, 5)).sum().backward()


class Delicate(nn.Module):
    """A GCN with all that a look in training mode would move."""

    def __init__(self):
        super().__init__()
        self.gcn, self.norm = GCN(5, 4, 2, dropout=0.5), nn.BatchNorm1d(2)

    def forward(self, X, A):
        return self.norm(self.gcn(X, A))


def test_the_look_before_the_fit_moves_nothing():
    """One epoch is one step written out: the same dropout, BatchNorm moved once."""
    A, X = normalized_adjacency(FIVE, 5), torch.eye(5)
    y, nodes = torch.tensor([0, 1, 0, 1, 0]), torch.arange(3)
    torch.manual_seed(0)
    model = Delicate()
    twin = copy.deepcopy(model)
    torch.manual_seed(1)
    losses = fit_nodes(model, X, A, y, nodes, epochs=1)
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01, weight_decay=5e-4)
    loss = F.cross_entropy(twin(X, A)[nodes], y[nodes])
    loss.backward()
    optimizer.step()
    assert losses[0] == loss
    for name, value in twin.state_dict().items():
        assert torch.allclose(model.state_dict()[name].double(), value.double(), atol=1e-7), name


def test_a_refused_fit_and_a_score_give_back_every_mode():
    A, X, y = normalized_adjacency(FIVE, 5), torch.eye(5), torch.tensor([0, 1, 2, 0, 1])
    model = Delicate()
    model.norm.eval()
    with pytest.raises(ValueError, match="got 0 to 2"):
        fit_nodes(model, X, A, y, torch.arange(5))
    node_accuracy(model, X, A, y, torch.arange(5))
    assert model.training
    assert model.gcn.training
    assert not model.norm.training
    assert model.norm.num_batches_tracked == 0


@pytest.mark.parametrize("y", [torch.zeros(4).long(), torch.zeros(6).long()])
def test_there_is_one_label_for_each_node(y):
    A = normalized_adjacency(FIVE, 5)
    for use in (fit_nodes, node_accuracy):
        with pytest.raises(ValueError, match=f"y must have one entry .*: expected 5, got {len(y)}"):
            use(GCN(5, 4, 2), torch.eye(5), A, y, torch.arange(3))


def test_a_frozen_network_is_named_and_features_with_a_graph_are_data():
    edges, y = torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([0, 0, 1, 1])
    A, leaf = normalized_adjacency(edges, 4), torch.randn(4, 3, requires_grad=True)
    network = GCN(3, 8, 2)
    assert len(fit_nodes(network, leaf * 2, A, y, torch.arange(4), epochs=3)) == 3
    assert leaf.grad is None
    with pytest.raises(ValueError, match="model must have parameters to train"):
        fit_nodes(network.requires_grad_(False), leaf, A, y, torch.arange(4))
