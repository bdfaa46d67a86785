"""The sparse product of a graph network against `A @ H` and autograd, on graphs of every kind."""

import copy
import itertools
import pickle
import sys
import threading

import pytest
import torch

from d4sci.engines.propagation import Propagation, csr_matrix, sum_over_edges, transpose


def graph(n, e, seed=0, *, dtype=torch.float64):
    """Return a random (n, n) matrix with about e entries, dense and as CSR; one way only."""
    g = torch.Generator().manual_seed(seed)
    places = torch.randint(n * n, (e,), generator=g).unique()
    rows, columns = places // n, places % n
    values = torch.randn(len(places), generator=g, dtype=dtype)
    dense = torch.zeros(n, n, dtype=dtype)
    dense[rows, columns] = values
    return dense, csr_matrix(rows, columns, values, n)


SIZES = {"one node": (1, 1), "no entries": (4, 0), "few": (9, 12), "many": (50, 900)}


@pytest.mark.parametrize("name", SIZES)
def test_matrix_and_transpose(name):
    dense, A = graph(*SIZES[name])
    assert A.layout == transpose(A).layout == torch.sparse_csr
    assert torch.equal(A.to_dense(), dense)
    assert torch.equal(transpose(A).to_dense(), dense.T)
    assert torch.equal(transpose(transpose(A)).to_dense(), dense)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("width", [1, 3])
def test_the_plain_product_and_the_engine_agree(name, width):
    dense, A = graph(*SIZES[name])
    H = torch.randn(len(A), width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weight = torch.randn_like(H)
    results = []
    for product in (lambda H: dense @ H, lambda H: Propagation()(A, H),
                    lambda H: Propagation()(dense, H)):  # fmt: skip
        leaf = H.clone().requires_grad_()
        out = product(leaf)
        (out * weight).sum().backward()
        results.append((out.detach(), leaf.grad))
    for out, gradient in results[1:]:
        assert torch.allclose(out, results[0][0], rtol=1e-12, atol=1e-12)
        assert torch.allclose(gradient, results[0][1], rtol=1e-12, atol=1e-12)


def test_gradients_by_finite_differences():
    _, A = graph(7, 15)
    H = torch.randn(7, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda H: Propagation()(A, H), (H,))


def test_the_transpose_is_made_once_for_each_graph(monkeypatch):
    made = []

    def counted(A):
        made.append(A)
        return transpose(A)

    monkeypatch.setattr("d4sci.engines.propagation.transpose", counted)
    propagate = Propagation()
    (one, A), (other, B) = graph(6, 12), graph(6, 12, seed=1)
    H = torch.randn(6, 2, dtype=torch.float64)
    for _ in range(3):
        assert torch.allclose(propagate(A, H), one @ H)
    assert len(made) == 1
    assert torch.allclose(propagate(B, H), other @ H)
    assert torch.allclose(propagate(A, H.float()), (one @ H).float(), atol=1e-5)
    assert [matrix.dtype for matrix in made] == [torch.float64, torch.float64, torch.float32]


def test_copies_forget_the_graph():
    dense, A = graph(6, 12)
    H = torch.randn(6, 2, dtype=torch.float64)
    propagate = Propagation()
    propagate(A, H)
    for twin in (copy.deepcopy(propagate), pickle.loads(pickle.dumps(propagate))):
        assert twin.graph is None
        assert torch.allclose(twin(A, H), dense @ H)
    assert torch.equal(propagate.graph[0].to_dense(), dense)


def both(propagate, A, H):
    """Return A H, and the gradient for H of the sum of its squares."""
    leaf = H.clone().requires_grad_()
    out = propagate(A, leaf)
    (gradient,) = torch.autograd.grad(out.square().sum(), leaf)
    return out.detach(), gradient


def assert_right(found, dense, H, **tolerance):
    out, gradient = found
    torch.testing.assert_close(out, dense @ H, **tolerance)
    torch.testing.assert_close(gradient, 2 * dense.T @ (dense @ H), **tolerance)


def move_a_column(A, values):
    A.col_indices()[0] = 3


def move_a_row(A, values):
    A.crow_indices()[3] = 2


def through_numpy(A, values):
    A.values().numpy()[:] = 5


# A is [[0, 0, 2, 0], [0, 3, 0, 0], [4, 0, 0, 0], [0, 0, 0, 0]], built from `values`.
CHANGES = {
    "A": lambda A, values: A.mul_(3),
    "its values": lambda A, values: A.values().mul_(3),
    "all of it": lambda A, values: A.copy_(2 * A),
    "values, unseen": lambda A, values: A.values().data.mul_(3),
    "values, through NumPy": through_numpy,
    "the tensor it was built from": lambda A, values: values.mul_(3),
    "where an edge begins": move_a_column,
    "where an edge ends": move_a_row,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_is_noticed(name):
    values = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)
    starts, columns = torch.tensor([0, 1, 2, 3, 3]), torch.tensor([2, 1, 0])
    A = torch.sparse_csr_tensor(starts, columns, values, (4, 4), check_invariants=True)
    H = torch.arange(8, dtype=torch.float64).reshape(4, 2) + 1
    propagate = Propagation()
    before = A.to_dense()
    assert_right(both(propagate, A, H), before, H)
    CHANGES[name](A, values)
    assert not torch.equal(A.to_dense(), before)
    assert_right(both(propagate, A, H), A.to_dense(), H)


def test_the_same_numbers_in_another_dtype_are_another_graph():
    nodes = torch.arange(3)
    A, H = csr_matrix(nodes, nodes, torch.ones(3), 3), torch.ones(3, 2)
    propagate = Propagation()
    for dtype in (torch.float64, torch.float32, torch.float64):
        assert_right(both(propagate, A, H.to(dtype)), torch.eye(3, dtype=dtype), H.to(dtype))


def test_a_dense_graph_may_change_too():
    dense, _ = graph(6, 12)
    H = torch.randn(6, 2, dtype=torch.float64)
    propagate = Propagation()
    for _ in range(2):
        assert_right(both(propagate, dense, H), dense, H)
        dense *= 2


def test_what_was_computed_keeps_its_gradients():
    """A change between forward and backward is too late for the first and the second gradient."""
    dense, A = graph(6, 12)
    H = torch.randn(6, 2, dtype=torch.float64).requires_grad_()
    out = Propagation()(A, H)
    A.values().mul_(7)
    (gradient,) = torch.autograd.grad(out.pow(3).sum(), H, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), H)
    out = dense @ H
    (expected,) = torch.autograd.grad(out.pow(3).sum(), H, create_graph=True)
    assert torch.allclose(gradient, expected)
    assert torch.allclose(second, torch.autograd.grad(expected.square().sum(), H)[0])


