"""The doctor, on a healthy machine and on machines that are broken on purpose."""

import io
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import threadpoolctl
import torch

from d4sci import data, doctor

ROOT = Path(__file__).parents[2]
NAMES = [check.__name__.removeprefix("examine_") for check in doctor.CHECKS]


def run_doctor(code="from d4sci.doctor import main; raise SystemExit(main())"):
    """Return exit status and printed lines of a doctor in a fresh process."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


def assert_row(check, status, found, fix, capsys, monkeypatch):
    """Demand what one check prints: status, words of what was found and of the fix, verdict."""
    monkeypatch.setattr(doctor, "CHECKS", [check])
    code = doctor.main()
    printed = capsys.readouterr().out
    _, first, *rest, verdict = printed.splitlines()
    assert max(map(len, printed.splitlines())) <= 100
    assert first.split()[:2] == [check.__name__.removeprefix("examine_"), status]
    flat = " ".join(printed.split())
    assert found in flat
    assert any(row.strip().startswith("fix: ") for row in rest) == bool(fix)
    assert f"fix: {fix}" in flat or not fix
    assert code == (status == "FAIL")
    assert verdict.startswith("Not ready yet" if status == "FAIL" else "This machine is ready")


@pytest.fixture
def demand(capsys, monkeypatch):
    """`assert_row` with the fixtures it needs."""
    return lambda *row: assert_row(*row, capsys, monkeypatch)


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Return a function that puts a distribution of that name and version before the real one."""

    def install(name, version, *needs):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.fixture
