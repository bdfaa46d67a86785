import gzip
import hashlib
import importlib.util
import pickle
import random
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import linregress
from sklearn import datasets as sk

from d4sci import data
from d4sci.data import (
    CHECKSUMS,
    data_path,
    load_anscombe,
    load_income,
    load_iris,
    load_karate,
    load_mnist,
    load_penguins,
    load_weights,
    make_blobs,
    make_moons,
    to_tensors,
    verify_data,
)

REPO = Path(__file__).resolve().parents[2]
LOADERS = {"iris.csv": load_iris, "anscombe.csv": load_anscombe, "income.csv": load_income}
LOADERS |= {"mnist-cnn.pt": lambda: load_weights("mnist-cnn.pt")} | {
    f"MNIST/raw/{part}-{kind}-ubyte.gz": lambda split=split: load_mnist(split)
    for part, split in (("train", "train"), ("t10k", "test"))
    for kind in ("images-idx3", "labels-idx1")
}


@pytest.fixture(autouse=True)
def _own_data(monkeypatch):
    monkeypatch.delenv("D4SCI_DATA", raising=False)


@pytest.fixture
def cut_network(monkeypatch):
    class NetworkUsed(BaseException):
        """Not an Exception: no `except` of a library may swallow it."""

    def refuse(*args, **kwargs):
        raise NetworkUsed(args)

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return NetworkUsed


def columns(table, *names):
    return (table[name].to_numpy() for name in names)


# --- the tables


def test_penguins_are_the_complete_rows():
    table = load_penguins()
    assert table.species.value_counts().to_dict() == {"Adelie": 146, "Gentoo": 119, "Chinstrap": 68}
    assert not table.isna().any().any()
    assert list(table.index) == list(range(333))


def test_iris_is_that_of_scikit_learn():
    ours, theirs = load_iris(), sk.load_iris()
    assert list(ours) == ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    assert np.array_equal(ours.iloc[:, :4].to_numpy(), theirs.data)
    assert list(ours.species) == list(theirs.target_names[theirs.target])


def test_iris_is_not_the_misprinted_file():
    # flowers 35 and 38 of Fisher's table
    assert list(load_iris().iloc[34, :4]) == [4.9, 3.1, 1.5, 0.2]
    assert list(load_iris().iloc[37, :4]) == [4.9, 3.6, 1.4, 0.1]


ANSCOMBE = {  # variance of y, correlation, slope and intercept to seven digits
    "I": (4.127269, 0.8164205, 0.5000909, 3.0000909),
    "II": (4.127629, 0.8162365, 0.5000000, 3.0009091),
    "III": (4.122620, 0.8162867, 0.4997273, 3.0024545),
    "IV": (4.123249, 0.8165214, 0.4999091, 3.0017273),
}


@pytest.mark.parametrize("name", ANSCOMBE)
def test_anscombe_has_its_famous_figures(name):
    table = load_anscombe()
    assert list(table) == ["dataset", "x", "y"]
    assert list(table.dataset.unique()) == list(ANSCOMBE)
    x, y = columns(table[table.dataset == name], "x", "y")
    assert len(x) == 11
    assert x.mean() == 9
    assert x.var(ddof=1) == 11
    assert f"{y.mean():.2f}" == "7.50"
    line = linregress(x, y)
    found = y.var(ddof=1), line.rvalue, line.slope, line.intercept
    assert found == pytest.approx(ANSCOMBE[name], abs=6e-7)  # half a unit of the last digit


def test_anscombe_sets_differ_as_they_should():
    table = load_anscombe()
    x = {name: rows.x.to_numpy() for name, rows in table.groupby("dataset")}
    y = {name: rows.y.to_numpy() for name, rows in table.groupby("dataset")}
    assert np.array_equal(x["I"], x["II"])
    assert np.array_equal(x["I"], x["III"])
    assert sorted(set(x["IV"])) == [8, 19]
    curve = np.polyfit(x["II"], y["II"], 2)
    assert np.abs(np.polyval(curve, x["II"]) - y["II"]).max() < 0.01
    line = np.polyfit(np.delete(x["III"], 2), np.delete(y["III"], 2), 1)  # all but the outlier
    assert np.abs(np.polyval(line, np.delete(x["III"], 2)) - np.delete(y["III"], 2)).max() < 0.01


