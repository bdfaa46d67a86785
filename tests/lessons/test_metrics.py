"""Metrics against scikit-learn, by hand, by their laws, and where they are hard to define."""

import re
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from d4sci import metrics
from d4sci.metrics import (
    accuracy,
    adjusted_rand_index,
    confusion_matrix,
    f1,
    mse,
    precision,
    r2,
    recall,
    roc_auc,
    roc_curve,
    silhouette,
)

quick = settings(deadline=None, max_examples=50, derandomize=True)
SCORES = {
    precision: sk.precision_score,
    recall: sk.recall_score,
    f1: sk.f1_score,
}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def labels(n, k, seed=0):
    return torch.randint(k, (n,), generator=rng(seed))


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=rng(seed))


def close(a, b, tol=1e-12):
    torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=tol, atol=tol)


def quietly(function, *args, **kwargs):
    """Call a function of scikit-learn without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


y0 = torch.zeros(6, dtype=torch.int64)
LABELS = {
    "ordinary": (labels(80, 4), labels(80, 4, 1)),
    "two": (labels(80, 2), labels(80, 2, 1)),
    "bool": (labels(80, 2).bool(), labels(80, 2, 1).bool()),
    "signs": (2 * labels(80, 2) - 1, 2 * labels(80, 2, 1) - 1),
    "int and bool": (labels(80, 2), labels(80, 2, 1).bool()),
    "3 and 7": (4 * labels(80, 2) + 3, 4 * labels(80, 2, 1) + 3),
    "bytes": (labels(80, 3).byte(), labels(80, 3, 1).byte()),
    "one class": (y0, y0),
    "one class, all ones": (y0 + 1, y0 + 1),
    "all wrong": (y0, y0 + 1),
    "all wrong the other way": (y0 + 1, y0),
    "class never predicted": (labels(80, 4), labels(80, 3, 1)),
    "class never true": (labels(80, 2), labels(80, 5, 1)),
    "imbalanced": ((labels(500, 100) == 0).long(), (labels(500, 50, 1) == 0).long()),
    "one row": (torch.tensor([1]), torch.tensor([1])),
    "one row, wrong": (torch.tensor([1]), torch.tensor([0])),
    "perfect": (labels(80, 4), labels(80, 4)),
    "every row its own": (torch.arange(9) - 4, torch.arange(9).flip(0)),
}


@pytest.mark.parametrize("case", LABELS)
def test_counts_agree_with_scikit_learn(case):
    y_true, y_pred = LABELS[case]
    C = confusion_matrix(y_true, y_pred)
    assert C.dtype == torch.int64
    assert torch.equal(C, torch.as_tensor(quietly(sk.confusion_matrix, y_true, y_pred)))
    assert accuracy(y_true, y_pred) == sk.accuracy_score(y_true, y_pred)
    assert type(accuracy(y_true, y_pred)) is float


@pytest.mark.parametrize("average", ["macro", "micro", None])
@pytest.mark.parametrize("case", LABELS)
@pytest.mark.parametrize("score", SCORES)
def test_averages_agree_with_scikit_learn(score, case, average):
    y_true, y_pred = LABELS[case]
    ours = score(y_true, y_pred, average=average)
    close(ours, SCORES[score](y_true, y_pred, average=average, zero_division=0), 1e-15)
    assert type(ours) is (torch.Tensor if average is None else float)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("case", "positive"),
    [
        ("two", 1),
        ("two", 0),
        ("bool", 1),
        ("bool", True),
        ("bool", False),
        ("signs", 1),
        ("signs", -1),
        ("int and bool", 1),
        ("3 and 7", 7),
        ("3 and 7", 3),
        ("one class", 1),
        ("one class, all ones", 1),
        ("all wrong", 1),
        ("all wrong the other way", 1),
        ("imbalanced", 1),
        ("one row", 1),
        ("one row, wrong", 1),
    ],
)
def test_binary_scores_agree_with_scikit_learn(score, case, positive):
    y_true, y_pred = LABELS[case]
    ours = score(y_true, y_pred, pos_label=positive)
    close(ours, SCORES[score](y_true, y_pred, pos_label=positive, zero_division=0), 1e-15)
    assert type(ours) is float


@pytest.mark.parametrize("score", [precision, recall, f1])
def test_by_default_class_1_is_the_positive_one(score):
    y, p = labels(50, 2), labels(50, 2, 1)
    assert score(y, p) == score(y, p, average="binary", pos_label=1)
    assert score(y, p) != score(y, p, average="binary", pos_label=0)


def test_classes_by_hand():
    # true 1 1 1 0 0 2, predicted 1 0 2 0 0 1:
    # class 0: tp 2, fp 1, fn 0;  class 1: tp 1, fp 1, fn 2;  class 2: tp 0, fp 1, fn 1
    y_true, y_pred = torch.tensor([1, 1, 1, 0, 0, 2]), torch.tensor([1, 0, 2, 0, 0, 1])
    assert confusion_matrix(y_true, y_pred).tolist() == [[2, 0, 0], [1, 1, 1], [0, 1, 0]]
    assert accuracy(y_true, y_pred) == 3 / 6
    assert precision(y_true, y_pred, average=None).tolist() == [2 / 3, 1 / 2, 0]
    assert recall(y_true, y_pred, average=None).tolist() == [1, 1 / 3, 0]
    close(f1(y_true, y_pred, average=None).tolist(), [4 / 5, 2 / 5, 0])
    close(f1(y_true, y_pred, average="macro"), 0.4)
    assert precision(y_true, y_pred, average="micro") == 3 / 6


def test_confusion_matrix_of_chosen_labels():
    y_true, y_pred = LABELS["ordinary"]
    for chosen in ([3, 0], [0, 1, 2, 3, 9], [2], [9, 2], [-1, 3, 1]):
        C = torch.as_tensor(quietly(sk.confusion_matrix, y_true, y_pred, labels=chosen))
        assert torch.equal(confusion_matrix(y_true, y_pred, labels=chosen), C)
        assert torch.equal(confusion_matrix(y_true, y_pred, labels=torch.tensor(chosen)), C)


ROC = {
    "ordinary": (labels(60, 2), randn(60)),
    "ties": (labels(60, 2), randn(60).round()),
    "all tied": (labels(60, 2), torch.zeros(60, dtype=torch.float64)),
    "signs": (2 * labels(60, 2) - 1, randn(60).round()),
    "bool": (labels(60, 2).bool(), randn(60).round()),
    "imbalanced": ((labels(400, 100) == 0).long(), randn(400).round(decimals=1)),
    "perfect": (torch.tensor([0, 0, 1, 1]), torch.tensor([0.1, 0.2, 0.3, 0.9]).double()),
    "worst": (torch.tensor([1, 1, 0, 0]), torch.tensor([0.1, 0.2, 0.3, 0.9]).double()),
    "two rows": (torch.tensor([1, 0]), torch.tensor([0.5, 0.5]).double()),
    "close scores": (labels(60, 2), 1 + 1e-15 * labels(60, 9, 1)),
}


@pytest.mark.parametrize("case", ROC)
def test_roc_agrees_with_scikit_learn(case):
    y_true, scores = ROC[case]
    ours = roc_curve(y_true, scores)
    theirs = sk.roc_curve(y_true, scores, drop_intermediate=False)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, torch.as_tensor(b))
    close(roc_auc(y_true, scores), sk.roc_auc_score(y_true, scores), 1e-15)


def test_roc_takes_the_larger_label_for_the_positive_one():
    y_true, scores = LABELS["3 and 7"][0], randn(80)
    fpr, tpr, _ = sk.roc_curve(y_true, scores, pos_label=7, drop_intermediate=False)
    ours = roc_curve(y_true, scores)
    assert torch.equal(ours[0], torch.as_tensor(fpr))
    assert torch.equal(ours[1], torch.as_tensor(tpr))
    close(roc_auc(y_true, scores), sk.roc_auc_score(y_true, scores), 1e-15)


def test_roc_by_hand():
    # Downwards: score 0.9 one positive, 0.5 one of each, 0.1 one negative.
    # Of the four pairs positive, negative: three won, one tied; area 3.5 / 4.
    y_true, scores = torch.tensor([1, 1, 0, 0]), torch.tensor([0.9, 0.5, 0.5, 0.1])
    fpr, tpr, thresholds = roc_curve(y_true, scores)
    assert fpr.tolist() == [0, 0, 0.5, 1]
    assert tpr.tolist() == [0, 0.5, 1, 1]
    assert thresholds.tolist() == pytest.approx([torch.inf, 0.9, 0.5, 0.1])
    assert roc_auc(y_true, scores) == 3.5 / 4


NUMBERS = {
    "ordinary": (randn(50), randn(50, seed=1)),
    "good fit": (randn(50), randn(50) + 1e-3 * randn(50, seed=1)),
    "perfect": (randn(50), randn(50)),
    "constant": (torch.full((7,), 0.1).double(), randn(7)),
    "constant, met": (torch.full((7,), 0.1).double(), torch.full((7,), 0.1).double()),
    "two rows": (randn(2), randn(2, seed=1)),
    "offset": (randn(50) + 1e4, randn(50, seed=1) + 1e4),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_regression_agrees_with_scikit_learn(case):
    y_true, y_pred = NUMBERS[case]
    close(mse(y_true, y_pred), float(sk.mean_squared_error(y_true, y_pred)))
    if case != "constant":  # where rounding decides there: see the next test
        tol = 1e-10 if case == "offset" else 1e-12  # the mean is rounded at 1e4
        close(r2(y_true, y_pred), float(sk.r2_score(y_true, y_pred)), tol)
    assert type(mse(y_true, y_pred)) is type(r2(y_true, y_pred)) is float


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, 1e8 + 0.3, -123.456])
@pytest.mark.parametrize("n", [2, 3, 7, 333])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_r2_of_a_constant_is_one_where_met_and_else_zero(value, n, dtype):
    y = torch.full((n,), value, dtype=dtype)
    assert r2(y, y.clone()) == 1.0
    assert r2(y, y + 1e3) == 0.0
    if value in (0.0, 1.0):  # of others scikit-learn's mean, and so its answer, is rounded
        assert sk.r2_score(y, y + 1e3) == 0.0


def test_regression_by_hand():
    # Errors 1, 0, −1: mse 2/3.  ȳ = 3, deviations −2, 0, 2: R² = 1 − 2/8.
    y_true, y_pred = torch.tensor([1.0, 3.0, 5.0]), torch.tensor([2.0, 3.0, 4.0])
    assert mse(y_true, y_pred) == pytest.approx(2 / 3)
    assert r2(y_true, y_pred) == 0.75


@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
def test_r2_in_float32_survives_an_offset(offset):
    y_true = (randn(400) + offset).float()
    y_pred = y_true + (0.1 * randn(400, seed=1)).float()
    close(r2(y_true, y_pred), r2(y_true.double(), y_pred.double()), 1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_roc_curve_of_many_rows_runs_from_0_to_1_in_every_dtype(dtype):
    y = labels(200_000, 2)  # about 100,000 of each: float16 ends at 65,504
    scores = (y + randn(200_000)).to(dtype)
    fpr, tpr, thresholds = roc_curve(y, scores)
    expected = roc_curve(y, scores.double())
    assert fpr[0] == tpr[0] == 0
    assert fpr[-1] == tpr[-1] == 1
    assert torch.equal(thresholds, expected[2].to(dtype))
    assert torch.equal(fpr, expected[0].to(dtype))
    assert torch.equal(tpr, expected[1].to(dtype))
    close(roc_auc(y, scores), float(sk.roc_auc_score(y, scores.double())))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-4, 1.0, 300.0, 1e20, 1e30])
@pytest.mark.parametrize("offset", [0.0, 7.0])
def test_regression_agrees_with_float64_in_every_dtype(dtype, scale, offset):
    y_true = ((randn(3000) + offset) * scale).to(dtype)
    y_pred = ((randn(3000) + 0.1 * randn(3000, seed=1) + offset) * scale).to(dtype)
    if not (y_true.isfinite().all() and y_true.any()):  # float16 holds 6e-8 to 65,504
        return
    exact = y_true.double(), y_pred.double()
    assert mse(y_true, y_pred) == mse(*exact) == pytest.approx(sk.mean_squared_error(*exact))
    assert r2(y_true, y_pred) == r2(*exact) == pytest.approx(sk.r2_score(*exact), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1e155, 1e200, 1e300])
def test_r2_knows_no_unit(scale):
    """The squares of such numbers are 0 or infinite: it was 1 or NaN."""
    y, z = randn(50), randn(50) + 0.1 * randn(50, seed=1)
    close(r2(y * scale, z * scale), r2(y, z))
    assert r2(torch.full_like(y, scale), torch.zeros_like(y)) == 0


def test_r2_of_seconds_since_1970():
    y, error = 1.7e9 + randn(1000), 0.1 * randn(1000, seed=1)
    expected = 1 - error.square().sum() / (y - y.mean()).square().sum()
    close(r2(y, y + error), expected.item(), 1e-7)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64])
def test_labels_that_pytorch_does_not_compare(dtype):
    y, z = LABELS["ordinary"]
    assert accuracy(y, z.to(dtype)) == accuracy(y.to(dtype), z) == accuracy(y, z)
    assert torch.equal(confusion_matrix(y.to(dtype), z), confusion_matrix(y, z))
    assert adjusted_rand_index(y, z.to(dtype)) == adjusted_rand_index(y, z)


def test_a_graph_is_no_obstacle():
    y, z = randn(9), randn(9, seed=1).requires_grad_()
    assert mse(y, z) == mse(y, z.detach())
    assert r2(y, z) == r2(y, z.detach())
    assert roc_auc(labels(9, 2), z) == roc_auc(labels(9, 2), z.detach())
    assert not any(part.requires_grad for part in roc_curve(labels(9, 2), z))


CLUSTERS = {
    "ordinary": (randn(60, 3), labels(60, 4)),
    "two": (randn(60, 3), labels(60, 2)),
    "bool": (randn(60, 3), labels(60, 2).bool()),
    "noise and gaps": (randn(60, 3), 5 * labels(60, 3) - 1),
    "singletons": (randn(6, 2), torch.tensor([0, 0, 1, 2, 3, 0])),
    "one pair, else alone": (randn(5, 2), torch.tensor([0, 1, 2, 3, 3])),
    "one column": (randn(60, 1), labels(60, 3)),
    "wide": (randn(8, 50), labels(8, 2)),
    "duplicates": (randn(5, 2).repeat(4, 1), labels(20, 3)),
    "all rows equal": (torch.ones(6, 2).double(), labels(6, 2)),
    "three rows": (randn(3, 2), torch.tensor([0, 0, 1])),
    "imbalanced": (randn(60, 2), (torch.arange(60) < 2).long()),
}


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("case", CLUSTERS)
def test_silhouette_agrees_with_scikit_learn(case, metric):
    X, c = CLUSTERS[case]
    each = silhouette(X, c, metric=metric, per_sample=True)
    # Given X itself, scikit-learn expands the square and finds equal rows apart: give distances.
    D = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist")
    if metric == "euclidean":
        close(each, sk.silhouette_samples(D.numpy(), c.numpy(), metric="precomputed"))
    elif metric == "sqeuclidean":
        close(each, sk.silhouette_samples(D.square().numpy(), c.numpy(), metric="precomputed"))
    elif case not in ("duplicates", "all rows equal"):
        close(each, sk.silhouette_samples(X.numpy(), c.numpy(), metric=metric), 1e-11)
    assert not silhouette(X.clone().requires_grad_(), c, per_sample=True).requires_grad
    mean = silhouette(X, c, metric=metric)
    assert type(mean) is float
    close(mean, each.mean().item())


far = torch.cat([randn(60, 3) * 1e-3, 1e6 + randn(60, 3)])
FAR = {
    "far from the origin": (randn(60, 3) + 1e6, labels(60, 3)),
    "columns of all scales": (randn(60, 3) * torch.tensor([1e6, 1, 1e-6]), labels(60, 3)),
    "clusters of all scales": (far, labels(120, 2) + 2 * (torch.arange(120) >= 60)),
    "tiny": (randn(60, 3) * 1e-25, labels(60, 3)),
    "huge": (randn(60, 3) * 1e25, labels(60, 3)),
}


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("case", FAR)
def test_silhouette_in_float32_is_that_of_float64(case, metric):
    X, c = FAR[case]
    X = X.float()
    each = silhouette(X, c, metric=metric, per_sample=True)
    expected = silhouette(X.double(), c, metric=metric, per_sample=True)
    assert expected.abs().max() > 0.01
    assert (each - expected).abs().max() < 1e-7
    assert each.dtype == torch.float32


def test_silhouette_by_hand():
    # Rows 0, 1 | 5: for 0: a 1, b 5, s 4/5; for 1: a 1, b 4, s 3/4; 5 is alone, s 0.
    X = torch.tensor([[0.0], [1.0], [5.0]], dtype=torch.float64)
    c = torch.tensor([0, 0, 1])
    close(silhouette(X, c, per_sample=True).tolist(), [0.8, 0.75, 0.0])


def test_silhouette_in_blocks(monkeypatch):
    X, c = CLUSTERS["ordinary"]
    whole = silhouette(X, c, per_sample=True)
    blocks = metrics.distance_blocks
    sizes = []

    def small(X, **kwargs):
        for rows, D in blocks(X, max_elements=7 * len(X), **kwargs):
            sizes.append(len(D))
            yield rows, D

    monkeypatch.setattr(metrics, "distance_blocks", small)
    close(silhouette(X, c, per_sample=True), whole)
    assert sizes == [7] * 8 + [4]


@pytest.mark.parametrize("case", LABELS)
def test_adjusted_rand_index_agrees_with_scikit_learn(case):
    a, b = LABELS[case]
    close(adjusted_rand_index(a, b), float(quietly(sk.adjusted_rand_score, a, b)), 1e-15)
    assert type(adjusted_rand_index(a, b)) is float


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        # pairs together: A {01}{23} 2, B {012} 3, both {01} 1, of 6: expected 1,
        # (1 − 1) / (2.5 − 1) = 0
        ([0, 0, 1, 1], [0, 0, 0, 1], 0.0),
        # A 2, B {0 1} 1, both 1: expected 1/3, (1 − 1/3) / (3/2 − 1/3) = 4/7
        ([0, 0, 1, 1], [5, 5, 3, 4], 4 / 7),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),  # worse than chance: (0 − 2/3) / (2 − 2/3)
        ([0, 0, 1, 1], [9, 9, -9, -9], 1.0),
        ([0, 0, 0], [0, 1, 2], 0.0),
        ([0], [3], 1.0),
    ],
)
def test_adjusted_rand_index_by_hand(a, b, expected):
    assert adjusted_rand_index(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected)


def test_adjusted_rand_index_counts_more_pairs_than_float32_can():
    a = (torch.arange(20_003) > 11_111).long()
    b = (torch.arange(20_003) % 10_007 > 5003).long()
    close(adjusted_rand_index(a, b), float(sk.adjusted_rand_score(a, b)), 1e-13)


def test_adjusted_rand_index_of_many_singletons_needs_little_memory():
    a = torch.arange(50_000)
    assert adjusted_rand_index(a, a.flip(0)) == 1.0
    assert adjusted_rand_index(a, a // 2) == 0.0


CALLS = {
    "confusion_matrix": lambda y, z, s, X: confusion_matrix(y, z, labels=[2, 0]),
    "accuracy": lambda y, z, s, X: accuracy(y, z),
    "precision": lambda y, z, s, X: precision(y % 2, z % 2),
    "recall": lambda y, z, s, X: recall(y, z, average="macro"),
    "f1": lambda y, z, s, X: f1(y, z, average=None),
    "fpr": lambda y, z, s, X: roc_curve(y % 2, s)[0],
    "tpr": lambda y, z, s, X: roc_curve(y % 2, s)[1],
    "thresholds": lambda y, z, s, X: roc_curve(y % 2, s)[2],
    "roc_auc": lambda y, z, s, X: roc_auc(y % 2, s),
    "mse": lambda y, z, s, X: mse(s, 2 * s),
    "r2": lambda y, z, s, X: r2(s, 2 * s),
    "silhouette": lambda y, z, s, X: silhouette(X, y),
    "silhouettes": lambda y, z, s, X: silhouette(X, y, per_sample=True),
    "adjusted_rand_index": lambda y, z, s, X: adjusted_rand_index(y, z),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CALLS)
def test_device_dtype_input_and_generator_stay(name, dtype):
    data = (labels(30, 3), labels(30, 3, 1), randn(30, dtype=dtype), randn(30, 2, dtype=dtype))
    before, state = [part.clone() for part in data], torch.get_rng_state()
    expected = CALLS[name](*data)
    with torch.device("meta"):
        result = CALLS[name](*data)
    if isinstance(expected, torch.Tensor):
        assert torch.equal(result, expected)
        assert result.device == data[0].device
    else:
        assert result == expected
    if name in ("fpr", "tpr", "thresholds", "silhouettes"):
        assert result.dtype == dtype
    assert all(torch.equal(a, b) for a, b in zip(data, before, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", CALLS)
@settings(quick, max_examples=10)
@given(seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(name, seed):
    data = (labels(20, 3), labels(20, 3, 1), randn(20).round(), randn(20, 2))
    order = torch.randperm(20, generator=rng(seed))
    expected = CALLS[name](*data)
    result = CALLS[name](*(part[order] for part in data))
    close(result, expected[order] if name == "silhouettes" else expected)


@quick
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=25))
def test_laws_of_counts(pairs):
    y_true, y_pred = torch.tensor(pairs).T
    C = confusion_matrix(y_true, y_pred)
    assert C.sum() == len(pairs)
    assert torch.equal(C.T, confusion_matrix(y_pred, y_true))
    assert accuracy(y_true, y_pred) == C.trace().item() / len(pairs)
    assert accuracy(y_true, y_pred) == precision(y_true, y_pred, average="micro")
    for average in ("macro", "micro", None):
        p = precision(y_true, y_pred, average=average)
        close(p, recall(y_pred, y_true, average=average))
        close(f1(y_true, y_pred, average=average), f1(y_pred, y_true, average=average))
    rename = torch.tensor([40, -7, 3, 100, 8])  # names carry no meaning
    close(
        f1(rename[y_true + 2], rename[y_pred + 2], average="macro"),
        f1(y_true, y_pred, average="macro"),
    )
    index = adjusted_rand_index(y_true, y_pred)
    assert index == adjusted_rand_index(y_pred, y_true)
    assert index == adjusted_rand_index(rename[y_true + 2], y_pred)
    assert adjusted_rand_index(y_true, y_true) == 1
    assert index <= 1


@quick
@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=25))
def test_laws_of_roc(pairs):
    y, scores = (torch.tensor(column) for column in zip(*pairs, strict=True))
    scores = scores.double()
    if len(y.unique()) < 2:
        return
    wins = (scores[y][:, None] - scores[~y]).sign().add(1).div(2)  # win 1, tie ½, loss 0
    assert roc_auc(y, scores) == pytest.approx(wins.mean().item())
    assert roc_auc(y, -scores) == pytest.approx(1 - roc_auc(y, scores))
    assert roc_auc(y, (scores / 3).exp()) == roc_auc(y, scores)
    fpr, tpr, thresholds = roc_curve(y, scores)
    assert torch.trapezoid(tpr, fpr).item() == pytest.approx(roc_auc(y, scores))
    for f, t, threshold in zip(fpr, tpr, thresholds, strict=True):
        called = scores >= threshold
        assert f == called[~y].double().mean()
        assert t == called[y].double().mean()


@quick
@given(seed=st.integers(0, 99), shift=st.integers(-50, 50), factor=st.sampled_from([0.5, 8.0]))
def test_laws_of_shift_and_unit(seed, shift, factor):
    y, z, X = randn(15, seed=seed), randn(15, seed=seed + 1), randn(15, 2, seed=seed)
    c = torch.arange(15) % 3
    close(mse(factor * y + shift, factor * z + shift), factor**2 * mse(y, z), 1e-9)
    close(r2(factor * y + shift, factor * z + shift), r2(y, z), 1e-9)
    close(silhouette(factor * X + shift, c), silhouette(X, c), 1e-9)
    assert -1 <= silhouette(X, c) <= 1
    assert r2(y, y.mean().expand(15)) == pytest.approx(0, abs=1e-12)


y, s, X = torch.tensor([0, 1, 2, 1]), torch.tensor([0.1, 0.4, 0.3, 0.2]), torch.ones(4, 2)
BAD = {
    "strings": (lambda: accuracy(["a"], ["b"]), TypeError, "y_true must be a torch.Tensor"),
    "prediction list": (lambda: accuracy(y, [1]), TypeError, "y_pred must be a torch.Tensor"),
    "float labels": (
        lambda: accuracy(y, s),
        TypeError,
        "got torch.float32; for probabilities use (y_pred > 0.5).long()",
    ),
    "whole floats": (lambda: accuracy(y, y.double()), TypeError, "use y_pred.long()"),
    "logits": (lambda: accuracy(y, s - 0.2), TypeError, "for logits use (y_pred > 0).long()"),
    "class scores": (lambda: accuracy(y, X), TypeError, "use y_pred.argmax(1)"),
    "one-hot": (lambda: accuracy(y, torch.eye(4).bool()), ValueError, "y_pred.int().argmax(1)"),
    "float truth": (lambda: confusion_matrix(s, y), TypeError, "use (y_true > 0.5).long()"),
    "f1 of floats": (lambda: f1(y, s, average="macro"), TypeError, "use (y_pred > 0.5).long()"),
    "column": (
        lambda: accuracy(y, y[:, None]),
        ValueError,
        "y_pred must have shape (n,), got (4, 1); use y_pred.flatten()",
    ),
    "empty": (lambda: accuracy(y[:0], y[:0]), ValueError, "y_true is empty"),
    "lengths": (
        lambda: confusion_matrix(y, y[:3]),
        ValueError,
        "y_true and y_pred must have equally many rows, got 4 and 3",
    ),
    "binary of three": (
        lambda: precision(y, y),
        ValueError,
        'average="binary" has two classes, got [0, 1, 2]; use average="macro"',
    ),
    "recall of three": (lambda: recall(y, y), ValueError, 'use average="macro"'),
    "f1 of three": (lambda: f1(y, y), ValueError, 'use average="macro"'),
    "no pos_label": (
        lambda: f1(y % 2 * 4 + 3, y % 2 * 4 + 3),
        ValueError,
        "pos_label must be one of [3, 7], got 1; name that class",
    ),
    "average": (
        lambda: f1(y, y, average="weighted"),
        ValueError,
        "average must be one of 'binary', 'macro', 'micro', None, got 'weighted'",
    ),
    "roc of three": (
        lambda: roc_curve(y, s),
        ValueError,
        "y_true must hold two classes, got [0, 1, 2]; try y_true == c",
    ),
    "roc of one": (lambda: roc_auc(y * 0, s), ValueError, "two classes, got [0]; give rows of"),
    "roc labels": (lambda: roc_auc(s, s), TypeError, "use (y_true > 0.5).long()"),
    "roc of both classes": (
        lambda: roc_auc(y % 2, X),
        ValueError,
        "scores must have shape (n,), got (4, 2); use scores[:, 1], of the positive class",
    ),
    "roc of three columns": (
        lambda: roc_curve(y, torch.rand(4, 3)),
        ValueError,
        "got (4, 3); for one class against the rest use y_true == c and scores[:, c]",
    ),
    "roc scores of 8 bits": (
        lambda: roc_auc(y % 2, s.to(torch.float8_e5m2)),
        TypeError,
        "got torch.float8_e5m2; use scores.float()",
    ),
    "roc lengths": (
        lambda: roc_auc(y, s[:3]),
        ValueError,
        "y_true and scores must have equally many rows, got 4 and 3",
    ),
    "roc scores": (
        lambda: roc_auc(y % 2, y),
        TypeError,
        "scores must be floating point, got torch.int64; use scores.float()",
    ),
    "roc nan": (lambda: roc_auc(y % 2, s * torch.nan), ValueError, "scores holds 4 values"),
    "roc column": (lambda: roc_curve(y % 2, s[:, None]), ValueError, "use scores.flatten()"),
    "mse integers": (lambda: mse(y, y), TypeError, "use y_true.float()"),
    "mse of a matrix": (lambda: mse(s, X), ValueError, "for one column use y_pred[:, 0]"),
    "mse complex": (lambda: mse(s, s + 0j), TypeError, "use y_pred.real"),
    "mse column": (lambda: mse(s, s[:, None]), ValueError, "use y_pred.flatten()"),
    "mse lengths": (lambda: mse(s, s[:1]), ValueError, "equally many rows, got 4 and 1"),
    "mse nan": (lambda: mse(s, s / 0), ValueError, "y_pred holds 4 values"),
    "mse empty": (lambda: mse(s[:0], s[:0]), ValueError, "y_true is empty"),
    "r2 of one": (
        lambda: r2(s[:1], s[:1]),
        ValueError,
        "R² needs 2 rows or more, got 1; use mse(y_true, y_pred)",
    ),
    "r2 column": (lambda: r2(s[:, None], s), ValueError, "use y_true.flatten()"),
    "one cluster": (
        lambda: silhouette(X, y * 0),
        ValueError,
        "silhouette needs 2 to n − 1 = 3 clusters, got 1; try another k",
    ),
    "every row": (lambda: silhouette(X, torch.arange(4)), ValueError, "clusters, got 4"),
    "cluster labels": (lambda: silhouette(X, s), TypeError, "use (labels > 0.5).long()"),
    "cluster overflow": (
        lambda: silhouette(
            torch.arange(8.0).reshape(4, 2).double() * 1e200, y, metric="sqeuclidean"
        ),
        ValueError,
        "X must have sqeuclidean distances that torch.float64 can hold, got some that overflow",
    ),
    "cluster lengths": (
        lambda: silhouette(X, y[:3]),
        ValueError,
        "labels must have one entry per row of X: expected 4, got 3",
    ),
    "cluster vector": (lambda: silhouette(s, y), ValueError, "use X.reshape(-1, 1)"),
    "metric": (lambda: silhouette(X, y, metric="l2"), ValueError, "metric must be one of"),
    "rand floats": (lambda: adjusted_rand_index(y, s), TypeError, "use (labels_b > 0.5).long()"),
    "rand lengths": (
        lambda: adjusted_rand_index(y, y[:2]),
        ValueError,
        "labels_a and labels_b must have equally many rows, got 4 and 2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_with_the_fix(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=re.escape(message)):
        call()
