"""The course's data, read from `data/` without a network, and two generators of toy data.

Every file is compared with its checksum before it is used; nothing is ever written or unpacked.
Sources, licences and how each file was made: `data/README.md`. All tensors are on the CPU.
"""

import gzip
import hashlib
import io
import math
import numbers
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from d4sci.device import seeded
from d4sci.support.checks import require_between, require_choice, require_matrix

Table = Any  # a pandas.DataFrame; pandas is loaded when the first one is read

CHECKSUMS = {
    "anscombe.csv": "31b88896835ec71fc5f5b32f5cd37cdc26d798d4db9ed48bbedde662520e6246",
    "income.csv": "31584d40bf6f237fa94faf3045966fc1ba813c863c5d27a73af6323f584cc81e",
    "iris.csv": "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355",
    "mnist-cnn.pt": "9d5691007e3775a57e0ad85e9e1001c402b0c82737c6fbc3b41fd99a5fba389f",
} | {
    f"MNIST/raw/{part}-ubyte.gz": checksum
    for part, checksum in {
        "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    }.items()
}
"""SHA-256 of every data file: name relative to `data_path()` -> hexadecimal digits."""


def data_path(name: str = "") -> Path:
    """Return the path of a file of the data folder, or of the folder itself.

    The folder is `$D4SCI_DATA` where that is set, else `data/` beside the package.
    """
    chosen = os.environ.get("D4SCI_DATA")
    folder = Path(chosen).expanduser() if chosen else Path(__file__).parents[1] / "data"
    return folder.absolute() / name


def _cure():
    chosen = os.environ.get("D4SCI_DATA")
    hint = f" D4SCI_DATA is set to {chosen}: is that the course's data folder?" if chosen else ""
    return "get it back with `git checkout -- data` in the course's repository." + hint


def _read(name):
    """Return the bytes of a data file once its checksum agrees.

    Raises FileNotFoundError (no such file) or ValueError (truncated or otherwise changed).
    """
    path = data_path(name)
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path} is missing; {_cure()}") from None
    found = hashlib.sha256(raw).hexdigest()
    if found != CHECKSUMS[name]:
        raise ValueError(
            f"{path} is damaged: expected SHA-256 {CHECKSUMS[name]}, got {found} "
            f"from {len(raw)} bytes; {_cure()}"
        )
    return raw


def verify_data() -> dict[str, str | None]:
    """Return what is wrong with each data file: `{name: None}` if sound, else `{name: message}`."""
    report = dict.fromkeys(CHECKSUMS)
    for name in report:
        try:
            _read(name)
        except (OSError, ValueError) as error:
            report[name] = str(error)
    return report


def _read_csv(name):
    import pandas as pd

    return pd.read_csv(io.BytesIO(_read(name)))


def load_penguins() -> Table:
    """Return the Palmer penguins as a DataFrame of 333 rows: 146 Adelie, 119 Gentoo, 68 Chinstrap.

    The 11 of 344 rows with a missing value are dropped and the rest renumbered. Bill and flipper
    in millimetres, body mass in grams.

    Source: Gorman, Williams & Fraser (2014), doi:10.1371/journal.pone.0090081.
    """
    from palmerpenguins import load_penguins as load_all

    return load_all().dropna().reset_index(drop=True)


def load_iris() -> Table:
    """Return Fisher's irises as a DataFrame of 150 rows, 50 each of three species; centimetres.

    Columns: sepal_length, sepal_width, petal_length, petal_width, species.

    Source: Fisher (1936), doi:10.1111/j.1469-1809.1936.tb02137.x.
    """
    return _read_csv("iris.csv")


def load_anscombe() -> Table:
    """Return Anscombe's quartet as a DataFrame of 44 rows: dataset (I, II, III or IV), x, y.

    Source: Anscombe (1973), doi:10.1080/00031305.1973.10478966.
    """
    return _read_csv("anscombe.csv")


def load_income() -> Table:
    """Return income (in 10,000 dollars) and happiness (a score) as a DataFrame of 498 rows.

    The people are invented: a synthetic twin of the slides' survey, with its mean and spread of
    income and its regression line, happiness = 0.20427 + 0.71383·income (`tools/make_income.py`).
    """
    return _read_csv("income.csv")