# --- the income twin


INCOME = {  # as printed by R's summary of the survey, and by the slides
    "mean of income": "4.467",
    "sd of income": "1.7377",
    "mean of happiness": "3.393",
    "intercept": "0.20427",
    "slope": "0.71383",
    "se of intercept": "0.08884",
    "se of slope": "0.01854",
    "t of intercept": "2.299",
    "t of slope": "38.505",
    "residual se": "0.7181",
    "R2": "0.7493",
    "adjusted R2": "0.7488",
    "F": "1483",
}


@pytest.fixture(scope="module")
def income_figures():
    income, happiness = columns(load_income(), "income", "happiness")
    line = linregress(income, happiness)
    n, r2 = len(income), line.rvalue**2
    residuals = happiness - line.intercept - line.slope * income
    return {
        "mean of income": income.mean(),
        "sd of income": income.std(ddof=1),
        "mean of happiness": happiness.mean(),
        "intercept": line.intercept,
        "slope": line.slope,
        "se of intercept": line.intercept_stderr,
        "se of slope": line.stderr,
        "t of intercept": line.intercept / line.intercept_stderr,
        "t of slope": line.slope / line.stderr,
        "residual se": np.sqrt(residuals @ residuals / (n - 2)),
        "R2": r2,
        "adjusted R2": 1 - (1 - r2) * (n - 1) / (n - 2),
        "F": r2 / (1 - r2) * (n - 2),
    }


@pytest.mark.parametrize("figure", INCOME)
def test_income_prints_the_published_figures(figure, income_figures):
    digits = len(INCOME[figure].partition(".")[2])
    assert f"{income_figures[figure]:.{digits}f}" == INCOME[figure]


def test_income_fit_is_exact_beyond_the_printed_digits():
    income, happiness = columns(load_income(), "income", "happiness")
    A = np.stack([np.ones_like(income), income], axis=1)
    solution = np.linalg.lstsq(A, happiness, rcond=None)[0]
    assert np.allclose(solution, [0.20427, 0.71383], rtol=0, atol=2e-7)  # six decimals are stored


def test_income_lies_where_the_survey_does():
    income, happiness = columns(load_income(), "income", "happiness")
    assert income.shape == happiness.shape == (498,)
    assert 1.5 <= income.min() < 1.6
    assert 7.4 < income.max() <= 7.5
    assert 0.2 < happiness.min() < 0.5
    assert 6.5 < happiness.max() < 7
    # no curve hides in the twin: a quadratic explains hardly more than the line
    residuals = happiness - np.polyval(np.polyfit(income, happiness, 2), income)
    assert residuals @ residuals > 0.995 * 0.7181**2 * 496


def test_income_gives_the_principal_axes_of_the_slides():
    X = load_income().to_numpy()
    values, vectors = np.linalg.eigh(np.cov(X.T))
    assert [f"{v:.4f}" for v in values[::-1] / values.sum()] == ["0.9354", "0.0646"]
    assert [f"{abs(v):.3f}" for v in vectors[:, 1]] == ["0.781", "0.625"]
    uncentred = np.linalg.svd(X)[2][0]
    assert [f"{abs(v):.3f}" for v in uncentred] == ["0.794", "0.607"]


