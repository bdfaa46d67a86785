"""PCA against scikit-learn's full SVD, in float64 to 1e-6 relative or better, signs included."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA as Peer

from d4sci.data import load_iris, load_mnist, to_tensors
from d4sci.pca import PCA


def normal(n, d, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=dtype) * torch.logspace(0, -1, d).to(dtype)


IRIS = to_tensors(load_iris(), list(load_iris().columns[:4]), "species")[0].double()
DATA = {
    "many rows": normal(500, 6),
    "few rows": normal(5, 40),
    "square": normal(12, 12),
    "far from the origin": normal(300, 4) + 1e4,
    "large scale": 1e6 * normal(300, 4),
    "small scale": 1e-6 * normal(300, 4),
    "duplicated rows": normal(40, 5).repeat(3, 1),
    "one feature": normal(30, 1),
    "two rows": normal(2, 3),
    "a constant column": torch.cat([normal(100, 3), torch.full((100, 1), 7.0).double()], 1),
    "a column twice": normal(100, 3)[:, [0, 1, 2, 0]],
    "tiny last direction": normal(400, 3) * torch.tensor([1.0, 1e-3, 1e-9]).double(),
    "iris": IRIS,
}


@pytest.mark.parametrize("solver", ["covariance", "svd"])
@pytest.mark.parametrize("name", DATA)
def test_agrees_with_scikit_learn(name, solver):
    X = DATA[name]
    rank = int(torch.linalg.matrix_rank(X - X.mean(0)))  # beyond it directions are arbitrary
    ours, peer = PCA(solver=solver).fit(X), Peer(svd_solver="full").fit(X.numpy())
    assert ours.components_.shape == peer.components_.shape
    scale = peer.singular_values_[0]
    for attribute in ("singular_values_", "explained_variance_", "explained_variance_ratio_"):
        a, b = getattr(ours, attribute).numpy(), getattr(peer, attribute)
        assert np.allclose(a[:rank], b[:rank], rtol=1e-6, atol=0), attribute
    assert np.allclose(ours.singular_values_, peer.singular_values_, atol=1e-7 * scale)
    assert np.allclose(ours.mean_, peer.mean_, rtol=1e-12)
    top = min(rank, 3)
    assert np.allclose(ours.components_[:top], peer.components_[:top], atol=1e-6)
    T, expected = ours.transform(X).numpy(), peer.transform(X.numpy())
    assert np.allclose(T[:, :top], expected[:, :top], atol=1e-6 * scale)


@pytest.mark.parametrize(("n", "spared"), [(31, "svd"), (30, "eigh")])
def test_many_rows_spare_the_singular_values_and_few_rows_their_squares(n, spared, monkeypatch):
    """Past five rows a feature: the matrix of the products is small, and soon made."""
    monkeypatch.delattr(torch.linalg, spared)
    X = torch.cat([torch.eye(6), torch.zeros(n - 6, 6)]).double()
    assert torch.allclose(PCA().fit(X).explained_variance_[:5], torch.tensor(1 / (n - 1)).double())


@pytest.mark.parametrize("k", [1, 2, 4])
def test_keeping_fewer_keeps_the_first(k):
    ours, peer = PCA(k).fit(IRIS), Peer(k, svd_solver="full").fit(IRIS.numpy())
    assert ours.components_.shape == (k, 4)
    assert np.allclose(ours.explained_variance_ratio_, peer.explained_variance_ratio_, rtol=1e-9)
    back = peer.inverse_transform(peer.transform(IRIS.numpy()))
    assert np.allclose(ours.inverse_transform(ours.transform(IRIS)), back, atol=1e-9)


def test_a_case_by_hand():
    """Points on y = 2x, ±1 and ±2 along x: one direction (1, 2)/√5, variance 5·(1+1+4+4)/3."""
    X = torch.tensor([[-2.0, -4.0], [-1.0, -2.0], [1.0, 2.0], [2.0, 4.0]]) + 10
    pca = PCA().fit(X)
    assert pca.components_[0].tolist() == pytest.approx([5**-0.5, 2 * 5**-0.5], rel=1e-6)
    assert pca.explained_variance_.tolist() == pytest.approx([50 / 3, 0], abs=1e-5)
    assert pca.explained_variance_ratio_.tolist() == pytest.approx([1, 0], abs=1e-6)
    assert pca.mean_.tolist() == [10, 10]


def test_reconstruction_error_is_the_dropped_variance():
    X = normal(200, 6)
    pca = PCA().fit(X)
    for k in range(1, 6):
        few = PCA(k).fit(X)
        error = (X - few.inverse_transform(few.transform(X))).square().sum() / (len(X) - 1)
        assert torch.isclose(error, pca.explained_variance_[k:].sum(), rtol=1e-9)


def test_the_two_ways_agree():
    """Up to 5 d rows take the SVD, more of them the Gram matrix: the same data, seen twice."""
    X = normal(30, 6)
    svd, gram = PCA().fit(X), PCA().fit(X.repeat(2, 1))
    assert torch.allclose(svd.components_, gram.components_, atol=1e-10)
    ratio = (gram.singular_values_ / svd.singular_values_).square()
    assert torch.allclose(ratio, torch.full_like(ratio, 2.0), rtol=1e-9)


def test_mnist_in_float32_with_all_components():
    X = load_mnist("test")[0][:4000].flatten(1).float() / 255
    ours, peer = PCA().fit(X), Peer(svd_solver="full").fit(X.double().numpy())
    assert ours.components_.dtype == torch.float32
    assert np.allclose(ours.explained_variance_, peer.explained_variance_, atol=1e-6)
    assert np.allclose(ours.explained_variance_[:50], peer.explained_variance_[:50], rtol=2e-5)


def test_float32_far_from_the_origin():
    X = normal(1000, 3, dtype=torch.float32)
    near, far = PCA(1).fit(X), PCA(1).fit(X + 1000)
    assert torch.allclose(near.components_, far.components_, atol=1e-3)


def test_constant_data_has_no_variance():
    pca = PCA().fit(torch.full((20, 3), 5.0))
    assert pca.explained_variance_.tolist() == [0, 0, 0]
    assert pca.explained_variance_ratio_.tolist() == [0, 0, 0]


def test_largest_entry_of_each_direction_is_positive():
    W = PCA().fit(normal(50, 5)).components_
    assert (W.gather(1, W.abs().argmax(1, keepdim=True)) > 0).all()
    assert torch.allclose(W @ W.T, torch.eye(5).double(), atol=1e-12)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(1, 8))
def test_laws(seed, n, d):
    X = normal(n, d, seed)
    generator = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=X.dtype)).Q
    variances = PCA().fit(X).explained_variance_
    for other in (X[torch.randperm(n, generator=generator)], X + 3, X @ Q):
        assert torch.allclose(PCA().fit(other).explained_variance_, variances, atol=1e-12)
    assert torch.allclose(PCA().fit(3 * X).explained_variance_, 9 * variances, atol=1e-12)
    assert torch.isclose(variances.sum(), X.var(0).sum())


def test_fit_leaves_the_input_alone_and_twice_is_once():
    X = normal(60, 4)
    before, state = X.clone(), torch.get_rng_state()
    pca = PCA(2).fit(normal(30, 7, seed=1))
    once = PCA(2).fit(X)
    assert pca.fit(X) is pca
    assert vars(pca).keys() == vars(once).keys()
    assert torch.equal(pca.components_, once.components_)
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(PCA(2).fit_transform(X), once.transform(X))


@pytest.mark.parametrize("shape", [(60, 4), (4, 60)])
def test_follows_its_input(shape, meta_default):
    X = torch.ones(shape, device="cpu").cumsum(0).cumsum(1)
    pca = PCA(2).fit(X)
    back = pca.inverse_transform(pca.transform(X))
    assert {t.device.type for t in (*vars(pca).values(), back) if hasattr(t, "device")} == {"cpu"}


def test_gradients_are_left_out():
    X = normal(20, 3).requires_grad_()
    assert not PCA(1).fit(X).components_.requires_grad
    assert PCA(1).fit(X).transform(X).requires_grad


@pytest.mark.parametrize(
    ("k", "X", "error", "message"),
    [
        (0, IRIS, ValueError, "n_components must lie between 1 and 4, got 0"),
        (5, IRIS, ValueError, "n_components must lie between 1 and 4, got 5"),
        (3, IRIS[:2], ValueError, "between 1 and 2, got 3"),
        (1, IRIS[:1], ValueError, "2 rows or more"),
        (1, IRIS[:, 0], ValueError, "reshape"),
        (1, IRIS.long(), TypeError, "float"),
        (1, IRIS.numpy(), TypeError, "torch.as_tensor"),
        (1, IRIS.log().log(), ValueError, "NaN"),
    ],
)
def test_bad_input_is_named(k, X, error, message):
    with pytest.raises(error, match=message):
        PCA(k).fit(X)


def test_transform_wants_a_fit_and_the_same_columns():
    with pytest.raises(RuntimeError, match="not fitted yet"):
        PCA().transform(IRIS)
    with pytest.raises(RuntimeError, match="not fitted yet"):
        PCA().inverse_transform(IRIS)
    pca = PCA(2).fit(IRIS)
    with pytest.raises(ValueError, match="X has 3 features, but fit saw 4"):
        pca.transform(IRIS[:, :3])
    with pytest.raises(ValueError, match="T has 3 features"):
        pca.inverse_transform(IRIS[:, :3])


@pytest.mark.parametrize(("scale", "what"), [(1e-30, "vanish"), (1e25, "overflow")])
def test_squares_that_float32_cannot_hold_are_refused(scale, what):
    X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * scale
    with pytest.raises(ValueError, match=what):
        PCA().fit(X)
    ratio = PCA().fit(X.double()).explained_variance_ratio_
    assert ratio.sum().item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("shape", [(60, 4), (4, 60)])
def test_k_directions_have_k_of_everything(shape):
    pca = PCA(2).fit(normal(*shape))
    assert pca.components_.shape == (2, shape[1])
    assert len(pca.singular_values_) == len(pca.explained_variance_) == 2
    assert len(pca.explained_variance_ratio_) == 2


def test_float32_keeps_the_digits_of_a_small_variance():
    X = normal(400, 2, dtype=torch.float32) * torch.tensor([1.0, 1e-2])  # λ: 1 to 1e-6
    X = X @ torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    expected = PCA().fit(X.double()).explained_variance_
    assert torch.allclose(PCA().fit(X).explained_variance_.double(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", DATA)
def test_two_paths_one_answer(name):
    """The SVD and the covariance: values to 1e-9, directions where the values lie apart."""
    X = DATA[name]
    k = max(1, int(torch.linalg.matrix_rank(X - X.mean(0), rtol=1e-6)))
    svd, covariance = PCA(k, solver="svd").fit(X), PCA(k).fit(X)
    scale = svd.singular_values_[0]
    for attribute in ("mean_", "singular_values_", "explained_variance_ratio_"):
        a, b = getattr(covariance, attribute), getattr(svd, attribute)
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-9 * scale), attribute
    gaps = (svd.singular_values_[:-1] - svd.singular_values_[1:]) / scale
    apart = int((gaps > 1e-3).cumprod(0).sum())  # the first ones, each with a value of its own
    assert torch.allclose(covariance.components_[:apart], svd.components_[:apart], atol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_two_paths_in_float32(shift):
    X = normal(2000, 6, dtype=torch.float32) + shift
    svd, covariance = PCA(3, solver="svd").fit(X), PCA(3).fit(X)
    assert torch.allclose(covariance.explained_variance_, svd.explained_variance_, rtol=1e-4)
    assert torch.allclose(covariance.components_, svd.components_, atol=1e-3)


@pytest.mark.parametrize("solver", ["covariance", "svd"])
def test_a_fit_that_raises_leaves_the_model_as_it_was(solver):
    """The mean was set before the variance was found to overflow, and spoilt what was fitted."""
    pca = PCA(2, solver=solver).fit(IRIS)
    before = dict(vars(pca))
    for bad in (1e25 * normal(60, 3, dtype=torch.float32), IRIS[:1], IRIS[:, :1]):
        with pytest.raises(ValueError, match=r"squares|2 rows|n_components"):
            pca.fit(bad)
        assert vars(pca) == before
    new = PCA(2, solver=solver)
    with pytest.raises(ValueError, match="squares"):
        new.fit(1e25 * normal(60, 3, dtype=torch.float32))
    with pytest.raises(RuntimeError, match="not fitted yet"):
        new.transform(IRIS)


def test_the_solver_has_a_name():
    with pytest.raises(ValueError, match="solver must be one of 'covariance', 'svd', got 'full'"):
        PCA(solver="full").fit(IRIS)
    assert PCA().fit(IRIS).n_features_in_ == 4


@pytest.mark.parametrize("solver", ["covariance", "svd"])
@pytest.mark.parametrize("name", ["far", "columns of many scales", "a far column of two values"])
def test_float32_loses_no_digits_of_mixed_scales(name, solver):
    """The mean in float32 was 1/16 off at 1e6, and the largest column drowned the others."""
    X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    if name == "far":
        X = X + 1e6
    elif name == "columns of many scales":
        X = X * torch.tensor([1.0, 3.0, 30.0, 100.0])
    else:
        X[:, 1] = 1e6 + 0.0625 * (X[:, 1] > 0)
    ours, exact = PCA(solver=solver).fit(X), PCA(solver="svd").fit(X.double())
    assert torch.allclose(ours.explained_variance_.double(), exact.explained_variance_, rtol=2e-6)
    assert torch.allclose(ours.components_.double(), exact.components_, atol=1e-4)
    assert ours.components_.dtype == ours.mean_.dtype == torch.float32