def to_tensors(
    table: Table, features: Sequence[str], target: str
) -> tuple[Tensor, Tensor, list[str]]:
    """Return columns of a DataFrame as `(X, y, classes)`.

    features: list of numeric columns -> X, float32, shape (n, d).
    target: a column. Text or categories -> y holds codes, int64, shape (n,), and classes the
        sorted names, so that `classes[y[i]]` is the name; numbers -> y float32, classes empty.

    Raises ValueError (unknown column, missing values) or TypeError (one name instead of a list,
    a feature that is not numeric).
    """
    if isinstance(features, str):
        raise TypeError(f"features must be a list of columns, got {features!r}; use [{features!r}]")
    _require_columns(table, list(features), target)
    X = torch.from_numpy(table[list(features)].to_numpy("float32", copy=True))  # (n, d)
    column = table[target]
    if column.dtype.kind in "biuf":
        return X, torch.from_numpy(column.to_numpy("float32", copy=True)), []
    classes = sorted(set(column))
    codes = {name: code for code, name in enumerate(classes)}
    y = torch.tensor([codes[name] for name in column], dtype=torch.int64, device="cpu")  # (n,)
    return X, y, classes


def _require_columns(table, features, target):
    if not features:
        raise ValueError(f"features is empty; choose from {', '.join(map(str, table.columns))}")
    for name in [*features, target]:
        require_choice("column", name, list(table.columns))
        missing = table[name].isna().sum()
        if missing > 0:
            raise ValueError(f"column {name!r} has {missing} missing values; use table.dropna()")
    for name in features:
        if table[name].dtype.kind not in "biuf":
            raise TypeError(
                f"feature {name!r} must be numeric, got {table[name].dtype}; leave it out, "
                f"or encode it with pandas.get_dummies(table, columns=[{name!r}])"
            )


def load_mnist(split: str = "train") -> tuple[Tensor, Tensor]:
    """Return the handwritten digits `(images, labels)` of a split, read in memory.

    split: "train" (n = 60,000) or "test" (n = 10,000).
    images: uint8, shape (n, 28, 28), 0 (paper) to 255 (ink). labels: int64, shape (n,), 0 to 9.

    Raises ValueError (split, damaged file) or FileNotFoundError.
    Source: LeCun, Bottou, Bengio & Haffner (1998), doi:10.1109/5.726791.
    """
    require_choice("split", split, ("train", "test"))
    part = {"train": "train", "test": "t10k"}[split]
    images = _read_idx(f"MNIST/raw/{part}-images-idx3-ubyte.gz", rank=3)
    return images, _read_idx(f"MNIST/raw/{part}-labels-idx1-ubyte.gz", rank=1).long()


def _read_idx(name, *, rank):
    """Return an IDX file as a uint8 tensor: magic 0x0800 + rank, the sizes, then the bytes."""
    raw = gzip.decompress(_read(name))
    start = 4 + 4 * rank
    magic, *shape = (int.from_bytes(raw[i : i + 4], "big") for i in range(0, start, 4))
    if magic != 0x0800 + rank or len(raw) != start + math.prod(shape):
        raise ValueError(
            f"{data_path(name)} is not an IDX file of rank {rank}: magic {magic:#06x}, "
            f"sizes {shape}, {len(raw)} bytes; {_cure()}"
        )
    # bytearray and clone: memory that is writable and the tensor's own
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8)[start:].reshape(shape).clone()


def load_weights(name: str) -> dict[str, Tensor]:
    """Return the trained weights of a file of the data folder as a state_dict on the CPU.

    name: "mnist-cnn.pt", for `CNN()`. Raises FileNotFoundError, or ValueError (name, damaged).
    """
    require_choice("name", name, [file for file in CHECKSUMS if file.endswith(".pt")])
    return torch.load(io.BytesIO(_read(name)), map_location="cpu", weights_only=True)


def load_karate() -> tuple[Tensor, Tensor]:
    """Return Zachary's karate club `(edge_index, y)`: who met whom, and whom each member followed.

    edge_index: int64, shape (2, 156): both directions of the 78 friendships, without weights,
        sorted, as PyTorch Geometric writes them.
    y: int64, shape (34,): 0 for Mr. Hi, 1 for the Officer, when the club split.

    Source: Zachary (1977), doi:10.1086/jar.33.4.3629752.
    """
    import networkx as nx

    club = nx.karate_club_graph()
    back = [(b, a) for a, b in club.edges]
    pairs = sorted([*club.edges, *back])
    y = [int(club.nodes[member]["club"] == "Officer") for member in range(len(club))]
    return torch.tensor(pairs, device="cpu").T.contiguous(), torch.tensor(y, device="cpu")


