"""New tensors follow the device of the input, shown without a GPU: by default they would be lost.

Each public name of these modules has a case, and gives on CPU inputs the same under `meta_default`.
"""

import inspect

import pytest
import torch

from d4sci import distance, metrics, preprocessing

X = torch.tensor([[0.0, 1.0], [2.0, 1.5], [4.0, -1.0], [5.0, 0.0], [0.5, 3.0], [6.0, 2.0]])
y = torch.tensor([0, 0, 1, 1, 0, 1])
y_pred = torch.tensor([0, 1, 1, 1, 0, 0])
scores = torch.tensor([0.1, 0.6, 0.7, 0.7, 0.2, 0.4])


def there_and_back(scaler):
    Z = scaler.fit_transform(X)
    return Z, scaler.inverse_transform(Z), *vars(scaler).values()


CASES = {
    "distances": lambda: [distance.distances(X, X[:3], metric=m) for m in distance.METRICS],
    "distance_blocks": lambda: [D for _, D in distance.distance_blocks(X, max_elements=12)],
    "MinMaxScaler": lambda: there_and_back(preprocessing.MinMaxScaler()),
    "StandardScaler": lambda: there_and_back(preprocessing.StandardScaler()),
    "normalize": lambda: [preprocessing.normalize(X, norm=norm) for norm in ("l1", "l2", "max")],
    "one_hot": lambda: [preprocessing.one_hot(y)],
    "train_test_split": lambda: [
        *preprocessing.train_test_split(X, y, test_size=2),
        *preprocessing.train_test_split(X, y, test_size=2, stratify=y),
    ],
    "k_fold": lambda: [
        index
        for labels in (None, y)
        for pair in preprocessing.k_fold(6, 3, stratify=labels)
        for index in pair
    ],
    "confusion_matrix": lambda: [
        metrics.confusion_matrix(y, y_pred),
        metrics.confusion_matrix(y, y_pred, labels=[1, 0]),
    ],
    "accuracy": lambda: [metrics.accuracy(y, y_pred)],
    "precision": lambda: [metrics.precision(y, y_pred, average=a) for a in AVERAGES],
    "recall": lambda: [metrics.recall(y, y_pred, average=a) for a in AVERAGES],
    "f1": lambda: [metrics.f1(y, y_pred, average=a) for a in AVERAGES],
    "roc_curve": lambda: metrics.roc_curve(y, scores),
    "roc_auc": lambda: [metrics.roc_auc(y, scores)],
    "mse": lambda: [metrics.mse(X[:, 0], X[:, 1])],
    "r2": lambda: [metrics.r2(X[:, 0], X[:, 1])],
    "silhouette": lambda: [metrics.silhouette(X, y), metrics.silhouette(X, y, per_sample=True)],
    "adjusted_rand_index": lambda: [metrics.adjusted_rand_index(y, y_pred)],
}
AVERAGES = ("binary", "macro", "micro", None)
EXPECTED = {name: list(case()) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_follows_its_input(name, meta_default):
    for found, expected in zip(CASES[name](), EXPECTED[name], strict=True):
        if isinstance(expected, torch.Tensor):
            assert found.device == expected.device
            assert torch.equal(found, expected)
        else:
            assert found == expected


def test_every_public_name_has_a_case():
    public = {
        name
        for module in (distance, preprocessing, metrics)
        for name, value in vars(module).items()
        if inspect.getmodule(value) is module and callable(value) and not name.startswith("_")
    }
    assert public == CASES.keys()


@pytest.mark.parametrize("forgetful", [lambda: X + torch.zeros(6, 2), lambda: X * torch.ones(())])
def test_a_tensor_that_forgets_its_device_is_seen(forgetful, meta_default):
    with pytest.raises(RuntimeError, match="meta"):
        forgetful()
