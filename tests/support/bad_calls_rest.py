"""The same for the networks of notebook 5, and for seeds, pipelines and descents."""

import torch

from d4sci import autoencoder, data, device, gan, gnn, model_selection, preprocessing
from d4sci.engines import descent
from d4sci.neighbors import KNeighborsClassifier
from tests.support import bad_arguments as bad
from tests.support.bad_calls import DATA, X, Y, add
from tests.support.bad_calls_networks import CALLS as CALLS
from tests.support.bad_calls_networks import A

G, D = gan.Generator(2, channels=(2, 2)), gan.Discriminator(channels=(2, 2))
# A network may meet NaN, and a dtype that is not its own PyTorch names well.
NO_FAULTS = "NaN", "one infinity", "no rows", "no columns", "half precision"
ROWS = X.float(), bad.without(bad.FITTED, *NO_FAULTS)
PICTURES = torch.rand(8, 1, 28, 28), bad.IMAGES
SEED = (
    0,
    bad.without(bad.WHOLE, "a list", "infinity", "minus infinity") | {"a list": lambda v: [1, 2]},
)
FLAT, CONVOLUTIONAL = autoencoder.Autoencoder(2, 3), autoencoder.ConvAutoencoder(2)

add("Autoencoder", FLAT, X=ROWS)
add("Autoencoder.encode", FLAT.encode, X=ROWS)
add("Autoencoder.decode", autoencoder.Autoencoder(5, 2).decode, Z=ROWS)
add("ConvAutoencoder", CONVOLUTIONAL, X=PICTURES)
add("ConvAutoencoder.decode", CONVOLUTIONAL.decode, Z=ROWS)
add("Generator", G, Z=ROWS)
add("Discriminator", D, images=PICTURES)
LABELS = Y, bad.CLASSES | {"none": lambda y: None, "of a class too many": lambda y: y + 1}
G2, D2 = gan.Generator(2, n_classes=2, channels=(2, 2)), gan.Discriminator(n_classes=2)
add("Generator(n_classes=2)", lambda labels: G2(X.float(), labels), labels=LABELS)
add("Discriminator(n_classes=2)", lambda labels: D2(PICTURES[0], labels), labels=LABELS)
add("Generator, without classes", lambda labels: G(X.float(), labels),
    labels=(None, {"labels": lambda _: Y}))  # fmt: skip
add("node_accuracy", lambda y: gnn.node_accuracy(gnn.GCN(2, 3, 2), X.float(), A, y, Y),
    y=(Y, bad.CLASSES))  # fmt: skip
for name, call in (
    ("seeded", device.seeded),
    ("make_moons, seed", lambda seed: data.make_moons(9, seed=seed)),
    ("make_blobs, seed", lambda seed: data.make_blobs(9, seed=seed)),
    ("train_test_split, seed", lambda seed: preprocessing.train_test_split(X, seed=seed)),
    ("k_fold, seed", lambda seed: list(preprocessing.k_fold(9, 3, seed=seed))),
):
    add(name, call, seed=SEED)
add("Pipeline.fit", lambda **a: model_selection.Pipeline(
    preprocessing.StandardScaler(), KNeighborsClassifier(2)).fit(**a), X=DATA,
    y=(Y, bad.CLASSES))  # fmt: skip
add("require_descent", descent.require_descent, lr=(0.1, bad.POSITIVE_OR_NONE),
    max_iter=(9, bad.COUNT), tol=(0.1, bad.TOLERANCE))  # fmt: skip