def test_second_gradients_by_finite_differences():
    _, A = graph(7, 15)
    H = torch.randn(7, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda H: Propagation()(A, H).pow(3), (H,))


def test_after_a_look_in_inference_mode_it_learns():
    dense, A = graph(6, 12)
    H = torch.randn(6, 2, dtype=torch.float64)
    propagate = Propagation()
    with torch.inference_mode():
        propagate(A, H)
    assert_right(both(propagate, A, H), dense, H)
    leaf = H.clone().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda H: propagate(A, H).pow(3), (leaf,))


class Contended(Propagation):
    """Between any two looks at the graph, another thread has put its own there."""

    def __init__(self, graphs):
        super().__init__()
        self.graphs = itertools.cycle(graphs)

    @property
    def graph(self):
        return next(self.graphs)

    @graph.setter
    def graph(self, graph):
        pass


def test_another_thread_in_the_middle_of_a_call():
    (one, A), (other, B) = graph(6, 12), graph(6, 12, seed=1)
    H = torch.randn(6, 2, dtype=torch.float64)
    propagate = Contended([(A, transpose(A)), (B, transpose(B))])
    for dense, sparse in 3 * [(one, A), (one, A), (other, B), (one, A)]:
        assert_right(both(propagate, sparse, H), dense, H)


def test_two_threads_share_a_product():
    graphs = [graph(30, 200, seed=seed) for seed in (0, 1)]
    H = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    propagate, start, right = Propagation(), threading.Barrier(2), []

    def work(dense, A):
        start.wait()
        for _ in range(100):
            assert_right(both(propagate, A, H), dense, H)
        right.append(A)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=pair) for pair in graphs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(right) == 2


STARTS, COLUMNS = torch.tensor([0, 2, 2, 3, 5]), torch.tensor([1, 3, 0, 0, 3])
ROWS = torch.tensor([0, 0, 2, 3, 3])


