"""The doctor as a student starts it, in environments that are really broken.

Nothing of the doctor is replaced: an environment here is a virtual environment whose packages are
links to the installed ones, without those, or with other ones than, the test names.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.notebooks import ROOT

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links files and drops rights as POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="psutil reads a file on Linux only")
PACKAGES = Path(sysconfig.get_path("purelib"))
INSTALL = "pip install -r requirements.txt"


def link(source, target, without):
    """Fill a folder with links to all that another one holds, but for what matches a pattern."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in without):
            (target / path.name).symlink_to(path)


def environment(folder, *without):
    """Make a virtual environment without some packages; return its Python and their folder."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.check_output(ask, text=True).strip())
    link(PACKAGES, packages, without)
    return python, packages


def doctor(*before, python=sys.executable, **variables):
    """Return exit status and rows, {check: (status, all its words)}, of `python -m d4sci`."""
    variables = os.environ | {name: str(value) for name, value in variables.items()}
    command = [*before, python, "-m", "d4sci"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    rows = re.findall(r"^(\w+) +(ok|WARN|FAIL) +(.*(?:\n {20}.*)*)", done.stdout, re.MULTILINE)
    assert len(rows) == 9, done.stdout
    return done.returncode, {name: (status, " ".join(text.split())) for name, status, text in rows}


def assert_only(check, found, fix, code, rows):
    """Demand that one check failed, no other, with these words; the exit status says so too."""
    assert {name for name, (status, _) in rows.items() if status == "FAIL"} == {check}, rows
    assert found.replace(" ", "") in rows[check][1].replace(" ", "")  # a long path is wrapped
    assert f"fix: {fix}" in rows[check][1]
    assert code == 1


@POSIX
def test_no_matplotlib(tmp_path):
    python, _ = environment(tmp_path, "matplotlib", "matplotlib-*", "mpl_toolkits", "pylab.py")
    absent = subprocess.run([python, "-c", "import matplotlib"], capture_output=True, text=True)
    assert "No module named 'matplotlib'" in absent.stderr
    assert_only("packages", "matplotlib is missing", INSTALL, *doctor(python=python))


@POSIX
def test_torchvision_of_another_pair(tmp_path):
    """It imports, but was built for another torch, as its own metadata say."""
    python, packages = environment(tmp_path, "torchvision-*")
    about = packages / "torchvision-0.22.0.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.22.0\n"
        "Requires-Dist: torch (==2.7.0)\n"
    )
    fix = f"pip uninstall -y torch torchvision, then {INSTALL}"
    assert_only("torchvision", "torchvision 0.22.0: torch is", fix, *doctor(python=python))


@POSIX
def test_torchvision_without_its_kernels(tmp_path):
    """As a torchvision fails that was built for another torch: its library cannot be loaded."""
    python, packages = environment(tmp_path, "torchvision")
    link(PACKAGES / "torchvision", packages / "torchvision", ["_C*.so", "__pycache__"])
    found = "RuntimeError: operator torchvision::nms does not exist"
    fix = f"pip uninstall -y torch torchvision, then {INSTALL}"
    assert_only("torchvision", found, fix, *doctor(python=python))


def test_kernel_of_another_python(tmp_path):
    venv.create(tmp_path / "other", symlinks=sys.platform != "win32")
    program = next(tmp_path.glob("other/[bS]*/python*"))  # bin or Scripts
    spec = {"argv": [str(program), "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    spec |= {"display_name": "Python 3", "language": "python"}
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    found, fix = f"starts {program}, not this", "python -m jupyter kernelspec remove -y python3"
    assert_only("kernel", found, fix, *doctor(JUPYTER_PATH=tmp_path))


def test_damaged_and_missing_data(tmp_path):
    folder = shutil.copytree(ROOT / "data", tmp_path / "data")
    (folder / "iris.csv").unlink()
    with (folder / "mnist-cnn.pt").open("r+b") as file:
        file.truncate(1000)
    assert_only("data", ": iris.csv, mnist-cnn.pt fix", "git checkout -- data",
                *doctor(D4SCI_DATA=folder))  # fmt: skip


@POSIX
def test_read_only_data(tmp_path):
    """The course runs: root without its right to write everywhere plays the student."""
    folder = shutil.copytree(ROOT / "data", tmp_path / "data")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = []
    if os.geteuid() == 0:
        if not (program := shutil.which("setpriv")):
            pytest.skip("root writes everywhere, and setpriv is not there")
        rights = "-dac_override,-dac_read_search,-fowner"
        before = [program, f"--bounding-set={rights}", f"--inh-caps={rights}"]
    write = [*before, sys.executable, "-c", f"open({str(folder / 'new')!r}, 'w')"]
    assert b"PermissionError" in subprocess.run(write, capture_output=True).stderr
    code, rows = doctor(*before, D4SCI_DATA=folder)
    assert code == 0
    assert rows["data"][0] == "ok"


@LINUX
def test_too_little_memory(tmp_path):
    """Psutil reads a file of the kernel's, and here one that tells of 400 MB."""
    text = Path("/proc/meminfo").read_text()
    text = re.sub(r"^(MemAvailable|MemFree): .*", r"\1: 390625 kB", text, flags=re.MULTILINE)
    (tmp_path / "meminfo").write_text(text)
    (tmp_path / "sitecustomize.py").write_text(
        f"import psutil\npsutil.PROCFS_PATH = {str(tmp_path)!r}\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    fix = "close other programs and notebooks; 2 GB should be free"
    assert_only("memory", "0.4 GB free", fix, *doctor(PYTHONPATH=paths))
