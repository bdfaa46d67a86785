"""Is this machine ready for the course? `python -m d4sci` asks, and says how to mend what is not.

Each check is a function without arguments that returns a `Result`. It imports what it looks at by
itself, and it may raise: the doctor works even where torch does not.
"""

import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

INSTALL = "pip install -r requirements.txt"
OLDEST, NEWEST = (3, 11), (3, 13)  # Python versions
TOLERANCE = 1e-5  # a 256 × 256 product is off by 6e-7 in float32, by 1e-3 in half precision
WIDTH, INDENT = 100, 20


class Result(NamedTuple):
    """What a check found, and how to mend it."""

    status: str  # "ok", "WARN" or "FAIL"
    found: str
    fix: str = ""


def examine_python() -> Result:
    """The interpreter must be one that the course runs on."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        fix = "install Python {}.{} or newer, then make a new environment".format(*OLDEST)
        return Result("FAIL", f"{version} is too old", fix)
    if sys.version_info[:2] > NEWEST:
        return Result("WARN", f"{version} is untested", "if it fails, use {}.{}".format(*NEWEST))
    return Result("ok", version)


def examine_environment() -> Result:
    """The course should have an environment of its own, which no other project changes."""
    if Path(sys.prefix, "conda-meta").is_dir():
        return Result("ok", f"conda environment {sys.prefix}")
    if sys.prefix != sys.base_prefix:
        return Result("ok", f"virtual environment {sys.prefix}")
    fix = f"python -m venv .venv, activate it, then {INSTALL}"
    return Result("WARN", f"none: this is the Python of the system, {sys.prefix}", fix)


def examine_kernel() -> Result:
    """The kernel `python3`, which JupyterLab gives to every notebook, must be this Python."""
    from jupyter_client.manager import KernelManager

    program = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    code = "import os, sys; print(os.path.samefile(sys.prefix, sys.argv[1]), sys.version)"
    command = [program, "-I", "-c", code, sys.prefix]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except OSError as error:
        answer = str(error)
    if answer == f"True {sys.version}":
        return Result("ok", f"python3 starts {program}")
    found = f"python3 starts {program}, not this {sys.executable}"
    remove, install = "kernelspec remove -y python3", "ipykernel install --sys-prefix"
    return Result("FAIL", found, f"python -m jupyter {remove}, then python -m {install}")


def examine_packages() -> Result:
    """Every dependency must be installed, in a version that d4sci accepts."""
    wrong = unmet_requirements("d4sci")
    if wrong:
        return Result("FAIL", "; ".join(wrong), INSTALL)
    return Result("ok", "every dependency is there")


def examine_torchvision() -> Result:
    """Torch and torchvision are built in pairs, and one from another pair does not import."""
    pair = f"torch {metadata.version('torch')}, torchvision {metadata.version('torchvision')}"
    wrong = unmet_requirements("torchvision")
    try:
        import torchvision  # noqa: F401
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    if wrong:
        fix = f"pip uninstall -y torch torchvision, then {INSTALL}"
        return Result("FAIL", f"{pair}: {'; '.join(wrong)}", fix)
    return Result("ok", f"{pair}, a pair")


def unmet_requirements(distribution: str) -> list[str]:
    """Return a list of what an installed distribution requires and does not find."""
    from packaging.requirements import Requirement

    wrong = []
    for need in map(Requirement, metadata.requires(distribution) or []):
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(version, prereleases=True):
            wrong.append(f"{need.name} is {version}, not {need.specifier}")
    return wrong


def examine_data() -> Result:
    """Every data file must be there, byte for byte; the folder may be read-only."""
    from d4sci.data import data_path, verify_data

    report = verify_data()
    wrong = [name for name, problem in report.items() if problem]
    if wrong:
        found = f"missing, damaged or not readable in {data_path()}: {', '.join(wrong)}"
        return Result("FAIL", found, "git checkout -- data (and D4SCI_DATA not set, or set right)")
    return Result("ok", f"{len(report)} files, checksums right")


def examine_arithmetic() -> Result:
    """A float32 matrix product must come out right on the CPU and on every accelerator."""
    import torch

    devices = ["cpu"]
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator().type
        devices += [f"{kind}:{i}" for i in range(torch.accelerator.device_count())]
    fix = f"update the driver or hide the device (CUDA_VISIBLE_DEVICES=-1); on the CPU: {INSTALL}"
    try:
        errors = {device: matmul_error(device) for device in devices}
    except RuntimeError as error:
        return Result("FAIL", f"float32 product on {', '.join(devices)}: {error}", fix)
    found = ", ".join(f"{device} off by {error:.0e}" for device, error in errors.items())
    found = f"float32 product: {found} of the largest entry, {TOLERANCE:.0e} allowed"
    if all(error <= TOLERANCE for error in errors.values()):  # also refuses NaN
        return Result("ok", found)
    return Result("FAIL", found, fix)


def matmul_error(device: str) -> float:
    """Return how far a float32 product on `device` is from float64 on the CPU, relatively."""
    import torch

    A, B = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0))
    exact = A.double() @ B.double()
    product = (A.to(device) @ B.to(device)).cpu().double()
    return ((product - exact).abs().max() / exact.abs().max()).item()


def examine_openmp() -> Result:
    """Two OpenMP runtimes of Intel's or LLVM's kind in one process can crash or stall it."""
    import sklearn.cluster  # noqa: F401
    import torch  # noqa: F401
    from threadpoolctl import threadpool_info

    # GNU's libgomp is not counted: its copies, one in each Linux wheel, live together in peace.
    harmful = ("libomp", "libiomp")
    loaded = sorted({lib["filepath"] for lib in threadpool_info() if lib["prefix"] in harmful})
    if len(loaded) > 1:
        fix = (
            "if a kernel dies or hangs, set the environment variable OMP_NUM_THREADS=1 and restart"
        )
        return Result("WARN", f"{len(loaded)} are loaded: {', '.join(loaded)}", fix)
    return Result("ok", "no duplicate runtime")


def examine_memory() -> Result:
    """The notebooks want 2 GB of free memory."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    found, fix = f"{free:.1f} GB free", "close other programs and notebooks; 2 GB should be free"
    if free >= 2:
        return Result("ok", found)
    if free >= 1:
        return Result("WARN", found, fix)
    return Result("FAIL", found, fix)


