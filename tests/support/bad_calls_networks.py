"""The same for networks, for graphs, and for what trains and scores a model."""

import torch
from torch import nn

from d4sci import gan, gnn, model_selection, training
from d4sci.cnn import CNN
from d4sci.neighbors import KNeighborsClassifier
from tests.support import bad_arguments as bad
from tests.support.bad_calls import CALLS as CALLS
from tests.support.bad_calls import DATA, GROUPS, X, Y, add

RING = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 0]])
A = gnn.normalized_adjacency(RING, 8)
LABELS_OF_TWO = (Y, bad.CLASSES | bad.OUT_OF_RANGE)


def small_gan(X, y, **options):
    widths = {"n_classes": 2, "channels": (2, 2)}
    return gan.train_gan(gan.Generator(4, **widths), gan.Discriminator(**widths), X, y, **options)


def fit(**chosen):
    return training.train(nn.Linear(2, 2), loss_fn=nn.functional.cross_entropy, **chosen)


def score(kind, *arguments, **options):
    return getattr(model_selection, kind)(KNeighborsClassifier(1), *arguments, **options)


add("CNN", CNN(), X=(torch.rand(3, 1, 28, 28), bad.IMAGES))
add("CNN()", lambda image_size: CNN(image_size=image_size), image_size=(28, bad.COUNT))
add("train_gan", small_gan, X=(torch.rand(8, 1, 28, 28), bad.NO_TENSOR), y=LABELS_OF_TWO,
    steps=(1, bad.COUNT), batch_size=(2, bad.COUNT))  # fmt: skip
add("aggregate", gnn.aggregate, H=DATA, edge_index=(RING, bad.EDGES))
add("normalized_adjacency", gnn.normalized_adjacency, edge_index=(RING, bad.EDGES),
    n=(8, bad.COUNT | {"too small": lambda n: 7}))  # fmt: skip
add("fit_nodes",
    lambda y, epochs: gnn.fit_nodes(gnn.GCN(2, 3, 2), X.float(), A, y, torch.arange(8),
                                    epochs=epochs),
    y=LABELS_OF_TWO, epochs=(1, bad.COUNT))  # fmt: skip
add("GCN", gnn.GCN(2, 3, 2), X=(X.float(), bad.NO_TENSOR | bad.NO_FLOATS),
    A=(A, {"nothing": lambda A: None, "the edges": lambda A: RING, "dense, of others":
           lambda A: torch.eye(7), "of other nodes": lambda A: gnn.normalized_adjacency(RING, 9)}),
    )  # fmt: skip
ROWS = bad.NO_TENSOR | bad.NO_ROWS | bad.OTHER_LENGTH
INPUTS = {"X": (X.float(), ROWS | bad.NOT_FINITE), "y": (Y, ROWS)}
add("train", fit, **INPUTS, epochs=(1, bad.WHOLE), batch_size=(4, bad.COUNT))
add("train(validation)", lambda X, y, patience: fit(
    X=torch.ones(3, 2), y=Y[:3], validation=(X, y), patience=patience, epochs=1),
    **INPUTS, patience=(1, bad.COUNT_OR_NONE))  # fmt: skip
add("evaluate",
    lambda X, y: training.evaluate(nn.Linear(2, 2), X, y, loss_fn=nn.functional.cross_entropy),
    **INPUTS)  # fmt: skip
FOLDS = {"X": DATA, "y": (Y, bad.without(bad.CLASSES, "one number")),
         "k": (3, bad.AT_MOST), "stratify": GROUPS}  # fmt: skip
add("cross_val_score", lambda **a: score("cross_val_score", **a), **FOLDS)
add("learning_curve", lambda size, **a: score("learning_curve", sizes=[size], **a), **FOLDS,
    size=(2, bad.AT_MOST))  # fmt: skip
add("learning_curve, of none", lambda sizes: score("learning_curve", X, Y, sizes, k=2),
    sizes=([1, 2], {"empty": lambda v: []}))  # fmt: skip
add("validation_curve",
    lambda value, **a: score("validation_curve", name="n_neighbors", values=[value], **a), **FOLDS,
    value=(2, bad.AT_MOST))  # fmt: skip
