"""How good is a prediction, or a clustering? The truth comes first, the result is a number."""

from collections.abc import Sequence

import torch
from torch import Tensor

from d4sci.device import in_float64
from d4sci.distance import distance_blocks
from d4sci.support.checks import (
    require_choice,
    require_classes,
    require_dense,
    require_labels,
    require_matrix,
    require_same_length,
)

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # that can be compared


def confusion_matrix(
    y_true: Tensor, y_pred: Tensor, *, labels: Sequence[int] | Tensor | None = None
) -> Tensor:
    """Return C (k, k), int64: C[i, j] rows of class i were predicted to be of class j.

    y_true, y_pred: integer labels, (n,).
    labels: the classes in the order wanted, rows of others left out; by default all, sorted.
    """
    y_true, y_pred = _label_pair(y_true, y_pred)
    if labels is None:
        labels = y_true[:0]
    else:
        labels = torch.as_tensor(labels, device=y_true.device)
        require_classes(labels, name="labels")
    n = len(y_true)
    classes, c = torch.cat([y_true, y_pred, labels]).unique(return_inverse=True)
    true, predicted, wanted = c[:n], c[n : 2 * n], c[2 * n :]
    k = len(classes)
    C = torch.bincount(k * true + predicted, minlength=k * k).reshape(k, k)
    if len(wanted) == 0:
        return C
    return C[wanted][:, wanted]