def make_moons(
    n_samples: int = 100, *, noise: float = 0.05, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Draw two half circles of radius 1 that reach into each other, in random order.

    n_samples: points in all, half of them (rounded down) on the upper moon, class 0.
    noise: standard deviation of each coordinate, ≥ 0.

    Returns X, float32, shape (n_samples, 2), and y, int64, shape (n_samples,). Raises TypeError or
    ValueError for a number of points that is not whole or below 1, and for bad noise.
    """
    require_between("n_samples", n_samples, 1, math.inf)
    require_between("noise", noise, 0.0, 1e300)
    n_upper = n_samples // 2
    upper = torch.linspace(0, math.pi, n_upper, dtype=torch.float64, device="cpu")  # angles
    lower = torch.linspace(0, math.pi, n_samples - n_upper, dtype=torch.float64, device="cpu")
    x1 = torch.cat([upper.cos(), 1 - lower.cos()])
    x2 = torch.cat([upper.sin(), 0.5 - lower.sin()])
    y = (torch.arange(n_samples, device="cpu") >= n_upper).long()
    return _shuffled_with_noise(torch.stack([x1, x2], dim=1), y, noise, seeded(seed))


def make_blobs(
    n_samples: int | Sequence[int] = 100, *, centers: int | Tensor = 3, n_features: int = 2,
    std: float | Sequence[float] = 1.0, seed: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Draw normally distributed clusters, in random order.

    n_samples: points in all, shared out evenly; or a list, the points of each cluster.
    centers: number k of clusters, with centres drawn from [-10, 10)ᵈ; or the centres, (k, d).
    n_features: d, where the centres are drawn.
    std: standard deviation of each coordinate, ≥ 0; or a list, one for each cluster.

    Returns X, float32, shape (n, d), and y, int64, shape (n,), the cluster of each row. Raises
    TypeError or ValueError for counts not whole or below 1, for bad centres, and for bad std.
    """
    generator = seeded(seed)
    if isinstance(centers, numbers.Integral):
        require_between("centers", centers, 1, math.inf)
        require_between("n_features", n_features, 1, math.inf)
        centers = torch.empty(centers, n_features, dtype=torch.float64, device="cpu")
        centers.uniform_(-10, 10, generator=generator)
    require_matrix(centers, "centers")
    sizes = _cluster_sizes(n_samples, len(centers))
    y = torch.arange(len(sizes), device="cpu").repeat_interleave(torch.tensor(sizes, device="cpu"))
    std = _deviations(std, len(centers))
    return _shuffled_with_noise(centers.to("cpu", torch.float64)[y], y, std[y, None], generator)


def _cluster_sizes(n_samples, k):
    """Return the number of points of each of the k clusters."""
    if not isinstance(n_samples, list | tuple):
        require_between("n_samples", n_samples, 1, math.inf)
        share, rest = divmod(int(n_samples), k)
        n_samples = [share + 1] * rest + [share] * (k - rest)  # what is left over goes to the first
    if len(n_samples) != k:
        raise ValueError(f"n_samples must list one size for each of {k} clusters, got {n_samples}")
    for size in n_samples:
        require_between("n_samples of each cluster", size, 1, math.inf)
    return n_samples


def _shuffled_with_noise(X, y, std, generator):
    """Return the rows in random order, with normal noise added."""
    # float64 until the end: float32 noise differs in its last digits between processors
    noise = torch.randn(X.shape, generator=generator, dtype=torch.float64, device="cpu")
    order = torch.randperm(len(y), generator=generator, device="cpu")
    return (X + std * noise)[order].float(), y[order]


def _deviations(std, k):
    """Return k standard deviations, float64, from one number or k of them."""
    std = list(std) if isinstance(std, list | tuple) else [std] * k
    if len(std) != k:
        raise ValueError(f"std must be a number or a list of {k}, got {std}")
    for value in std:
        require_between("std", value, 0.0, 1e300)
    return torch.tensor(std, dtype=torch.float64, device="cpu")
