"""The sparse product of a graph network against `A @ H` and autograd, on graphs of every kind."""

import copy
import pickle

import pytest
import torch

from d4sci.engines.propagation import Propagation, csr_matrix, transpose


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
    assert propagate.graph[0] is A