@pytest.fixture
def make_income():
    spec = importlib.util.spec_from_file_location("make_income", REPO / "tools/make_income.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_income_is_remade_byte_for_byte(tmp_path):
    script = REPO / "tools/make_income.py"
    subprocess.run([sys.executable, script, tmp_path / "new.csv"], check=True, cwd=tmp_path)
    assert (tmp_path / "new.csv").read_bytes() == data_path("income.csv").read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["new.csv"]


def test_income_is_written_whole_or_not_at_all(make_income, tmp_path, monkeypatch):
    target = tmp_path / "income.csv"
    target.write_text("old")
    monkeypatch.setattr(make_income, "SEED", 0)  # stretches beyond 1.5 to 7.5
    with pytest.raises(ValueError, match="seed 0 draws incomes outside"):
        make_income.write(target)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("income.csv", "old")]


# --- MNIST and the karate club


@pytest.mark.parametrize(
    ("split", "first", "counts"),
    [
        ("train", [5, 0, 4, 1, 9], [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [7, 2, 1, 0, 4], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist_holds_the_published_digits(split, first, counts):
    images, labels = load_mnist(split)
    assert images.shape == (sum(counts), 28, 28)
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert labels.bincount().tolist() == counts
    assert labels[:5].tolist() == first
    images[0], labels[0] = 7, 7  # writable
    assert images.is_contiguous()
    assert images.untyped_storage().nbytes() == images.numel()  # and no more than its own


def test_mnist_pixels_have_the_well_known_mean_and_spread():
    counts = np.bincount(load_mnist()[0].numpy().ravel(), minlength=256)
    values = np.arange(256) / 255
    mean = np.average(values, weights=counts)
    assert f"{mean:.4f}" == "0.1307"
    assert f"{np.average((values - mean) ** 2, weights=counts) ** 0.5:.4f}" == "0.3081"


def test_mnist_rejects_another_split():
    with pytest.raises(ValueError, match="split must be one of 'train', 'test', got 'valid'"):
        load_mnist("valid")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x00\x08\x03" + b"\x00\x00\x00\x02" + b"ab",  # rank 3 in the magic
        b"\x00\x00\x09\x01" + b"\x00\x00\x00\x02" + b"ab",  # signed bytes
        b"\x00\x00\x08\x01" + b"\x00\x00\x00\x03" + b"ab",  # too few
        b"\x00\x00\x08\x01" + b"\x00\x00\x00\x01" + b"ab",  # too many
        b"\x00\x00\x08",
        b"",
    ],
)
def test_idx_header_is_checked(raw, monkeypatch):
    monkeypatch.setattr(data, "_read", lambda name: gzip.compress(raw))
    with pytest.raises(ValueError, match=r"labels\.gz is not an IDX file of rank 1"):
        data._read_idx("labels.gz", rank=1)


def test_idx_is_read_in_row_order(monkeypatch):
    sizes = b"".join(n.to_bytes(4, "big") for n in (2, 1, 3))
    raw = b"\x00\x00\x08\x03" + sizes + bytes([1, 2, 3, 4, 5, 255])
    monkeypatch.setattr(data, "_read", lambda name: gzip.compress(raw))
    assert data._read_idx("x", rank=3).tolist() == [[[1, 2, 3]], [[4, 5, 255]]]


def test_torchvision_accepts_an_untouched_copy(tmp_path, monkeypatch, cut_network):
    import torchvision

    def refuse(url, *args, **kwargs):
        raise cut_network(url)

    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", refuse)
    shutil.copytree(data_path("MNIST"), tmp_path / "MNIST")
    for split in ("train", "test"):
        theirs = torchvision.datasets.MNIST(tmp_path, train=split == "train", download=True)
        images, labels = load_mnist(split)
        assert torch.equal(theirs.data, images)
        assert torch.equal(theirs.targets, labels)
    # the guard itself: one archive less, and torchvision goes to the network
    for file in (tmp_path / "MNIST/raw").glob("t10k-labels*"):
        file.unlink()
    with pytest.raises(cut_network):
        torchvision.datasets.MNIST(tmp_path, download=True)


def test_karate_club_is_zacharys():
    edge_index, y = load_karate()
    assert edge_index.shape == (2, 156)
    assert (edge_index.dtype, y.dtype) == (torch.int64, torch.int64)
    assert edge_index.is_contiguous()
    pairs = [tuple(pair) for pair in edge_index.T.tolist()]
    assert pairs == sorted(set(pairs))
    assert set(pairs) == {(b, a) for a, b in pairs}
    assert {(a, b) for a, b in pairs if a < b} == set(nx.karate_club_graph().edges)
    assert edge_index[0].bincount()[[0, 33]].tolist() == [16, 17]  # Mr. Hi's and the Officer's
    assert y.bincount().tolist() == [17, 17]
    assert y[[0, 33]].tolist() == [0, 1]


# --- files: where they are, what is wrong with them, how to get them back


def test_data_is_found_from_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_path() == REPO / "data"
    assert data_path("MNIST/raw") == REPO / "data" / "MNIST" / "raw"
    assert len(load_iris()) == 150


def test_data_path_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for chosen, expected in [(tmp_path, tmp_path), ("here", tmp_path / "here")]:
        monkeypatch.setenv("D4SCI_DATA", str(chosen))
        assert data_path("iris.csv") == expected / "iris.csv"
    monkeypatch.setenv("D4SCI_DATA", "~/somewhere")
    assert data_path() == Path.home() / "somewhere"
    monkeypatch.setenv("D4SCI_DATA", "")
    assert data_path() == REPO / "data"


def files_in(folder):
    return sorted(
        (str(file.relative_to(folder)), file.stat().st_mtime_ns, file.stat().st_size)
        for file in folder.rglob("*")
    )


@pytest.mark.parametrize("harm", ["missing", "truncated", "flipped", "empty"])
@pytest.mark.parametrize("name", LOADERS)
def test_missing_or_damaged_file_is_named_with_its_cure(name, harm, tmp_path, monkeypatch):
    part = name.partition("-")[0]
    for other in [n for n in CHECKSUMS if n.startswith(part)]:  # what its loader reads
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_path(other), tmp_path / other)
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path))
    path = tmp_path / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    damaged = {"truncated": raw[:-1], "flipped": raw, "empty": b"", "missing": None}[harm]
    path.unlink() if damaged is None else path.write_bytes(damaged)
    before = files_in(tmp_path)
    kind = FileNotFoundError if harm == "missing" else ValueError
    with pytest.raises(kind) as caught:
        LOADERS[name]()
    message = str(caught.value)
    assert str(path) in message
    assert "git checkout -- data" in message
    assert f"D4SCI_DATA is set to {tmp_path}" in message
    if damaged is not None:
        assert f"is damaged: expected SHA-256 {CHECKSUMS[name]}, got " in message
        assert f"from {len(damaged)} bytes" in message
    assert files_in(tmp_path) == before


