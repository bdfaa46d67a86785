"""Nothing runs code that it reads, unpacks what it has not checked, or reaches another machine."""

import gzip
import subprocess
import sys
import tracemalloc

import pytest

from d4sci import data
from tests.support.notebooks import PATHS, ROOT
from tests.support.safety_rules import faults
from tools import notebooks as tool

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="sends signals and forks, as POSIX does")
CODE = [*ROOT.glob("d4sci/**/*.py"), *ROOT.glob("tools/*.py"), ROOT / "conftest.py"]
PROGRAMS = {  # whose work is to start programs, or to import changed modules in a fork
    **dict.fromkeys(["__main__.py", "doctor.py"], ("subprocess",)),
    "mutate.py": ("multiprocessing", "importlib.import_module"),
    "plotting/__init__.py": ("importlib.import_module",),  # of its own files, by a fixed table
}
CELLS = {  # why two cells start a program: it is what they teach
    ("4-neural-networks.ipynb", "import sys, pandas as pd, torch"),  # a fresh process predicts
    ("4-neural-networks.ipynb", "torch.distributed.run"),  # torchrun
}
PLANTED = {
    "unpickles": [
        "import pickle",
        "from _pickle import loads",
        "import joblib as j\nj.load('x')",
        "import torch as t\nt.load('x')",
        "from torch import load as read\nread('x', weights_only=False)",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import pandas as pd\npd.read_pickle('x')",
        "SOURCE = '''\nimport torch\ntorch.load('x')\n'''",
    ],
    "runs text as code": [
        "eval('1')",
        "exec('1')",
        "__import__('os')",
        "import builtins as b\nb.eval('1')",
    ],
    "unpacks an archive": [
        "import tarfile",
        "import zipfile as z\nz.ZipFile('x')",
        "import shutil\nshutil.unpack_archive('x')",
        "import gzip\ngzip.decompress(open('x', 'rb').read())",
        "import gzip\ngzip.decompress(_read('x') + more)",
        "import gzip\nwith gzip.open('x'): pass",
    ],
    "starts a program": [
        "import subprocess",
        "import os\nos.system('ls')",
        "import os as o\nrun = o.popen",
        "from os import system\nsystem('ls')",
        "get_ipython().system('ls')",
    ],
    "goes to the network": [
        "import urllib.request",
        "from requests import get",
        "import socket as s",
        "import pandas as pd\npd.read_csv('https://example.com/x.csv')",
        "import torchvision as tv\ntv.datasets.MNIST('.', download=True)",
        "import torch\ntorch.hub.load('a', 'b')",
    ],
    "is not plain Python": ["!ls", "%pip install x", "%%bash\nls"],
}  # fmt: skip


@pytest.mark.parametrize(("what", "source"), [(w, s) for w, all_ in PLANTED.items() for s in all_])
def test_the_rules_see_planted_faults(what, source):
    assert what in {kind for _, kind, _ in faults(source)}


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load('x', weights_only=True)\nmodel.eval()",
        "import numpy as np\nnp.load('x', allow_pickle=False)",
        "import gzip\ngzip.decompress(_read('x'))",
        "import re\nre.compile('https://')",
        "print('see also https://example.com')",
    ],
)
def test_the_rules_let_good_code_be(source):
    assert faults(source) == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_package_and_tools(path):
    found = faults(path.read_text(encoding="utf-8"))
    allowed = PROGRAMS.get(path.name, PROGRAMS.get(f"{path.parent.name}/{path.name}", ()))
    assert [fault for fault in found if not fault[2].startswith(allowed)] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_notebooks(path):
    """Two cells of the course may start programs: this very Python, with a list of arguments."""
    used = set()
    for i, cell in enumerate(tool.read(path).cells):
        found = faults(cell.source) if cell.cell_type == "code" else []
        if {kind for _, kind, _ in found} == {"starts a program"}:
            assert {name for *_, name in found} == {"subprocess", "subprocess.run"}
            text = "\n".join(c.source for c in tool.read(path).cells[max(i - 2, 0) : i + 1])
            used |= {(name, mark) for name, mark in CELLS if name == path.name and mark in text}
            assert "[sys.executable, " in cell.source
            continue
        assert found == [], f"cell {i}"
    assert used == {pair for pair in CELLS if pair[0] == path.name}


# --- what is read is checked before it is unpacked


@pytest.mark.parametrize("harm", ["damaged", "oversized"])
def test_an_archive_is_checked_before_it_is_unpacked(harm, tmp_path, monkeypatch):
    """A gzip bomb, 200 MB from 200 kB, is refused before one byte of it is unpacked."""
    name = "MNIST/raw/t10k-images-idx3-ubyte.gz"
    raw = bytearray(data.data_path(name).read_bytes())
    raw[len(raw) // 2] ^= 1
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes(raw if harm == "damaged" else gzip.compress(bytes(200_000_000), 9))
    monkeypatch.setenv("D4SCI_DATA", str(tmp_path))
    tracemalloc.start()
    with pytest.raises(ValueError, match="is damaged: expected SHA-256"):
        data.load_mnist("test")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


WATCH = """
import sys
from pathlib import Path
import pandas, torch, palmerpenguins, networkx
from d4sci import data
from d4sci.support.checkpoint import load_checkpoint, save_checkpoint
layer, folder = torch.nn.Linear(2, 2), Path(sys.argv[1])
save_checkpoint(folder / "c.pt", {"model": layer}, epoch=1)
seen = []
def hook(event, arguments):
    if event.startswith(("pickle.", "socket.", "subprocess.", "os.system", "os.exec", "os.fork")):
        seen.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append((event, str(arguments)))
sys.addaudithook(hook)
for load in (data.load_penguins, data.load_iris, data.load_anscombe, data.load_income):
    load()
data.load_mnist("test"), data.load_karate(), data.load_weights("mnist-cnn.pt"), data.verify_data()
load_checkpoint(folder / "c.pt", {"model": layer})
print(seen)
if len(sys.argv) > 2:
    torch.load(folder / "c.pt", weights_only=False)
    print(any(event == "pickle.find_class" for event, _ in seen))
"""


def test_loaders_unpickle_send_start_and_write_nothing(tmp_path):
    """Python itself tells, by its audit events, what they do; an unpickled file is noticed."""
    command = [sys.executable, "-c", WATCH, tmp_path, "and unpickle"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True"]
