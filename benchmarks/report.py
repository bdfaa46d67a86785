"""The table of races: time, ratio, memory and quality of every runner."""

import platform
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.memory import peak_memory
from benchmarks.race import OURS, run
from benchmarks.rows import ROWS

PACKAGES = ("torch", "numpy", "scikit-learn", "torch-geometric", "torchvision", "faiss-cpu",
            "scikit-learn-intelex")  # fmt: skip


def machine():
    """Return lines that say what this was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    cpu = (names or [platform.processor() or platform.machine()])[0]
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    threads = torch.get_num_threads()
    A = torch.randn(2000, 2000)
    rates = [2 * 2000**3 / _least_time(M) / 1e9 for M in (A, A.numpy())]
    return [
        f"{date.today()}, {cpu}, {threads} threads, Python {platform.python_version()}, "
        f"{', '.join(found)}.",
        f"Matrix products in float32: PyTorch {rates[0]:.0f}, NumPy {rates[1]:.0f} GFLOP/s.",
    ]  # fmt: skip


def _least_time(M):
    times = []
    for _ in range(10):
        start = time.perf_counter()
        M @ M
        times.append(time.perf_counter() - start)
    return min(times)


def measure(names, *, quick, memory):
    """Run the races; return {name: {runner: {seconds, runs, quality, void, memory}}}."""
    results = {}
    for name in names:
        row = ROWS[name]
        size = {"n": row.quick} if quick and row.quick else {}
        race = row.build(**size)
        table = run(race, repeats=3, patience=10) if quick else run(race, spread=30)
        for runner in table:
            if memory:
                table[runner]["memory"] = peak_memory(name, runner, **size)
        results[name] = {
            "measure": race.measure, "absent": race.absent, "left_out": race.left_out,
            "runners": table, "quick": quick,
        }  # fmt: skip
        print("\n".join(lines_of(name, results[name])), flush=True)
    return results


def short(ratio):
    """Return a ratio with two digits that count."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def judgement(ratio, target, void):
    """Return the word for a ratio of times; void: whether one of the two results was worse."""
    if void:
        return "void"
    return "met" if ratio <= target else "missed"


def lines_of(name, result):
    """Return the table's lines for one race, a runner each."""
    row, runners = ROWS[name], result["runners"]
    ours = runners[OURS]["seconds"]
    lines = []
    for runner, found in runners.items():
        target = row.targets.get(runner)
        ratio = ours / found["seconds"]
        judged = ""
        if target is not None and not result["quick"]:
            void = found["void"] or runners[OURS]["void"]
            judged = f"≤ {target} {judgement(ratio, target, void)}"
        memory = f"{found['memory'] / 1e6:.0f} MB" if "memory" in found else ""
        worse = " (worse: void)" if found["void"] else ""
        lines.append(
            f"| {row.title if runner == next(iter(runners)) else ''} | {runner} "
            f"| {found['seconds']:.3f} s ({found['runs']}) "
            f"| {'' if runner == OURS else short(ratio)} | {judged} | {memory} "
            f"| {result['measure']} {found['quality']:.2g}{worse} |"
        )
    left_out = result.get("left_out", {})
    lines += [f"| | {who}: {reason} | | | | | |" for who, reason in left_out.items()]
    lines += [f"| | {peer}: not installed | | | | | |" for peer in result["absent"]]
    return lines


HEAD = (
    "| what | who | median time (runs) | d4sci / theirs | target | peak memory | quality |\n"
    "|---|---|---|---|---|---|---|"
)