def test_message_does_not_speak_of_an_unset_variable(monkeypatch):
    monkeypatch.setitem(CHECKSUMS, "iris.csv", "0" * 64)
    with pytest.raises(ValueError, match=r"iris\.csv is damaged.*git checkout -- data") as caught:
        load_iris()
    assert "D4SCI_DATA" not in str(caught.value)


def test_loaders_write_nothing():
    before = files_in(data_path())
    for load in (load_iris, load_anscombe, load_income, load_penguins, load_karate, verify_data):
        load()
    for split in ("train", "test"):
        load_mnist(split)
    assert files_in(data_path()) == before


def test_verify_data_finds_every_file_sound():
    assert verify_data() == dict.fromkeys(CHECKSUMS)


def test_verify_data_reports_and_never_raises(tmp_path, monkeypatch):
    (tmp_path / "iris.csv").write_bytes(b"sepal_length")
    (tmp_path / "income.csv").mkdir()
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path))
    report = verify_data()
    assert list(report) == list(CHECKSUMS)
    assert "iris.csv is damaged" in report["iris.csv"]
    assert "anscombe.csv is missing" in report["anscombe.csv"]
    assert "income.csv" in report["income.csv"]
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path / "iris.csv"))  # a file, not a folder
    assert all("is missing" in message for message in verify_data().values())


