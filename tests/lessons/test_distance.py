"""Distances against scikit-learn and SciPy, by hand, by their laws, and far from the origin."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from d4sci.distance import distance_blocks, distances

METRICS = ["euclidean", "sqeuclidean", "manhattan", "cosine"]
SCIPY = {"manhattan": "cityblock"}
matrices = arrays(np.float64, (6, 3), elements=st.floats(-100, 100, width=32)).map(torch.from_numpy)
quick = settings(deadline=None, max_examples=50, derandomize=True)


def randn(n, d, dtype=torch.float64, seed=0):
    return torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def close(a, b, tol=1e-12):
    torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=tol, atol=tol)


CASES = {
    "ordinary": (randn(40, 5), randn(30, 5, seed=1)),
    "one row": (randn(1, 5), randn(1, 5, seed=1)),
    "one column": (randn(40, 1), randn(30, 1, seed=1)),
    "wide": (randn(4, 300), randn(3, 300, seed=1)),
    "duplicates": (randn(4, 5).repeat(3, 1), randn(4, 5)),
    "tiny": (randn(10, 5) * 1e-6, randn(8, 5, seed=1) * 1e-6),
    "large": (randn(10, 5) * 1e6, randn(8, 5, seed=1) * 1e6),
    "constant column": (randn(10, 2) * torch.tensor([1.0, 0.0]) + 3, randn(8, 2, seed=1)),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_scikit_learn_and_scipy(case, metric):
    X, Y = CASES[case]
    scale = 1e12 if case == "large" and metric == "sqeuclidean" else 1.0
    close(
        distances(X, Y, metric=metric) / scale,
        cdist(X, Y, SCIPY.get(metric, metric)) / scale,
    )
    # scikit-learn expands the square, so it is the looser of the two.
    theirs = pairwise_distances(X.numpy(), Y.numpy(), metric=metric)
    close(distances(X, Y, metric=metric) / scale, theirs / scale, 1e-7)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # x = (3, 4), y = (0, 4): differences 3 and 0; norms 5 and 4, product 16, cos 16/20
        ("euclidean", 3.0),
        ("sqeuclidean", 9.0),
        ("manhattan", 3.0),
        ("cosine", 0.2),
    ],
)
def test_by_hand(metric, expected):
    D = distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 4.0]]), metric=metric)
    assert D.shape == (1, 1)
    close(D, torch.tensor([[expected]]), 1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [2, 7, 40])  # cdist changes its method above 25 rows by default
def test_equal_rows_are_exactly_zero_apart_far_from_the_origin(metric, dtype, n):
    X = (randn(1, 6, dtype) + 1e4).repeat(n, 1)
    assert (distances(X, metric=metric) == 0).all()
    assert (distances(X, X.clone(), metric=metric) == 0).all()


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
def test_float32_keeps_its_digits_far_from_the_origin(metric):
    X = randn(60, 4, torch.float32) + 1e4
    close(distances(X, metric=metric).double(), distances(X.double(), metric=metric), 1e-5)


def test_small_angles_keep_their_digits():
    # The angle between (1, 0) and (1, t) is about t, and 1 − cos about t²/2.
    X, Y = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1e-5]])
    close(distances(X, Y, metric="cosine") / 5e-11, torch.ones(1, 1), 1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_cosine_of_tiny_and_of_huge_rows(scale):
    X = randn(5, 3, torch.float32)
    close(distances(X * scale, metric="cosine"), distances(X, metric="cosine"), 1e-6)


def test_a_zero_row_has_cosine_distance_one_but_to_itself():
    X = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    D = distances(X, metric="cosine")
    assert D.tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    close(D, pairwise_distances(X.numpy(), metric="cosine"))
    assert (distances(X[:2], X.clone(), metric="cosine") == 1).all()
    blocks = [B for _, B in distance_blocks(X, metric="cosine", max_elements=3)]
    assert torch.equal(torch.cat(blocks), D)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("max_elements", [1, 30, 31, 95, 10_000])
def test_blocks_put_together_are_the_matrix(metric, max_elements):
    X, Y = CASES["ordinary"]
    for other in (Y, None):
        whole = distances(X, other, metric=metric)
        m, covered = whole.shape[1], []
        for rows, D in distance_blocks(X, other, metric=metric, max_elements=max_elements):
            assert D.numel() <= max(max_elements, m)
            assert len(D) == rows.stop - rows.start
            assert torch.equal(D, whole[rows])
            covered += range(len(X))[rows]
        assert covered == list(range(len(X)))


def test_blocks_bound_the_memory():
    X = randn(1000, 2, torch.float32)
    sizes = [D.numel() for _, D in distance_blocks(X, max_elements=100_000)]
    assert max(sizes) <= 100_000
    assert sum(sizes) == 1000**2
    rows, D = next(distance_blocks(X, max_elements=1))
    assert (rows, D.shape) == (slice(0, 1), (1, 1000))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_device_are_the_data_s(metric, dtype):
    X, Y = randn(5, 3, dtype), randn(4, 3, dtype, seed=1)
    X0, Y0, expected = X.clone(), Y.clone(), distances(X, Y, metric=metric)
    with torch.device("meta"):
        D = distances(X, Y, metric=metric)
        own = distances(X, metric=metric)
    assert D.dtype == own.dtype == dtype
    assert D.device == own.device == X.device
    assert torch.equal(D, expected)
    assert torch.equal(X, X0)
    assert torch.equal(Y, Y0)


@pytest.mark.parametrize("metric", METRICS)
def test_gradients_flow(metric):
    X = randn(4, 3).requires_grad_()
    distances(X, randn(3, 3, seed=1), metric=metric).sum().backward()
    assert X.grad.isfinite().all()
    distances(X, metric=metric).sum().backward()


@pytest.mark.parametrize("metric", METRICS)
@quick
@given(X=matrices, seed=st.integers(0, 99))
def test_symmetric_never_negative_zero_on_the_diagonal_and_blind_to_order(metric, X, seed):
    D = distances(X, metric=metric)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(D, D.T)
    assert (D >= 0).all()
    assert (D.diagonal() == 0).all()
    assert torch.equal(distances(X[order], metric=metric), D[order][:, order])


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@quick
@given(X=matrices)
def test_no_detour_is_shorter(metric, X):
    D = distances(X, metric=metric)
    detour = (D[:, :, None] + D[None, :, :]).amin(1)
    assert (D - detour).max() <= 1e-9


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
@quick
@given(X=matrices, shift=st.integers(-1000, 1000))
def test_a_shift_changes_nothing(metric, X, shift):
    close(distances(X + shift, metric=metric), distances(X, metric=metric), 1e-8)


BAD = {
    "list": (([[1.0]],), {}, TypeError, "use torch.as_tensor(X)"),
    "number": ((3.0,), {}, TypeError, "use torch.as_tensor(X)"),
    "vector": ((torch.ones(3),), {}, ValueError, "X.reshape(-1, 1)"),
    "integers": ((torch.ones(3, 2).long(),), {}, TypeError, "use X.float()"),
    "nan": ((torch.full((2, 2), torch.nan),), {}, ValueError, "X holds 4 values"),
    "Y empty": ((torch.ones(3, 2), torch.ones(0, 2)), {}, ValueError, "Y is empty"),
    "Y nan": ((torch.ones(1, 1), torch.full((1, 1), torch.inf)), {}, ValueError, "Y holds 1"),
    "columns": (
        (torch.ones(3, 2), torch.ones(3, 4)),
        {},
        ValueError,
        "X and Y must have equally many columns, got 2 and 4; give the same features",
    ),
    "dtypes": (
        (torch.ones(3, 2), torch.ones(3, 2).double()),
        {},
        TypeError,
        "X and Y must share a dtype, got torch.float32 and torch.float64; use Y.to(X)",
    ),
    "metric": (
        (torch.ones(3, 2),),
        {"metric": "l2"},
        ValueError,
        "metric must be one of 'euclidean', 'sqeuclidean', 'manhattan', 'cosine', got 'l2'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_with_the_fix(case):
    args, kwargs, error, message = BAD[case]
    with pytest.raises(error, match=re.escape(message)):
        distances(*args, **kwargs)
    with pytest.raises(error, match=re.escape(message)):
        list(distance_blocks(*args, **kwargs))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1025, 10_000, 300_001])
def test_many_columns_keep_their_digits_in_float32(metric, d):
    X = randn(2, d, torch.float32) + torch.tensor([[0.0], [1.0]])
    D = distances(X[:1], X[1:], metric=metric)
    truth = distances(X[:1].double(), X[1:].double(), metric=metric)
    assert torch.allclose(D.double(), truth, rtol=1e-6, atol=0)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e-12, 1e12, 1e25, 1.1e38])
def test_the_squares_of_tiny_and_huge_numbers_do_no_harm(metric, scale):
    X = torch.tensor([[1.0], [2.0], [3.0]]) * scale
    D = distances(X, metric=metric)
    truth = torch.tensor([[0, 1, 2], [1, 0, 1], [2, 1, 0]]) * scale
    assert torch.allclose(D, truth, rtol=1e-4 if scale < 1e-38 else 1e-6, atol=0)


def test_small_differences_beside_huge_numbers():
    X = torch.tensor([[0.0], [1e-5], [1e18]])
    assert distances(X)[0].tolist() == pytest.approx([0, 1e-5, 1e18])
    X = torch.tensor([[0.0], [1.0], [1e25]])
    assert distances(X)[0].tolist() == pytest.approx([0, 1, 1e25])