def csr(starts, columns, values):
    return torch.sparse_csr_tensor(starts, columns, values, (4, 4), check_invariants=True)


def coo(rows, columns, values):
    places = torch.stack([rows, columns])
    return torch.sparse_coo_tensor(places, values, (4, 4), check_invariants=True)


BUILDS = {  # from the values of five edges
    "CSR": lambda values: csr(STARTS, COLUMNS, values),
    "CSR, indices of 32 bits": lambda values: csr(STARTS.int(), COLUMNS.int(), values),
    "COO": lambda values: coo(ROWS, COLUMNS, values),
    "COO, an edge twice": lambda values: coo(ROWS, COLUMNS.clamp(max=1), values),
    "dense": lambda values: values.new_zeros(4, 4).index_put((ROWS, COLUMNS), values),
}


@pytest.mark.parametrize("name", BUILDS)
def test_edge_weights_can_be_learnt(name):
    g = torch.Generator().manual_seed(0)
    values = torch.randn(5, dtype=torch.float64, generator=g).requires_grad_()
    H = torch.randn(4, 3, dtype=torch.float64, generator=g).requires_grad_()
    propagate = Propagation()

    def product(values, H):
        return propagate(BUILDS[name](values), H).pow(3)

    assert torch.autograd.gradcheck(product, (values, H))
    assert torch.autograd.gradgradcheck(product, (values, H))


@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_csc, torch.sparse_coo])
def test_every_sparse_layout_is_taken(layout):
    dense, A = graph(9, 30)
    H = torch.randn(9, 2, dtype=torch.float64)
    assert_right(both(Propagation(), A.to_sparse(layout=layout), H), dense, H)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_of_a_sparse_leaf_is_as_sparse(dtype):
    dense, A = graph(9, 30)
    H = torch.randn(9, 2, dtype=dtype)
    A.requires_grad_()
    Propagation()(A, H).square().sum().backward()
    dense.requires_grad_()
    (dense @ H.double()).square().sum().backward()
    assert A.grad.layout == torch.sparse_csr
    assert torch.equal(A.grad.col_indices(), A.detach().col_indices())
    expected = dense.grad * (dense != 0)
    torch.testing.assert_close(A.grad.to_dense(), expected, rtol=1e-5, atol=1e-5)


def test_learnt_edges_of_a_large_graph_in_bounded_memory():
    n = 200_000  # a dense gradient for A would be 160 GB
    nodes = torch.arange(n)
    A = csr_matrix(nodes, nodes.roll(1), torch.ones(n), n).requires_grad_()
    Propagation()(A, torch.ones(n, 2)).sum().backward()
    assert torch.equal(A.grad.values(), torch.full((n,), 2.0))


def test_the_sum_over_edges_is_the_product():
    for n, e in SIZES.values():
        dense, A = graph(n, e)
        H = torch.randn(n, 2, dtype=torch.float64)
        assert torch.allclose(sum_over_edges(A, H), dense @ H)


HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_multiplied_in_float32(dtype, learnt):
    """Only H and the result are rounded: 4,000 ones are 4,000, which sums in bfloat16 miss."""
    dense, A = graph(40, 900, dtype=torch.float32)
    H = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    A.requires_grad_(learnt)
    eps = torch.finfo(dtype).eps
    out, gradient = both(Propagation(), A, H)
    assert out.dtype == gradient.dtype == dtype
    assert torch.equal(out, Propagation()(A.detach(), H.float()).to(dtype))
    assert_right((out.float(), gradient.float()), dense, H.float(), rtol=4 * eps, atol=100 * eps)
    row = csr_matrix(torch.zeros(4000).long(), torch.arange(4000), torch.ones(4000), 4000)
    row.requires_grad_(learnt)
    assert Propagation()(row, torch.ones(4000, 1, dtype=dtype))[0] == 4000


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("dtype", HALVES)
def test_autocast_does_not_reach_the_product(dtype, learnt):
    dense, A = graph(9, 30, dtype=torch.float32)
    H = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    A.requires_grad_(learnt)
    with torch.autocast("cpu", dtype=dtype):
        found = both(Propagation(), A, H)  # forward and backward
    assert_right(found, dense, H)
