"""Screened neighbours against a stable sort of all distances: nothing may change, to the bit."""

import numpy as np
import pytest
import torch

from d4sci.data import make_blobs
from d4sci.distance import distances
from d4sci.engines import screened
from d4sci.engines.screened import nearest

BF16, F32, F64 = torch.bfloat16, torch.float32, torch.float64
BLOBS = make_blobs(300, centers=4, seed=1)[0].double()


def normal(n, d, seed=0, dtype=F64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=dtype)


def neighbors_by_hand(X, Y, k, metric="euclidean"):
    """Return distances and indices by a stable sort of all distances."""
    D = distances(X, Y, metric=metric).numpy()
    order = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(D, order, 1), order


@pytest.mark.parametrize("screens", [[BF16], [BF16, F32], [F32], [F64], []])
@pytest.mark.parametrize("k", [1, 5, 30])
def test_every_screen_gives_what_comparing_all_gives(screens, k, monkeypatch):
    """Blobs, a lattice full of ties, triplets and one point many times; nothing may change."""
    monkeypatch.setattr(screened, "_screens", lambda Y: screens)
    monkeypatch.setattr(screened, "ROWS", 96)
    monkeypatch.setattr(screened, "TILE", 7)
    monkeypatch.setattr(screened, "QUERIES", 20)
    lattice = torch.cartesian_prod(*[torch.arange(6.0)] * 3).double()
    same = torch.full((150, 4), 3.0).double()
    for X in (normal(250, 8), BLOBS + 1e5, lattice, BLOBS.repeat(3, 1), same):
        Q = torch.cat([X[::9], X[:17] + 0.3])
        for dtype in (F32, F64):
            D, indices = nearest(Q.to(dtype), X.to(dtype), k)
            expected, rows = neighbors_by_hand(Q.to(dtype), X.to(dtype), k)
            assert D.dtype == dtype
            assert indices.tolist() == rows.tolist()
            assert np.array_equal(D, expected)


@pytest.mark.parametrize("dtype", [BF16, F32])
def test_the_floor_holds(dtype):
    """No row beyond the candidates is closer than the floor; hard data, float64 as the judge."""
    scale = torch.logspace(-3, 3, 400).double()[:, None]
    for X in (normal(400, 30), normal(400, 30) + 100, scale * normal(400, 30), BLOBS):
        X, Q = X.float(), X[::7].float() + 0.01
        candidates, floor = screened._screen(Q, X, 10, X.mean(0), dtype)
        D2 = torch.cdist(Q.double(), X.double()).square().scatter(1, candidates, torch.inf)
        assert (floor.double() <= D2.amin(1)).all()
    within = normal(400, 30, dtype=F32)
    _, floor = screened._screen(within[:50], within, 40, within.mean(0), dtype)
    nearest_but_one = torch.cdist(within[:50], within).kthvalue(2).values
    assert (floor > nearest_but_one.square()).float().mean() > 0.9  # and says something


@pytest.mark.parametrize("shift", [0, 2e19])  # whose square is no float32
@pytest.mark.parametrize("value", [1e-30, 1e-20, 1e17, 1e25])
def test_what_overflows_or_underflows_is_not_trusted(value, shift):
    sides = torch.tensor([-shift, shift]).repeat(100)[:, None]
    X = value * normal(200, 3, dtype=F32) + sides
    D, indices = nearest(X[:9], X, 3)
    expected, rows = neighbors_by_hand(X[:9], X, 3)
    assert indices.tolist() == rows.tolist()
    assert np.array_equal(D, expected)


def test_a_row_whose_square_overflows_is_still_found():
    near = torch.linspace(-1e18, 1e18, 10)
    X = torch.cat([near, torch.tensor([-1.86e19, 1.86e19]).repeat(50)])[:, None]
    assert nearest(torch.tensor([[1.79e19]]), X, 3)[1].tolist() == [[11, 13, 15]]


@pytest.mark.parametrize("n_near", [10, 100, 5000])
@pytest.mark.parametrize("far", [1.0e19, 1.5e19, 1.86e19, 1e25])
def test_rows_whose_squares_overflow_are_found_among_many_others(n_near, far):
    """Near rows fill up the list of candidates, and tell nothing about those that overflow."""
    near = torch.linspace(-1e18, 1e18, n_near)
    X = torch.cat([near, torch.tensor([-far, far]).repeat(50)])[:, None]
    for q in (0.96 * far, -0.5 * far, 0.0):
        D, indices = nearest(torch.tensor([[q]]), X, 3)
        expected, rows = neighbors_by_hand(torch.tensor([[q]]), X, 3)
        assert indices.tolist() == rows.tolist()
        assert np.array_equal(D, expected)


@pytest.mark.parametrize("n", [193, 200, 223, 287, 288])
def test_the_last_block_may_be_short(n, monkeypatch):
    monkeypatch.setattr(screened, "ROWS", 96)
    X, Q = normal(n, 3), normal(50, 3, 1)
    D, indices = nearest(Q, X, 5)
    expected, rows = neighbors_by_hand(Q, X, 5)
    assert indices.tolist() == rows.tolist()
    assert np.array_equal(D, expected)


def test_an_outlier_that_hides_all_else_in_rounding_is_reckoned_with():
    """Measured from a mean near 1e198 all squares overflow: no screen proves anything, and near
    neighbours, closer than 1, must be found by comparing all."""
    Y = torch.cat([0.1 * normal(300, 2), torch.full((1, 2), 1e200, dtype=F64)])
    X = 0.1 * normal(20, 2, 1)
    D, indices = nearest(X, Y, 3)
    expected_D, expected = neighbors_by_hand(X, Y, 3)
    assert indices.tolist() == expected.tolist()
    assert np.allclose(D, expected_D, rtol=1e-12)


def test_less_exact_products_are_reckoned_with():
    before = torch.get_float32_matmul_precision()
    fine = screened._rounding(10, F32, F32)[0]
    try:
        torch.set_float32_matmul_precision("medium")
        assert screened._rounding(10, F32, F32)[0] > 2**-8 > fine
        X = normal(300, 20, dtype=F32)
        assert nearest(X[:30], X, 4)[1].tolist() == neighbors_by_hand(X[:30], X, 4)[1].tolist()
    finally:
        torch.set_float32_matmul_precision(before)


def test_candidates_are_ranked_in_blocks_of_queries_and_none_is_left_out():
    X, Q = normal(40, 3), normal(300, 3, 1)
    D, indices = screened._rank(Q, X, torch.arange(40).expand(300, 40), 4)
    expected, rows = neighbors_by_hand(Q, X, 4)
    assert indices.tolist() == rows.tolist()
    assert np.allclose(D, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("n", "avx512_bf16", "device", "expected"),
    [(2**21, True, "cpu", [BF16, F32]), (2**21, False, "cpu", [F32]), (2**10, True, "cpu", [F32]),
     (2**21, True, "meta", [F32])],
)  # fmt: skip
def test_half_of_the_digits_come_first_only_where_they_are_quick_and_summed_in_float32(
    n, avx512_bf16, device, expected, monkeypatch
):
    told = {"avx512_bf16": avx512_bf16}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    Y = torch.zeros(1, 1, device=device).expand(n, 1)
    assert screened._screens(Y) == expected
    assert screened._screens(Y.double()) == [*expected, F64]


def test_a_square_that_overflows_proves_no_floor():
    Y = normal(50, 2, dtype=F32)
    _, floor = screened._screen(torch.full((1, 2), 1e25), Y, 10, torch.zeros(2), F32)
    assert floor.tolist() == [0]
