"""A call of every public name of layers 0 to 3, on any device: {name: function of `put`}.

`put` moves a tensor or a module; a case returns what came out, tensors and numbers, nested. Inputs
are made on the CPU whatever the default device is, in float32, which every device has.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from d4sci import (
    data,
    device,
    distance,
    gan,
    gnn,
    metrics,
    model_selection,
    neighbors,
    preprocessing,
    training,
)
from d4sci.autoencoder import Autoencoder, ConvAutoencoder
from d4sci.cnn import CNN
from d4sci.dbscan import DBSCAN, k_distances
from d4sci.engines import boxes as neighbor_pairs
from d4sci.engines import descent  # fmt: skip
from d4sci.engines.moments import find_origin, moments
from d4sci.engines.newton_lbfgs import minimise
from d4sci.estimator import ConvergenceWarning
from d4sci.kmeans import KMeans
from d4sci.linear import LinearRegression
from d4sci.logistic import LogisticRegression
from d4sci.mlp import MLP
from d4sci.neighbors import KNeighborsClassifier
from d4sci.pca import PCA
from d4sci.support import checkpoint, checks
from d4sci.svm import LinearSVM

X = torch.tensor([[0.0, 1.0], [2.0, 1.5], [4.0, -1.0], [5.0, 0.0], [0.5, 3.0], [6.0, 2.0]])
y = torch.tensor([0, 0, 1, 1, 0, 1])
y_pred = torch.tensor([0, 1, 1, 1, 0, 0])
scores = torch.tensor([0.1, 0.6, 0.7, 0.7, 0.2, 0.4])
ROWS, LABELS = data.make_blobs(60, centers=3, n_features=4, std=1.5, seed=3)
WIDE, WIDE_LABELS = data.make_blobs(12, centers=2, n_features=30, seed=1)
NUMBERS = ROWS @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + 3
MANY, MANY_LABELS = data.make_blobs(9000, centers=4, n_features=8, std=4.0, seed=5)
IMAGES = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
DIGITS = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
EDGES = torch.tensor([[0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0], [1, 2, 3, 4, 5, 0, 0, 1, 2, 3, 4, 5]])
AVERAGES = ("binary", "macro", "micro", None)


def built(make):
    """Return a module with the same weights each time, on the CPU."""
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def learned(model):
    """Return the tensors and numbers that `fit` has set, by name."""
    kept = (torch.Tensor, list, float)
    fitted = {k: v for k, v in vars(model).items() if k.endswith("_") and isinstance(v, kept)}
    return [fitted[name] for name in sorted(fitted)]


def estimator(model, put, X, y=None, methods="predict"):
    """Fit, and return what was learned and what the methods say of the first rows."""
    rows = put(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few steps of a descent are enough
        model.fit(rows) if y is None else model.fit(rows, put(y))
    return learned(model), [getattr(model, method)(rows[:9]) for method in methods.split()]


def there_and_back(scaler, put):
    Z = scaler.fit_transform(put(X))
    return Z, scaler.inverse_transform(Z), learned(scaler)


def pca(put):
    found = []
    thin = torch.cat([ROWS, ROWS[:, :1] / 2 - ROWS[:, 1:2]], 1)  # no variance in one direction
    for rows, k in ((ROWS, 2), (WIDE, 3), (thin, 5)):  # the last one wants more digits
        model = PCA(k).fit(put(rows))
        T = model.transform(put(rows))
        found += [learned(model), T, model.inverse_transform(T)]
    return [*found, learned(PCA(2, solver="svd").fit(put(ROWS)))]


def linear_regression(put):
    wide = (LinearRegression(l2=0.1), put, WIDE, WIDE[:, 0])
    return [
        estimator(LinearRegression(l2=0.5), put, ROWS, NUMBERS),
        estimator(LinearRegression(solver="gd", max_iter=20), put, ROWS, NUMBERS),
        estimator(LinearRegression(solver="lstsq", l2=0.5), put, ROWS, NUMBERS),
        estimator(LinearRegression(solver="lstsq"), put, WIDE, WIDE[:, 0]),  # the shortest w
        estimator(*wide),
    ]


def logistic_regression(put):
    methods = "decision_function predict_proba predict"
    return [
        estimator(LogisticRegression(tol=1e-4), put, ROWS, LABELS, methods),
        estimator(LogisticRegression(tol=1e-4), put, ROWS, LABELS % 2, methods),
        estimator(LogisticRegression(solver="gd", max_iter=20), put, ROWS, LABELS, methods),
    ]


def linear_svm(put):
    """The gap, which ends in rounding, is no result to compare."""
    found = []
    for rows, labels in ((ROWS, LABELS % 2), (WIDE, WIDE_LABELS)):
        svm = LinearSVM().fit(put(rows), put(labels))
        found += [svm.coef_, svm.intercept_, svm.support_, svm.dual_coef_, svm.margin_]
        found += [svm.classes_, svm.decision_function(put(rows)), svm.predict(put(rows))]
        svm = LinearSVM(0.1, solver="subgradient", max_iter=50)
        found += [estimator(svm, put, rows, labels, "decision_function predict")]
    return found


def k_neighbors(put):
    return [
        estimator(
            KNeighborsClassifier(5, metric=metric, weights=weights, algorithm=algorithm), put,
            MANY[:n], MANY_LABELS[:n], "kneighbors predict_proba predict",
        )
        for metric, n in (("euclidean", 9000), ("manhattan", 300), ("cosine", 300))
        for weights, algorithm in (("uniform", "screened"), ("distance", "screened"),
                                   ("distance", "brute"))
        if n < 9000 or algorithm == "screened"
    ]  # fmt: skip


def k_means(put):
    start = put(ROWS[:3])
    return [
        estimator(KMeans(3, n_init=2), put, ROWS),
        estimator(KMeans(3, init="random"), put, ROWS),
        estimator(KMeans(3, init=start), put, ROWS),
        estimator(KMeans(3, algorithm="lloyd"), put, ROWS),
        [KMeans(3, algorithm=a).fit(put(ROWS)).score(put(ROWS[:9])) for a in ("lloyd", "hamerly")],
        estimator(
            KMeans(4, init=put(torch.cat([ROWS[:3], 99 + ROWS[:1]]))), put, ROWS
        ),  # one empty
    ]


def dbscan(put):
    return [
        learned(DBSCAN(eps, 4, algorithm).fit(put(A)))
        for A, eps, algorithm in (
            (ROWS, 2.0, "boxes"), (MANY[:2000], 4.0, "boxes"), (ROWS, 2.0, "queue"),
        )
    ]  # fmt: skip


def mlp(put):
    model = MLP((6,), epochs=3, batch_size=16, weight_decay=0.01)
    found = estimator(model, put, ROWS, LABELS, "forward predict_proba predict")
    return found, model.gradients(put(ROWS), put(LABELS))


def pairs(put):
    """Which pair comes first is no result."""
    found = [
        torch.stack([i, j]) for i, j in neighbor_pairs.NeighborPairs(put(X), 3.0).pairs(Alone())
    ]
    low, high = torch.cat(found, 1).sort(0).values
    return (low * len(X) + high).sort().values


class Alone:
    """Each row is a group of its own."""

    def of(self, rows):
        return rows


class Bowl:
    """J = ½ ‖A w − b‖², for what goes downhill."""

    def __init__(self, A, b):
        self.A, self.b = A, b

    def __call__(self, w):
        r = self.A @ w - self.b
        return r.square().sum().item() / 2, self.A.T @ r

    def curvature(self, w=None):
        return self.A.T @ self.A


def down(put):
    bowl, w = Bowl(put(X), put(scores[:, None])), put(torch.zeros(2, 1, device="cpu"))
    return minimise(bowl, w, max_iter=5, tol=1e-3)


def saved(put, save, load):
    """Save a module, load it into another, and return what that one says."""
    first, second = put(built(lambda: nn.Linear(2, 2))), put(built(lambda: nn.Linear(2, 2)))
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        first.weight.mul_(2)
        save(path := Path(folder, "c.pt"), first)
        load(path, second)
        return second(put(X))


def load_all(path, model):
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))


def gan_step(kind, put):
    G, D = (put(net) for net in built(lambda: (gan.Generator(4), gan.Discriminator())))
    Z = put(torch.ones(8, 4, device="cpu").cumsum(0) / 8)
    net, fake = (D, [put(IMAGES), G(Z)]) if kind == "discriminator_step" else (G, [G(Z)])
    found = getattr(gan, kind)(D, torch.optim.SGD(net.parameters(), 0.01), *fake)
    return found, [p.detach() for p in net.parameters()]


def train_gan(put):
    widths = {"n_classes": 2, "channels": (2, 2)}
    G, D = built(lambda: (gan.Generator(4, **widths), gan.Discriminator(**widths)))
    return gan.train_gan(put(G), put(D), put(IMAGES), put(DIGITS), steps=2, batch_size=4)


def graph(put):
    return gnn.normalized_adjacency(put(EDGES), 6)


def says(make, *inputs):
    """Return what a module says, and the gradients of its parameters."""

    def case(put):
        module = put(built(make))
        out = module(*(put(A) for A in inputs))
        out.square().mean().backward()
        return out.detach(), [p.grad for p in module.parameters()]

    return case


def gcn(put):
    model = put(built(lambda: gnn.GCN(2, 4, 2)))
    dense, out = put(torch.eye(6, device="cpu")), model(put(X), graph(put))
    out.sum().backward()
    return out.detach(), [p.grad for p in model.parameters()], model(put(X), dense).detach()


def fit_nodes(put):
    model, nodes = put(built(lambda: gnn.GCN(2, 4, 2))), put(torch.arange(4, device="cpu"))
    validation = put(torch.tensor([4, 5], device="cpu"))
    A, rows, labels = graph(put), put(X), put(y)
    losses = gnn.fit_nodes(model, rows, A, labels, nodes, epochs=3, validation=validation)
    return losses, gnn.node_accuracy(model, rows, A, labels, nodes)


def train(put, make=lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), X=ROWS):
    model, labels = put(built(make)), LABELS[: len(X)] % 2
    options = {"loss_fn": cross_entropy, "metric": metrics.accuracy}
    history = training.train(
        model, X, labels, epochs=2, batch_size=16, validation=(X[:5], labels[:5]), **options
    )
    scored = training.evaluate(model, put(X), put(labels), **options)
    return history.loss, history.validation_loss, scored["loss"], model(put(X)).detach()


def resume(put):
    """Train, save, load and go on, with an optimizer whose state lives with the parameters."""
    with tempfile.TemporaryDirectory() as folder:
        for epochs in (1, 2):
            model = put(built(lambda: nn.Linear(4, 1)))
            history = training.train(
                model, ROWS, NUMBERS[:, None], loss_fn=mse_loss, epochs=epochs,
                checkpoint=Path(folder, "c.pt"),
            )  # fmt: skip
    return history.loss, [p.detach() for p in model.parameters()]


def model_scores(kind, put, **options):
    model = model_selection.Pipeline(preprocessing.StandardScaler(), KNeighborsClassifier(3))
    rows = put(ROWS), put(LABELS)
    return getattr(model_selection, kind)(model, *rows, stratify=rows[1], **options)


def frames(put):
    tables = [data.load_iris(), data.load_anscombe(), data.load_income(), data.load_penguins()]
    return [torch.from_numpy(t.select_dtypes("number").to_numpy("float32").copy()) for t in tables]


def checked(put):
    rows, labels = put(X), put(y)
    checks.require_tensor(rows)
    checks.require_matrix(rows, n_features=2)
    checks.require_batch(rows, (2,))
    checks.require_finite(rows)
    checks.require_same_length("X", rows, "y", labels)
    checks.require_labels(labels, 6)
    checks.require_classes(labels, 6, n_classes=2)
    checks.require_number("k", 2)
    checks.require_between("k", 2, 1, 3)
    checks.require_positive("C", 2.0, "")
    checks.require_choice("norm", "l1", ["l1"])
    checks.require_fitted(KMeans, "fit")
    descent.require_descent(0.1, 3, 0.0)


CASES = {
    "get_device": lambda put: [str(device.get_device())],
    "to_numpy": lambda put: torch.from_numpy(device.to_numpy(put(X))),
    "seeded": lambda put: torch.rand(3, generator=device.seeded(1), device="cpu"),
    "off_mps": lambda put: device.off_mps(put(X)),
    "in_float64": lambda put: device.in_float64(put(X)).float(),
    "check_": checked,
    "distances": lambda put: [
        distance.distances(put(X), put(X[:3]), metric=m) for m in distance.METRICS
    ],
    "euclidean": lambda put: distance.euclidean(put(X), put(X[:3])),
    "unit_rows": lambda put: distance.unit_rows(put(X)),
    "suitable_unit": lambda put: distance.suitable_unit(put(X), put(1e30 * X)),
    "distance_blocks": lambda put: [
        D for _, D in distance.distance_blocks(put(X), max_elements=12)
    ],
    "NeighborPairs": pairs,
    "find_origin": lambda put: [find_origin(put(MANY)), find_origin(put(MANY + 100))],
    "moments": lambda put: [
        *moments(put(MANY)),
        *(A.float() for A in moments(put(MANY), float64=True)),
    ],
    "minimise": down,
    "data_path": lambda put: str(data.data_path()),
    "verify_data": lambda put: list(data.verify_data()),
    "load_iris": frames,
    "load_anscombe": frames,
    "load_income": frames,
    "load_penguins": frames,
    "load_mnist": lambda put: data.load_mnist("test"),
    "load_weights": lambda put: list(data.load_weights("mnist-cnn.pt").values()),
    "load_karate": lambda put: data.load_karate(),
    "to_tensors": lambda put: data.to_tensors(data.load_iris(), ["sepal_width"], "species"),
    "make_moons": lambda put: data.make_moons(20),
    "make_blobs": lambda put: [data.make_blobs(20), data.make_blobs(9, centers=put(X))],
    "MinMaxScaler": lambda put: there_and_back(preprocessing.MinMaxScaler(), put),
    "StandardScaler": lambda put: there_and_back(preprocessing.StandardScaler(), put),
    "normalize": lambda put: [
        preprocessing.normalize(put(X), norm=norm) for norm in ("l1", "l2", "max")
    ],
    "one_hot": lambda put: preprocessing.one_hot(put(y)),
    "train_test_split": lambda put: [
        preprocessing.train_test_split(put(X), put(y), test_size=2),
        preprocessing.train_test_split(put(X), put(y), test_size=2, stratify=put(y)),
    ],
    "k_fold": lambda put: [
        list(preprocessing.k_fold(6, 3, stratify=labels)) for labels in (None, put(y))
    ],
    "confusion_matrix": lambda put: [
        metrics.confusion_matrix(put(y), put(y_pred)),
        metrics.confusion_matrix(put(y), put(y_pred), labels=[1, 0]),
    ],
    "accuracy": lambda put: metrics.accuracy(put(y), put(y_pred)),
    "precision": lambda put: [metrics.precision(put(y), put(y_pred), average=a) for a in AVERAGES],
    "recall": lambda put: [metrics.recall(put(y), put(y_pred), average=a) for a in AVERAGES],
    "f1": lambda put: [metrics.f1(put(y), put(y_pred), average=a) for a in AVERAGES],
    "roc_curve": lambda put: metrics.roc_curve(put(y), put(scores)),
    "roc_auc": lambda put: metrics.roc_auc(put(y), put(scores)),
    "mse": lambda put: metrics.mse(put(X[:, 0]), put(X[:, 1])),
    "r2": lambda put: metrics.r2(put(X[:, 0]), put(X[:, 1])),
    "silhouette": lambda put: [
        metrics.silhouette(put(X), put(y)),
        metrics.silhouette(put(X), put(y), per_sample=True),
    ],
    "adjusted_rand_index": lambda put: metrics.adjusted_rand_index(put(y), put(y_pred)),
    "save_atomically": lambda put: saved(
        put, lambda path, model: checkpoint.save_atomically(model.state_dict(), path), load_all
    ),
    "save_checkpoint": lambda put: saved(
        put, lambda path, model: checkpoint.save_checkpoint(path, {"model": model}),
        lambda path, model: checkpoint.load_checkpoint(path, {"model": model}),
    ),
    "load_checkpoint": resume,
    "PCA": pca,
    "KMeans": k_means,
    "DBSCAN": dbscan,
    "k_distances": lambda put: k_distances(put(ROWS), 4),
    "KNeighborsClassifier": k_neighbors,
    "nearest": lambda put: neighbors.nearest(put(MANY[:50]), put(MANY), 4),
    "LinearRegression": linear_regression,
    "LogisticRegression": logistic_regression,
    "LinearSVM": linear_svm,
    "MLP": mlp,
    "CNN": says(lambda: CNN(n_classes=2, channels=(4, 4)), IMAGES),
    "Autoencoder": says(lambda: Autoencoder(2, 1, hidden=(4,)), X),
    "ConvAutoencoder": says(lambda: ConvAutoencoder(4, channels=(2, 3)), IMAGES),
    "Generator": says(lambda: gan.Generator(2, n_classes=2, channels=(2, 3)), X, y),
    "Discriminator": says(lambda: gan.Discriminator(n_classes=2, channels=(2, 3)), IMAGES, DIGITS),
    "discriminator_step": lambda put: gan_step("discriminator_step", put),
    "generator_step": lambda put: gan_step("generator_step", put),
    "train_gan": train_gan,
    "sample_noise": lambda put: gan.sample_noise(3, 2, put(X), device.seeded(0)),
    "aggregate": lambda put: gnn.aggregate(put(X), put(EDGES)),
    "normalized_adjacency": lambda put: graph(put).to_dense(),
    "GCN": gcn,
    "GCNConv": lambda put: put(built(lambda: gnn.GCNConv(2, 3)))(put(X), graph(put)),
    "fit_nodes": fit_nodes,
    "node_accuracy": fit_nodes,
    "Pipeline": lambda put: model_scores("cross_val_score", put, k=3),
    "cross_val_score": lambda put: model_scores("cross_val_score", put, k=4),
    "learning_curve": lambda put: model_scores("learning_curve", put, sizes=[9, 20]),
    "validation_curve": lambda put: model_scores(
        "validation_curve", put, name="model.n_neighbors", values=[1, 3]
    ),
    "History": train,
    "train": lambda put: train(put, lambda: CNN(n_classes=2, channels=(4,)), IMAGES),
    "evaluate": train,
}  # fmt: skip
ON_THE_CPU = {  # what is read or drawn before anything is moved, and scores, one number each
    "to_numpy", "seeded", "load_iris", "load_anscombe", "load_income", "load_penguins",
    "load_mnist", "load_weights", "load_karate", "to_tensors", "make_moons", "make_blobs",
    "k_fold", "precision", "recall", "f1",
    "Pipeline", "cross_val_score", "learning_curve", "validation_curve",
}  # fmt: skip


def flat(value):
    """Return all tensors and numbers in a value, in order."""
    if isinstance(value, np.ndarray):
        return [torch.from_numpy(value)]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in flat(part)]
    return [] if value is None else [value]
