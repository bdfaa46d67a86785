"""Scaling against scikit-learn and exact arithmetic; one-hot labels."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import preprocessing as sk

from d4sci import model_selection, preprocessing
from d4sci.preprocessing import MinMaxScaler, StandardScaler, normalize, one_hot

PAIRS = {
    "minmax": (MinMaxScaler, sk.MinMaxScaler),
    "standard": (StandardScaler, sk.StandardScaler),
    "minmax -2 5": (lambda: MinMaxScaler((-2, 5)), lambda: sk.MinMaxScaler(feature_range=(-2, 5))),
}
NORMS = ["l1", "l2", "max"]
matrices = arrays(np.float64, (7, 3), elements=st.floats(-100, 100, width=32)).map(torch.from_numpy)
quick = settings(deadline=None, max_examples=40, derandomize=True)


def randn(n, d, dtype=torch.float64, seed=0):
    return torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def close(a, b, rtol=1e-12, atol=1e-12):
    torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=rtol, atol=atol)


CASES = {
    "ordinary": randn(50, 4) * 3 + 1,
    "one row": randn(1, 4),
    "one column": randn(50, 1),
    "two rows": randn(2, 4),
    "one number": randn(1, 1),
    "constant feature": randn(50, 3) * torch.tensor([1.0, 0.0, 2.0]) + 0.1,
    "all constant": torch.full((9, 2), -7.3, dtype=torch.float64),
    "tiny scale": randn(50, 3) * 1e-9,
    "mixed scales": randn(50, 3) * torch.tensor([1e-6, 1.0, 1e9]),
    "wide": randn(5, 40),
    "duplicates": randn(4, 3).repeat(6, 1),
    "outlier first": torch.cat([torch.full((1, 2), 1e6, dtype=torch.float64), randn(99, 2)]),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("case", CASES)
def test_scalers_agree_with_scikit_learn(pair, case):
    ours, theirs = (make() for make in PAIRS[pair])
    X = CASES[case]
    Z = torch.as_tensor(theirs.fit_transform(X.numpy()))
    close(ours.fit_transform(X), Z)
    close(ours.inverse_transform(Z) / X.abs().amax(0), X / X.abs().amax(0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("spread", [0.0, 2e-13, 1e-12, 1e-11, 1e-8])
def test_what_varies_in_its_last_digit_only_counts_as_constant(spread):
    """Numbers near 1e3 are 1e-13 apart in float64."""
    X = 1e3 + spread * randn(50, 3)
    scale = StandardScaler().fit(X).scale_
    assert torch.equal(scale == 1, torch.full((3,), spread < 1e-12))


def test_features_in_small_units_are_no_constants():
    """Wavelengths of light in metres, in float32: 4e-7 to 7e-7."""
    X = torch.tensor([[4e-7], [5.5e-7], [7e-7]])
    close(MinMaxScaler().fit_transform(X), torch.tensor([[0.0], [0.5], [1.0]]), 1e-6, 1e-6)
    root = 1.5**0.5
    close(StandardScaler().fit_transform(X), torch.tensor([[-root], [0], [root]]), 1e-6, 1e-6)
    close(normalize(torch.tensor([[3e-25, 4e-25], [3e25, 4e25]])), torch.tensor([[0.6, 0.8]] * 2))


def test_scalers_have_scikit_learn_s_attributes():
    X = CASES["constant feature"]
    ours, theirs = StandardScaler().fit(X), sk.StandardScaler().fit(X.numpy())
    close(ours.mean_, theirs.mean_)
    close(ours.var_, theirs.var_)
    close(ours.scale_, theirs.scale_)
    ours, theirs = MinMaxScaler().fit(X), sk.MinMaxScaler().fit(X.numpy())
    close(ours.data_min_, theirs.data_min_)
    close(ours.data_max_, theirs.data_max_)
    close(1 / ours.data_range_, theirs.scale_)


def test_by_hand():
    # Column (1, 2, 6): min 1, range 5; mean 3, variance (4 + 1 + 9) / 3 = 14 / 3.
    X = torch.tensor([[1.0], [2.0], [6.0]], dtype=torch.float64)
    close(MinMaxScaler().fit_transform(X).flatten().tolist(), [0.0, 0.2, 1.0])
    close(MinMaxScaler((-1, 1)).fit_transform(X).flatten().tolist(), [-1.0, -0.6, 1.0])
    sd = math.sqrt(14 / 3)
    close(StandardScaler().fit_transform(X).flatten().tolist(), [-2 / sd, -1 / sd, 3 / sd])
    # Row (3, −4): Σ|x| = 7, √Σx² = 5, max 4.
    X = torch.tensor([[3.0, -4.0], [0.0, 0.0]], dtype=torch.float64)
    close(normalize(X, norm="l1").tolist(), [[3 / 7, -4 / 7], [0, 0]])
    close(normalize(X).tolist(), [[0.6, -0.8], [0, 0]])
    close(normalize(X, norm="max").tolist(), [[0.75, -1.0], [0, 0]])


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8, -1e10])
def test_far_from_the_origin_the_error_is_that_of_one_rounding(offset):
    X = randn(500, 2) + offset
    E = X.numpy().astype(np.longdouble)  # the exact answers
    rounding = abs(offset) * np.finfo(float).eps
    minmax = (E - E.min(0)) / (E.max(0) - E.min(0))
    standard = (E - E.mean(0)) / E.std(0)
    assert np.abs(MinMaxScaler().fit_transform(X).numpy() - minmax).max() < 1e-15
    assert np.abs(StandardScaler().fit_transform(X).numpy() - standard).max() < rounding
    theirs = sk.StandardScaler().fit_transform(X.numpy())
    assert np.abs(StandardScaler().fit_transform(X).numpy() - theirs).max() < 32 * rounding


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("offset", [0, 1e3, 1e5])
def test_float32_agrees_with_scikit_learn(pair, offset):
    ours, theirs = (make() for make in PAIRS[pair])
    X = randn(300, 3, torch.float32) + offset
    Z = torch.as_tensor(theirs.fit_transform(X.numpy()))
    close(ours.fit_transform(X), Z, rtol=1e-5, atol=1e-5 + 3e-7 * offset)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.1, -1 / 3, 123456.789, 1e8 + 0.3, -1e16 / 7, 1e30, 0.0])
@pytest.mark.parametrize("n", [1, 3, 333])
def test_a_constant_feature_has_scale_one_and_becomes_exactly_zero(dtype, value, n):
    X = torch.full((n, 2), value, dtype=dtype)  # zeros among them
    scaler = StandardScaler().fit(X)
    assert torch.equal(scaler.mean_, X[0])
    assert (scaler.var_ == 0).all()
    assert (scaler.scale_ == 1).all()
    assert (scaler.transform(X) == 0).all()
    assert torch.equal(scaler.inverse_transform(scaler.transform(X)), X)
    assert (sk.StandardScaler().fit(X.numpy()).scale_ == 1).all()
    scaler = MinMaxScaler((2, 3)).fit(X)
    assert (scaler.transform(X) == 2).all()
    assert torch.equal(scaler.inverse_transform(scaler.transform(X)), X)


def test_the_smallest_becomes_exactly_low_and_the_largest_exactly_high():
    X = randn(200, 30, torch.float32) * 3 + 7
    Z = MinMaxScaler().fit_transform(X)
    assert (Z.amin(0) == 0).all()
    assert (Z.amax(0) == 1).all()


def test_rows_that_fit_did_not_see_may_leave_the_range():
    scaler = MinMaxScaler().fit(torch.tensor([[0.0], [2.0]]))
    assert scaler.transform(torch.tensor([[3.0], [-1.0]])).flatten().tolist() == [1.5, -0.5]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("case", CASES)
def test_normalize_agrees_with_scikit_learn(norm, case):
    X = CASES[case].clone()
    X[0] = 0
    close(normalize(X, norm=norm), sk.normalize(X.numpy(), norm=norm))


@pytest.mark.parametrize("make", [MinMaxScaler, StandardScaler])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fitting_twice_is_fitting_once_and_nothing_else_changes(make, dtype):
    X, other = randn(20, 3, dtype), randn(9, 5, seed=1)
    before, state = X.clone(), torch.get_rng_state()
    once, twice = make(), make()
    assert not [name for name in vars(once) if name.endswith("_")]
    assert once.fit(X) is once
    twice.fit(other).fit(X)
    with torch.device("meta"):
        Z = make().fit(X).transform(X)
        back = once.inverse_transform(Z)
    assert Z.device == back.device == X.device
    assert Z.dtype == back.dtype == dtype
    assert torch.equal(Z, twice.transform(X))
    assert torch.equal(Z, twice.fit_transform(X))
    assert vars(once).keys() == vars(twice).keys()
    assert torch.equal(X, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert once.transform(X.double()).dtype == torch.float64  # the data of the moment decides
    assert once.transform(X.float()).dtype == torch.float32
    assert once.inverse_transform(X.float()).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
def test_normalize_keeps_dtype_device_and_input(dtype, norm):
    X = randn(6, 3, dtype)
    before, expected = X.clone(), normalize(X, norm=norm)
    with torch.device("meta"):
        Z = normalize(X, norm=norm)
    assert torch.equal(Z, expected)
    assert Z.dtype == dtype
    assert torch.equal(X, before)


@pytest.mark.parametrize("make", [MinMaxScaler, StandardScaler])
@quick
@given(X=matrices, shift=st.integers(-8, 8), factor=st.sampled_from([0.5, 2.0, 1024.0]))
def test_scaled_data_forget_shift_unit_and_order(make, X, shift, factor):
    X = X.round()  # whole numbers, so that shift and factor are exact
    Z = make().fit_transform(X)
    close(make().fit_transform(factor * X + shift), Z, atol=1e-9)
    close(make().fit_transform(X.flip(0)), Z.flip(0), atol=1e-9)
    close(make().fit(X).inverse_transform(Z), X, atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
@quick
@given(X=matrices)
def test_normalized_rows_have_length_one_or_zero(norm, X):
    X = X.round()
    Z = normalize(X, norm=norm)
    length = torch.linalg.vector_norm(Z, {"l1": 1, "l2": 2, "max": math.inf}[norm], dim=1)
    close(length, X.any(1).double())
    close(normalize(Z, norm=norm), Z)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_one_hot(dtype):
    T = one_hot(torch.tensor([1, 0, 1], dtype=dtype))
    assert T.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert T.dtype == torch.float32


def test_one_hot_with_more_classes_and_other_dtypes():
    y = torch.tensor([2, 0])
    with torch.device("meta"):
        T = one_hot(y, 4, dtype=torch.float64)
    assert T.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert T.dtype == torch.float64
    assert torch.equal(one_hot(y, dtype=torch.int64), torch.nn.functional.one_hot(y))


@quick
@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_one_hot_is_undone_by_argmax(labels):
    y = torch.tensor(labels)
    assert torch.equal(one_hot(y).argmax(1), y)
    assert torch.equal(one_hot(y), torch.nn.functional.one_hot(y).float())


X, y = torch.ones(4, 2), torch.tensor([0, 0, 1, 1])
BAD = {
    "minmax unfitted": (
        lambda: MinMaxScaler().transform(X),
        RuntimeError,
        "this MinMaxScaler is not fitted yet; call fit first",
    ),
    "minmax inverse unfitted": (
        lambda: MinMaxScaler().inverse_transform(X),
        RuntimeError,
        "this MinMaxScaler is not fitted yet",
    ),
    "standard unfitted": (
        lambda: StandardScaler().transform(X),
        RuntimeError,
        "this StandardScaler is not fitted yet",
    ),
    "standard inverse unfitted": (
        lambda: StandardScaler().inverse_transform(X),
        RuntimeError,
        "this StandardScaler is not fitted yet",
    ),
    "minmax columns": (
        lambda: MinMaxScaler().fit(X).transform(X[:, :1]),
        ValueError,
        "X has 1 features, but fit saw 2",
    ),
    "minmax inverse columns": (
        lambda: MinMaxScaler().fit(X).inverse_transform(X[:, :1]),
        ValueError,
        "X has 1 features, but fit saw 2",
    ),
    "standard columns": (
        lambda: StandardScaler().fit(X).transform(X[:, :1]),
        ValueError,
        "X has 1 features, but fit saw 2",
    ),
    "standard inverse columns": (
        lambda: StandardScaler().fit(X).inverse_transform(X[:, :1]),
        ValueError,
        "X has 1 features, but fit saw 2",
    ),
    "minmax vector": (lambda: MinMaxScaler().fit(X[0]), ValueError, "use X.reshape(-1, 1)"),
    "standard integers": (lambda: StandardScaler().fit(X.long()), TypeError, "use X.float()"),
    "standard nan": (lambda: StandardScaler().fit(X * torch.nan), ValueError, "drop or fill"),
    "range": (
        lambda: MinMaxScaler((1, 1)).fit(X),
        ValueError,
        "feature_range must be (low, high), low < high, got (1, 1)",
    ),
    "norm": (
        lambda: normalize(X, norm="l3"),
        ValueError,
        "norm must be one of 'l1', 'l2', 'max', got 'l3'",
    ),
    "normalize vector": (lambda: normalize(X[0]), ValueError, "use X.reshape(-1, 1)"),
    "one-hot floats": (lambda: one_hot(y.float()), TypeError, "use y.long()"),
    "one-hot matrix": (lambda: one_hot(X.long()), ValueError, "use y.flatten()"),
    "one-hot negative": (
        lambda: one_hot(y - 1),
        ValueError,
        "y must hold labels from 0 to n_classes − 1 = 0, got -1 to 0; number the classes with "
        "y.unique(return_inverse=True)[1]",
    ),
    "one-hot too large": (lambda: one_hot(y + 2, 3), ValueError, "− 1 = 2, got 2 to 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_with_the_fix(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("turned", [False, True])
def test_one_row_far_from_all_others_costs_no_digit(turned):
    """The mean of 1e8 once and 3 a million times is 103."""
    X = torch.full((1_000_001, 1), 3.0)
    X[-1 if turned else 0] = 1e8
    scaler = StandardScaler().fit(X)
    assert scaler.mean_.item() == pytest.approx((1e8 + 3e6) / 1_000_001, rel=1e-7)
    assert scaler.transform(torch.tensor([[3.0]])).item() == pytest.approx(-1e-3, rel=1e-4)


def test_the_mean_keeps_more_digits_than_its_dtype():
    """1,000,000 and the next larger number that float32 has; and half a day of timestamps."""
    X = torch.tensor([[1e6], [1e6 + 0.0625]])
    scaler = StandardScaler()
    assert scaler.fit_transform(X).flatten().tolist() == [-1, 1]
    assert torch.equal(scaler.inverse_transform(torch.tensor([[-1.0], [1.0]])), X)
    seconds = 1.7e9 + 128 * torch.arange(300.0)[:, None]
    truth = StandardScaler().fit_transform(seconds.double())
    assert torch.allclose(scaler.fit_transform(seconds).double(), truth, rtol=1e-6, atol=1e-7)
    assert torch.equal(scaler.inverse_transform(scaler.transform(seconds)), seconds)


@pytest.mark.parametrize("n", [1000, 1_000_000])
def test_small_differences_of_large_numbers_are_seen_however_many_there_are(n):
    X = 1.7e9 + 0.02 * randn(n, 1)
    assert StandardScaler().fit_transform(X).std().item() == pytest.approx(1, rel=1e-3)


def test_the_largest_numbers_of_float32():
    X = torch.tensor([[3e38], [-3e38]])
    assert StandardScaler().fit_transform(X).flatten().tolist() == [1, -1]
    with pytest.raises(ValueError, match=r"X must have ranges that .* can hold; use X / 2"):
        MinMaxScaler().fit(X)
    assert MinMaxScaler().fit_transform(X / 2).flatten().tolist() == [1, 0]


@pytest.mark.parametrize("factor", [1e-170, 1e170])
def test_squares_that_float64_cannot_hold_are_refused(factor):
    with pytest.raises(ValueError, match="X must have squares that float64 can hold; divide it"):
        StandardScaler().fit(randn(5, 2) * torch.tensor([1.0, factor], dtype=torch.float64))


@pytest.mark.parametrize("factor", [1e-36, 1e-30, 1e-20, 1e20, 1e30, 1e37])
def test_features_whose_squares_float32_cannot_hold_are_scaled_too(factor):
    """Masses of stars or of electrons in kilograms."""
    X = (randn(50, 3) * factor).float()
    Z, peer = StandardScaler().fit_transform(X), sk.StandardScaler().fit_transform(X.double())
    assert Z.dtype == torch.float32
    assert np.abs(Z.numpy() - peer).max() < 1e-5


def test_labels_below_0_are_named():
    with pytest.raises(ValueError, match=r"y must hold labels from 0 .* got -5 to -5; number the"):
        one_hot(torch.tensor([-5]))


@pytest.mark.parametrize("make", [MinMaxScaler, StandardScaler])
def test_what_is_learned_carries_no_graph(make):
    X = randn(9, 2).requires_grad_()
    scaler = make().fit(X)
    fitted = [value for key, value in vars(scaler).items() if isinstance(value, torch.Tensor)]
    assert not any(value.requires_grad for value in fitted)
    assert scaler.transform(X).requires_grad  # a network may go on from here


@pytest.mark.parametrize("feature_range", [1.0, (0, 1, 2), "01", None])
def test_a_range_that_is_none_is_refused(feature_range):
    with pytest.raises(ValueError, match=r"feature_range must be \(low, high\), low < high, got"):
        MinMaxScaler(feature_range).fit(X)


@pytest.mark.parametrize("name", ["train_test_split", "k_fold"])
def test_the_old_import_of_the_splits_works(name):
    assert getattr(preprocessing, name) is getattr(model_selection, name)


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="has no attribute 'spl'"):
        preprocessing.spl  # noqa: B018