def accuracy(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the share of rows whose predicted class is the true one."""
    y_true, y_pred = _label_pair(y_true, y_pred)
    return int((y_true == y_pred).sum()) / len(y_true)


def precision(
    y_true: Tensor, y_pred: Tensor, *, average: str | None = "binary", pos_label: int = 1
) -> float | Tensor:
    """Return tp / (tp + fp): of the rows called a class, the share that are of that class.

    tp, fp, fn: true positives, false positives and false negatives; 0 / 0 counts as 0.
    y_true, y_pred: integer labels, (n,).
    average: "binary", of the class `pos_label` among two; "macro", the mean over the classes;
    "micro", of the summed counts; None, of each class, sorted: a float64 tensor (k,) on the CPU.
    Raises ValueError for "binary" with more than two classes, or two, of which none is `pos_label`.
    """
    tp, fp, _ = _count(y_true, y_pred, average, pos_label)  # (k,)
    return _average(tp, tp + fp, average)


def recall(
    y_true: Tensor, y_pred: Tensor, *, average: str | None = "binary", pos_label: int = 1
) -> float | Tensor:
    """Return tp / (tp + fn): of the rows of a class, the share called so.  As `precision`."""
    tp, _, fn = _count(y_true, y_pred, average, pos_label)  # (k,)
    return _average(tp, tp + fn, average)


def f1(
    y_true: Tensor, y_pred: Tensor, *, average: str | None = "binary", pos_label: int = 1
) -> float | Tensor:
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of these two.  As `precision`."""
    tp, fp, fn = _count(y_true, y_pred, average, pos_label)  # (k,)
    return _average(2 * tp, 2 * tp + fp + fn, average)


def roc_curve(y_true: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return fpr, tpr, thresholds: which shares of the negative and of the positive rows score
    at least the threshold.

    y_true: labels of two classes, the larger one positive, (n,).  scores: floating point, (n,).
    Returns three tensors (t,) like the scores: threshold ∞, then each distinct score downwards.
    Raises ValueError unless there are two classes.
    """
    fp, tp, thresholds = _roc_counts(y_true, scores)  # (t,)
    fpr = in_float64(fp) / int(fp[-1])  # float16 cannot count beyond 65504
    tpr = in_float64(tp) / int(tp[-1])
    return fpr.to(thresholds), tpr.to(thresholds), thresholds


def roc_auc(y_true: Tensor, scores: Tensor) -> float:
    """Return the area under the ROC curve: how often a positive row outscores a negative one.

    A tie counts half.  The sum of the trapezoids is one of whole numbers.  As `roc_curve`.
    """
    fp, tp, _ = _roc_counts(y_true, scores)  # (t,)
    doubled = (fp.diff() * (tp[1:] + tp[:-1])).sum()
    return int(doubled) / (2 * int(fp[-1]) * int(tp[-1]))


def mse(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the mean squared error Σ (y − ŷ)² / n.  y_true, y_pred: floating point, (n,).

    Computed in float64, whatever their dtype.
    """
    y_true, y_pred = _number_pair(y_true, y_pred)
    return (y_true - y_pred).square().mean().item()


def r2(y_true: Tensor, y_pred: Tensor) -> float:
    """Return R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)², the share of the variance that ŷ explains.

    y_true, y_pred: floating point, (n,), n ≥ 2.
    Where y is constant: 1 if ŷ equals it, else 0, as in scikit-learn.
    Computed in float64, whatever their dtype.
    """
    y_true, y_pred = _number_pair(y_true, y_pred)
    if len(y_true) < 2:
        raise ValueError("R² needs 2 rows or more, got 1; use mse(y_true, y_pred)")
    y = y_true - y_true[0]  # exactly 0 where constant, and exact far from the origin
    unit = y.abs().max()  # in which the squares of y neither overflow nor vanish
    if unit == 0:
        return float(torch.equal(y_true, y_pred))
    y, error = y / unit, (y_true - y_pred) / unit
    residual, total = error.square().sum(), (y - y.mean()).square().sum()
    return 1 - (residual / total).item()


def silhouette(
    X: Tensor, labels: Tensor, *, metric: str = "euclidean", per_sample: bool = False
) -> float | Tensor:
    """Return the mean silhouette s = (b − a) / max(a, b): 1 well inside, below 0 misplaced.

    a: mean distance of a row to the others of its cluster.
    b: the same to the rows of another cluster, the one where it is least.
    A row alone in its cluster has s = 0.
    X: (n, d).  labels: (n,), of 2 to n − 1 clusters; noise labelled −1 counts as a cluster.
    metric: as in `distances`.  per_sample: return each row's s, (n,), instead of the mean.
    Computed in float64, so that X may lie far from the origin.
    Raises ValueError for too few or too many clusters, or an X whose distances overflow.
    Source: Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    require_matrix(X)
    require_classes(labels, len(X), "labels")
    A = in_float64(X.detach())
    _, c, sizes = labels.to(A.device).unique(return_inverse=True, return_counts=True)  # (n,), (k,)
    n, k = len(X), len(sizes)
    if not 2 <= k < n:
        raise ValueError(f"silhouette needs 2 to n − 1 = {n - 1} clusters, got {k}; try another k")
    T = (c[:, None] == torch.arange(k, device=c.device)).to(A)  # (n, k), one-hot
    s = A.new_empty(n)
    for rows, D in distance_blocks(A, metric=metric):  # (r, n)
        own, sums = T[rows].bool(), D @ T  # (r, k)
        if not sums.isfinite().all():
            raise ValueError(
                f"X must have {metric} distances that {A.dtype} can hold, got some that overflow; "
                "use X / X.abs().max()"
            )
        a = sums[own] / (sizes[c[rows]] - 1)  # (r,)
        b = (sums / sizes).masked_fill(own, torch.inf).amin(1)  # (r,)
        s[rows] = ((b - a) / torch.maximum(a, b)).nan_to_num(0)  # 0 / 0: alone, or all equal
    return s.to(X) if per_sample else s.mean().item()


def adjusted_rand_index(labels_a: Tensor, labels_b: Tensor) -> float:
    """Return how far two clusterings agree: 1 the same but for names, 0 as much as by chance.

    ARI = (both − expected) / ((A + B) / 2 − expected),  expected = A B / N
    A, B, both: of the N pairs of rows, those that share a cluster in the one, the other, in both.
    labels_a, labels_b: integer labels, (n,).
    Source: Hubert and Arabie 1985, doi:10.1007/BF01908075.
    """
    labels_a, labels_b = _label_pair(labels_a, labels_b, "labels_a", "labels_b")
    _, a = labels_a.unique(return_inverse=True)  # (n,)
    _, b = labels_b.unique(return_inverse=True)  # (n,)
    A, B, both = _pairs(a), _pairs(b), _pairs(a * len(b) + b)
    if A == B == both:
        return 1.0
    N = _pairs(torch.zeros_like(a))
    return 2 * (N * both - A * B) / (N * (A + B) - 2 * A * B)  # all × 2 N: exact whole numbers


def _pairs(labels):
    sizes = labels.unique(return_counts=True)[1]  # (k,)
    return int((sizes * (sizes - 1) // 2).sum())


def _count(y_true, y_pred, average, pos_label):
    """Return tp, fp, fn of each class, or of pos_label, on the CPU, which has float64."""
    require_choice("average", average, ("binary", "macro", "micro", None))
    C = confusion_matrix(y_true, y_pred).cpu()  # (k, k)
    tp = C.diagonal()
    counts = torch.stack([tp, C.sum(0) - tp, C.sum(1) - tp])  # (3, k)
    if average != "binary":
        return counts
    classes = torch.cat([y_true, y_pred]).unique().tolist()
    if len(classes) > 2:
        raise ValueError(f'average="binary" has two classes, got {classes}; use average="macro"')
    if pos_label in classes:
        j = classes.index(pos_label)
        return counts[:, j : j + 1]  # (3, 1)
    if len(classes) == 2:
        raise ValueError(f"pos_label must be one of {classes}, got {pos_label}; name that class")
    return torch.zeros_like(counts[:, :1])  # all rows are of the other class


def _average(numerator, denominator, average):
    if average in ("binary", "micro"):
        numerator, denominator = numerator.sum(), denominator.sum()
    ratio = numerator.double() / denominator.clamp(min=1)  # 0 / 0 counts as 0
    return ratio if average is None else ratio.mean().item()


def _roc_counts(y_true, scores):
    """Return how many negative and positive rows score at least each threshold, (t,), and these."""
    require_classes(y_true, name="y_true")
    _require_scores(scores)
    require_same_length("y_true", y_true, "scores", scores)
    classes, c = y_true.unique(return_inverse=True)  # (2,), (n,) of 0 and 1
    if len(classes) != 2:
        fix = "try y_true == c" if len(classes) > 2 else "give rows of both"
        raise ValueError(f"y_true must hold two classes, got {classes.tolist()}; {fix}")
    scores, order = scores.detach().sort(descending=True)  # (n,)
    ends = torch.cat([scores[1:] != scores[:-1], c.new_ones(1)]).bool()  # (n,), last of each tie
    tp, fp = c[order].cumsum(0)[ends], (1 - c[order]).cumsum(0)[ends]  # (t − 1,)
    pad = torch.nn.functional.pad
    return pad(fp, (1, 0)), pad(tp, (1, 0)), pad(scores[ends], (1, 0), value=torch.inf)


def _label_pair(a, b, name_a="y_true", name_b="y_pred"):
    """Return both as int64, since PyTorch compares no uint16 with an int64."""
    require_classes(a, name=name_a)
    require_classes(b, name=name_b)
    require_same_length(name_a, a, name_b, b)
    return a.long(), b.long()


def _number_pair(y_true, y_pred):
    """Return both in float64: in a shorter dtype sums and squares overflow, vanish or round."""
    _require_numbers(y_true, "y_true")
    _require_numbers(y_pred, "y_pred")
    require_same_length("y_true", y_true, "y_pred", y_pred)
    return in_float64(y_true.detach()), in_float64(y_pred.detach())


def _require_scores(scores):
    """Raise unless there is one score, of the positive class, for each row."""
    require_dense(scores, "scores")
    if scores.ndim == 2 and 1 not in scores.shape:
        fix = "for one class against the rest use y_true == c and scores[:, c]"
        if scores.shape[1] == 2:
            fix = "use scores[:, 1], of the positive class"
        raise ValueError(f"scores must have shape (n,), got {tuple(scores.shape)}; {fix}")
    _require_numbers(scores, "scores")


def _require_numbers(y, name):
    require_dense(y, name)
    if y.dtype not in FLOATS:
        fix = "real" if y.is_complex() else "float()"
        raise TypeError(f"{name} must be floating point, got {y.dtype}; use {name}.{fix}")
    require_labels(y, name=name)