def data_copy(tmp_path, monkeypatch):
    """A copy of the data folder, which the course uses instead of its own."""
    folder = shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.setenv("D4SCI_DATA", str(folder))
    return folder


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Return a function that makes the kernel `python3` start another program."""

    def install(program):
        folder = tmp_path / "kernels" / "python3"
        folder.mkdir(parents=True)
        spec = {"argv": [str(program)], "display_name": "Python 3", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
        return folder

    return install


def test_healthy_machine():
    code, lines = run_doctor()
    assert code == 0, "\n".join(lines)
    assert [line.split()[0] for line in lines[1:-1] if line[0] != " "] == NAMES
    assert not any("FAIL" in line for line in lines)
    assert lines[-1] == "This machine is ready for the course."


def test_nothing_can_be_imported():
    absent = ["torch", "matplotlib", "sklearn", "psutil", "packaging", "jupyter_client"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent})); "
    code, lines = run_doctor(blocked + "import d4sci.doctor as d; sys.exit(d.main())")
    failed = [line.split()[0] for line in lines if line[13:17] == "FAIL"]
    assert code == 1
    assert failed == [name for name in NAMES if name not in ("python", "environment")]
    assert sum("pip install -r requirements.txt" in line for line in lines) == len(failed)
    assert lines[-1].startswith(f"Not ready yet: {', '.join(failed)}.")


def test_crashing_check(capsys, monkeypatch):
    def examine_first():
        raise ValueError("all is lost")

    monkeypatch.setattr(doctor, "CHECKS", [examine_first, doctor.examine_memory])
    assert doctor.main() == 1
    printed = capsys.readouterr().out
    assert "first        FAIL   ValueError: all is lost\n" in printed
    assert "fix: pip install -r requirements.txt" in printed
    assert "\nmemory " in printed


@pytest.mark.parametrize(
    ("version", "status", "fix"),
    [
        ((3, 10, 9), "FAIL", "install Python 3.11 or newer"),
        ((3, 11, 0), "ok", ""),
        ((3, 13, 5), "ok", ""),
        ((3, 14, 0), "WARN", "if it fails, use 3.13"),
    ],
)
def test_python(version, status, fix, monkeypatch):
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=version))
    result = doctor.examine_python()
    assert (result.status, result.found.split()[0]) == (status, ".".join(map(str, version)))
    assert result.fix.startswith(fix)
    assert bool(result.fix) == bool(fix)


def test_environment(tmp_path, monkeypatch):
    place = SimpleNamespace(prefix=str(tmp_path), base_prefix=str(tmp_path))
    monkeypatch.setattr(doctor, "sys", place)
    result = doctor.examine_environment()
    assert result.status == "WARN"
    assert "python -m venv .venv" in result.fix
    (tmp_path / "conda-meta").mkdir()
    assert doctor.examine_environment().found == f"conda environment {tmp_path}"
    place.prefix = str(tmp_path / ".venv")
    assert doctor.examine_environment().found == f"virtual environment {place.prefix}"


def test_wrong_kernel(kernel, tmp_path, demand):
    venv.create(tmp_path / "other", symlinks=sys.platform != "win32")
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    folder = kernel(tmp_path / "other" / scripts / "python")
    fix = "python -m jupyter kernelspec remove -y python3, then python -m ipykernel install"
    demand(doctor.examine_kernel, "FAIL", f"not this {sys.executable}", fix)
    remove = [sys.executable, *fix.partition(",")[0].split()[1:]]
    subprocess.run(remove, check=True, capture_output=True)
    assert not folder.exists()
    demand(doctor.examine_kernel, "ok", "python3 starts", "")


def test_kernel_that_is_gone(kernel, tmp_path, demand):
    kernel(tmp_path / "removed" / "python")
    demand(doctor.examine_kernel, "FAIL", "python3 starts", "python -m jupyter kernelspec remove")


@pytest.mark.parametrize("program", ["python", "python3", sys.executable])
def test_right_kernel(program, kernel, demand):
    kernel(program)
    demand(doctor.examine_kernel, "ok", f"python3 starts {sys.executable}", "")


def test_missing_dependency(pretend, demand):
    pretend("d4sci", "0.1.0", "torch>=2", "not-yet-written>=1.5", "not-wanted; extra == 'dev'")
    found = "packages FAIL not-yet-written is missing fix:"
    demand(doctor.examine_packages, "FAIL", found, "pip install -r requirements.txt")


def test_no_matplotlib(demand, monkeypatch):
    real = doctor.metadata.version

    def version(name):
        if name == "matplotlib":
            raise doctor.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    fix = "pip install -r requirements.txt"
    demand(doctor.examine_packages, "FAIL", "matplotlib is missing", fix)


def test_dependency_too_old(pretend, demand):
    pretend("matplotlib", "3.1.0")
    fix = "pip install -r requirements.txt"
    demand(doctor.examine_packages, "FAIL", "matplotlib is 3.1.0, not >=3.9", fix)


def test_course_not_installed(demand, monkeypatch):
    def requires(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    demand(doctor.examine_packages, "FAIL", "d4sci", "pip install -r requirements.txt")


def test_torchvision_of_another_pair(pretend, demand, monkeypatch):
    pretend("torchvision", "0.20.0", "torch (==2.5.0)")
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    found = f"torch is {torch.__version__.partition('+')[0]}"
    fix = "pip uninstall -y torch torchvision, then pip install -r requirements.txt"
    demand(doctor.examine_torchvision, "FAIL", found, fix)


def test_torchvision_that_does_not_import(tmp_path, demand, monkeypatch):
    message = "operator torchvision::nms does not exist"
    (tmp_path / "torchvision.py").write_text(f"raise RuntimeError({message!r})")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    fix = "pip uninstall -y torch torchvision, then pip install -r requirements.txt"
    demand(doctor.examine_torchvision, "FAIL", f"RuntimeError: {message}", fix)


def test_missing_data(data_copy, demand):
    (data_copy / "iris.csv").unlink()
    demand(doctor.examine_data, "FAIL", ": iris.csv fix:", "git checkout -- data")


def test_damaged_data(data_copy, demand):
    file = data_copy / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    found = ": MNIST/raw/t10k-labels-idx1-ubyte.gz fix:"
    demand(doctor.examine_data, "FAIL", found, "git checkout -- data")


def test_no_data_folder(data_copy, demand):
    shutil.rmtree(data_copy)
    demand(doctor.examine_data, "FAIL", "anscombe.csv", "git checkout -- data")


def test_read_only_data(data_copy, demand):
    everything = [data_copy, *data_copy.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = [(path, path.stat().st_mtime_ns) for path in everything]
    demand(doctor.examine_data, "ok", f"{len(data.CHECKSUMS)} files, checksums right", "")
    after = [(path, path.stat().st_mtime_ns) for path in [data_copy, *data_copy.rglob("*")]]
    assert after == before  # nothing was written, which root could do all the same
    for path in everything:
        path.chmod(0o755)


def test_imprecise_product(demand, monkeypatch):
    exact = torch.Tensor.__matmul__

    def rounded(A, B):
        return exact(A, B) if A.dtype == torch.float64 else exact(A.bfloat16(), B.bfloat16())

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    demand(doctor.examine_arithmetic, "FAIL", "cpu off by", "update the driver or hide the device")


def test_product_that_is_not_a_number(demand, monkeypatch):
    monkeypatch.setattr(doctor, "matmul_error", lambda device: float("nan"))
    demand(doctor.examine_arithmetic, "FAIL", "cpu off by nan", "update the driver")


@pytest.mark.parametrize(("kind", "status"), [("cpu", "ok"), ("meta", "FAIL")])
def test_accelerator(kind, status, demand, monkeypatch):
    """The CPU plays a good accelerator; the meta device, which has no numbers, a broken one."""
    fake = SimpleNamespace(
        is_available=lambda: True,
        current_accelerator=lambda: torch.device(kind),
        device_count=lambda: 1,
    )
    monkeypatch.setattr(torch, "accelerator", fake)
    fix = "" if status == "ok" else "update the driver or hide the device (CUDA_VISIBLE_DEVICES=-1)"
    demand(doctor.examine_arithmetic, status, f"{kind}:0", fix)


@pytest.mark.parametrize(
    ("libraries", "status"),
    [
        ([("libgomp", "torch/libgomp.so"), ("libgomp", "sklearn/libgomp.so")], "ok"),
        ([("libomp", "torch/libomp.dylib"), ("libomp", "torch/libomp.dylib")], "ok"),
        ([("libomp", "torch/libomp.dylib"), ("libomp", "sklearn/libomp.dylib")], "WARN"),
        ([("libiomp", "torch/libiomp5md.dll"), ("libomp", "llvm/libomp.dll")], "WARN"),
    ],
)
def test_openmp(libraries, status, demand, monkeypatch):
    loaded = [{"prefix": prefix, "filepath": path} for prefix, path in libraries]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: loaded)
    fix = "if a kernel dies or hangs, set the environment variable OMP_NUM_THREADS=1"
    demand(doctor.examine_openmp, status, "", fix if status == "WARN" else "")


@pytest.mark.parametrize(("gigabytes", "status"), [(2.5, "ok"), (1.5, "WARN"), (0.4, "FAIL")])
def test_memory(gigabytes, status, demand, monkeypatch):
    memory = SimpleNamespace(available=gigabytes * 1e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    fix = "" if status == "ok" else "close other programs"
    demand(doctor.examine_memory, status, f"{gigabytes} GB free", fix)


def test_console_that_knows_no_unicode(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    doctor.say("C:\\Users\\Zoë → ready")
    assert console.buffer.getvalue().decode("cp1252").rstrip() == "C:\\Users\\Zoë ? ready"


def test_long_findings_are_cut_and_wrapped():
    lines = doctor.as_row("name", doctor.Result("FAIL", "word " * 500, "do this " * 30))
    assert max(map(len, lines.splitlines())) <= 100
    assert "[...]" in lines
    assert lines.count("fix: ") == 1