def count_rows(name):
    raw = data_path(name).read_bytes()
    if name.endswith(".csv"):
        return raw.count(b"\n") - 1
    if name.endswith(".pt"):
        return len(load_weights(name))
    return int.from_bytes(gzip.decompress(raw)[4:8], "big") if "MNIST" in name else None


def test_readme_agrees_with_the_files():
    text = data_path("README.md").read_text("utf-8")
    row = re.compile(r"^\| `(\S+)` \| ([\d,]+) \| ([\d,]+) \| `([0-9a-f]{64})` \|", re.MULTILINE)
    listed = {name: (rows, size, sha) for name, rows, size, sha in row.findall(text)}
    assert {name: sha for name, (_, _, sha) in listed.items()} == CHECKSUMS
    for name, (rows, size, _) in listed.items():
        assert int(size.replace(",", "")) == data_path(name).stat().st_size
        assert int(rows.replace(",", "")) == count_rows(name)


def test_every_file_has_a_checksum():
    files = {
        file.relative_to(data_path()).as_posix()
        for file in data_path().rglob("*")
        if file.is_file() and not file.name.startswith(".")
    }
    assert files - {"README.md"} == set(CHECKSUMS)


@pytest.mark.parametrize("name", [name for name in CHECKSUMS if name.endswith(".csv")])
def test_tables_have_unix_line_ends(name):
    raw = data_path(name).read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"\n")