CHECKS = [
    examine_python, examine_environment, examine_kernel, examine_packages, examine_torchvision,
    examine_data, examine_arithmetic, examine_openmp, examine_memory,
]  # fmt: skip


def result_of(check: Callable[[], Result]) -> Result:
    """Run one check; what it raises becomes a failure, so that nothing stops the doctor."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return check()
    except Exception as error:
        fix = f"{INSTALL}; if that does not help, send this table to the authors"
        return Result("FAIL", f"{type(error).__name__}: {error}", fix)


def as_row(name: str, result: Result) -> str:
    """Return the text of one row: name, status, what was found, the fix below it."""
    layout = {"width": WIDTH - INDENT, "break_on_hyphens": False}
    rows = textwrap.wrap(textwrap.shorten(result.found, 400), **layout)
    if result.fix:
        rows += textwrap.wrap(f"fix: {result.fix}", subsequent_indent=" " * 5, **layout)
    return f"{name:<13}{result.status:<7}" + f"\n{'':{INDENT}}".join(rows)


def say(text: str) -> None:
    """Print at once, in characters that this console knows."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def main() -> int:
    """Print the table; return 0 if the machine is ready and 1 if a check failed."""
    failed = []
    say(f"{'check':<13}{'status':<7}found")
    for check in CHECKS:
        name, result = check.__name__.removeprefix("examine_"), result_of(check)
        say(as_row(name, result))
        if result.status == "FAIL":
            failed.append(name)
    if failed:
        say(f"Not ready yet: {', '.join(failed)}. Do what the fix says, then look again.")
        return 1
    say("This machine is ready for the course.")
    return 0