def test_reading_digits_imports_no_heavy_library():
    code = """if True:
        import sys
        from d4sci.data import load_mnist
        load_mnist("test")
        heavy = {"pandas", "torchvision", "matplotlib", "sklearn", "networkx", "palmerpenguins"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO)


# --- tensors from a table


def test_to_tensors_codes_a_text_column():
    table = load_penguins()
    X, y, classes = to_tensors(table, ["bill_length_mm", "body_mass_g"], "species")
    assert (X.dtype, y.dtype) == (torch.float32, torch.int64)
    assert X.shape == (333, 2)
    assert classes == ["Adelie", "Chinstrap", "Gentoo"]
    assert [classes[i] for i in y] == list(table.species)
    assert np.array_equal(X.numpy(), table[["bill_length_mm", "body_mass_g"]].to_numpy("float32"))
    X[0, 0] = -1
    assert table.bill_length_mm[0] != -1  # the tensor has its own memory


@pytest.mark.parametrize(
    "kind", ["object", "str", "string", "category", pd.CategoricalDtype(["z", "b", "a"], True)]
)
def test_to_tensors_codes_any_kind_of_text(kind):
    table = pd.DataFrame({"x": [1, 2, 3], "name": pd.Series(["b", "a", "b"]).astype(kind)})
    _, y, classes = to_tensors(table, ["x"], "name")
    assert y.tolist() == [1, 0, 1]
    assert classes == ["a", "b"]


def test_to_tensors_keeps_a_numeric_target():
    table = load_income()
    X, y, classes = to_tensors(table, ["income"], "happiness")
    assert (X.shape, y.shape, y.dtype, classes) == ((498, 1), (498,), torch.float32, [])
    assert np.array_equal(y.numpy(), table.happiness.to_numpy("float32"))
    assert y.is_contiguous()


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float32", "Int64", "Float64"])
def test_to_tensors_takes_every_numeric_kind(kind):
    table = pd.DataFrame({"x": pd.Series([0, 1, 1]).astype(kind), "t": [0.5, 1.5, 2.5]})
    X, _, _ = to_tensors(table, ["x", "t"], "t")
    assert X.tolist() == [[0, 0.5], [1, 1.5], [1, 2.5]]
    _, y, classes = to_tensors(table, ["t"], "x")
    assert (y.tolist(), y.dtype, classes) == ([0, 1, 1], torch.float32, [])


@pytest.mark.parametrize(
    ("features", "target", "kind", "message"),
    [
        (["x", "z"], "name", ValueError, "column must be one of 'x', 'gap', 'name', got 'z'"),
        (["x"], "what", ValueError, "column must be one of 'x', 'gap', 'name', got 'what'"),
        (["gap"], "name", ValueError, r"column 'gap' has 1 missing values; use table.dropna\(\)"),
        (["x"], "gap", ValueError, r"column 'gap' has 1 missing values; use table.dropna\(\)"),
        (["x", "name"], "x", TypeError, "feature 'name' must be numeric, got .*; leave it out"),
        ("x", "name", TypeError, r"features must be a list of columns, got 'x'; use \['x'\]"),
        ([], "name", ValueError, "features is empty; choose from x, gap, name"),
    ],
)
def test_to_tensors_says_what_is_wrong(features, target, kind, message):
    table = pd.DataFrame({"x": [1, 2], "gap": [1.0, None], "name": ["a", "b"]})
    with pytest.raises(kind, match=message):
        to_tensors(table, features, target)


# --- moons and blobs


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_moons_without_noise_are_those_of_scikit_learn(n):
    X, y = make_moons(n, noise=0)
    theirs, labels = sk.make_moons(n, shuffle=False, noise=None)
    assert (X.shape, X.dtype, y.dtype) == ((n, 2), torch.float32, torch.int64)
    ours = np.column_stack([X.numpy(), y.numpy()])
    theirs = np.column_stack([theirs, labels])
    for label in (0, 1):  # along each moon x1 is monotonic: sort by it
        a, b = (m[m[:, 2] == label] for m in (ours, theirs))
        assert np.allclose(a[a[:, 0].argsort()], b[b[:, 0].argsort()], rtol=0, atol=2e-7)


def test_moons_noise_is_a_standard_deviation():
    # same seed, same order: the difference is the noise alone
    noise = make_moons(20_000, noise=0.3, seed=4)[0] - make_moons(20_000, noise=0, seed=4)[0]
    assert noise.mean().item() == pytest.approx(0, abs=5 * 0.3 / 40_000**0.5)
    assert noise.std().item() == pytest.approx(0.3, abs=5 * 0.3 / 80_000**0.5)


def test_blobs_share_the_points_out_evenly():
    X, y = make_blobs(11, centers=4, n_features=3)
    assert (X.shape, X.dtype, y.dtype) == ((11, 3), torch.float32, torch.int64)
    assert y.bincount().tolist() == [3, 3, 3, 2]


def test_blobs_sit_on_the_centres_that_were_given():
    centers = torch.tensor([[0.0, 5.0], [3.0, -1.0]])
    X, y = make_blobs([3, 5], centers=centers, std=0)
    assert y.bincount().tolist() == [3, 5]
    assert torch.equal(X, centers[y])


def test_blobs_draw_their_centres_within_ten_of_the_origin():
    X, _ = make_blobs(2000, centers=2000, std=0)
    assert -10 <= X.min() < -9.9
    assert 9.9 < X.max() < 10


def test_blobs_have_the_spread_that_was_asked_for():
    centers = torch.tensor([[-5.0, 0.0], [0.0, 0.0], [5.0, 9.0]])
    X, y = make_blobs([4000, 4000, 2000], centers=centers, std=[0.1, 1.0, 3.0])
    for label, std, n in ((0, 0.1, 4000), (1, 1.0, 4000), (2, 3.0, 2000)):
        cluster = X[y == label]
        five = 5 * std / n**0.5  # five standard errors
        assert torch.allclose(cluster.mean(0), centers[label], rtol=0, atol=five)
        assert torch.allclose(cluster.std(0), torch.tensor([std, std]), rtol=0, atol=five)
        assert abs(cluster.T.corrcoef()[0, 1]) < 5 / n**0.5


@pytest.mark.parametrize("make", [make_moons, make_blobs])
def test_toy_data_depend_on_the_seed_alone(make):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    X, y = make(60, seed=3)
    torch.rand(1, generator=torch.Generator().manual_seed(9))
    again, labels = make(60, seed=3)
    other, _ = make(60, seed=4)
    assert torch.equal(X, again)
    assert torch.equal(y, labels)
    assert not torch.equal(X, other)
    assert y.tolist() != sorted(y.tolist())  # in random order
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == random.getstate()
    state = torch.get_rng_state()
    torch.manual_seed(123)
    assert torch.equal(X, make(60, seed=3)[0])
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("make", "arguments", "kind", "message"),
    [
        (make_moons, {"n_samples": 0}, ValueError, "n_samples must lie between 1 and inf, got 0"),
        (make_moons, {"n_samples": 10.0}, TypeError, "n_samples must be a whole number, got 10.0"),
        (make_moons, {"noise": -0.1}, ValueError, "noise must lie between 0 and 1e.300, got -0.1"),
        (make_moons, {"noise": float("nan")}, ValueError, "noise must lie between 0"),
        (make_moons, {"noise": [0.1, 0.2]}, TypeError, "noise must be a number"),
        (make_blobs, {"n_samples": -1}, ValueError, "n_samples must lie between 1 and inf, got -1"),
        (make_blobs, {"n_samples": 9.5}, TypeError, "n_samples must be a whole number, got 9.5"),
        (make_blobs, {"n_samples": 2}, ValueError, "n_samples of each cluster must lie"),
        (make_blobs, {"n_samples": [5, 5]}, ValueError, r"one size for each of 3 clusters.*5, 5"),
        (make_blobs, {"n_samples": [5, 0, 5]}, ValueError, "each cluster must lie between 1"),
        (make_blobs, {"centers": 0}, ValueError, "centers must lie between 1 and inf, got 0"),
        (make_blobs, {"centers": 2.0}, TypeError, "centers must be a torch.Tensor, got float"),
        (make_blobs, {"centers": torch.ones(3)}, ValueError, "centers must have shape"),
        (make_blobs, {"centers": torch.ones(3, 2).log() / 0}, ValueError, "NaN or infinite"),
        (make_blobs, {"n_features": 0}, ValueError, "n_features must lie between 1 and inf, got 0"),
        (make_blobs, {"std": -1}, ValueError, "std must lie between 0 and 1e.300, got -1"),
        (
            make_blobs,
            {"std": [1, 1, float("inf")]},
            ValueError,
            "std must lie between 0 and 1e.300, got inf",
        ),
        (
            make_blobs,
            {"std": [1, 1]},
            ValueError,
            r"a number or a list of 3, got .1, 1.",
        ),
    ],
)
def test_toy_data_say_what_is_wrong(make, arguments, kind, message):
    with pytest.raises(kind, match=message):
        make(**arguments)


def test_everything_stays_on_the_cpu_whatever_the_default_device():
    with torch.device("meta"):
        tensors = [
            *load_mnist("test"),
            *load_karate(),
            *make_moons(),
            *make_blobs(),
            *make_blobs([3, 4], centers=torch.ones(2, 2, device="cpu"), std=[1, 2]),
            *to_tensors(load_iris(), ["sepal_width"], "species")[:2],
            *to_tensors(load_income(), ["income"], "happiness")[:2],
        ]
    assert {tensor.device.type for tensor in tensors} == {"cpu"}


def test_weights_are_read_without_running_what_they_hold(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    torch.save(Trap(), tmp_path / "trap.pt")
    digest = hashlib.sha256((tmp_path / "trap.pt").read_bytes()).hexdigest()
    monkeypatch.setitem(CHECKSUMS, "trap.pt", digest)
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path))
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        load_weights("trap.pt")
    assert not (tmp_path / "sprung").exists()
