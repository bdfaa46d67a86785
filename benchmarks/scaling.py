"""How time and memory grow with the size of the data: d4sci and its peer, slopes fitted."""

import math

from benchmarks.memory import peak_memory
from benchmarks.race import OURS, run
from benchmarks.rows import ROWS


def measure(names, *, quick):
    """Return {name: {size: {runner: {"at": [...], "seconds": [...], "memory": [...]}}}}."""
    found = {}
    for name in names:
        row = ROWS[name]
        for size, values in row.scaling.items():
            values = values[:2] if quick else values
            curves = {}
            for value in values:
                race = row.build(**{size: value})
                peer = next(iter(race.runners))
                race.runners = {who: race.runners[who] for who in (peer, OURS)}
                for who, cell in run(race, repeats=3, patience=8).items():
                    curve = curves.setdefault(who, {"at": [], "seconds": [], "memory": []})
                    curve["at"].append(value)
                    curve["seconds"].append(cell["seconds"])
                    if not quick:
                        curve["memory"].append(peak_memory(name, who, **{size: value}))
            found.setdefault(name, {})[size] = curves
            print("\n".join(lines_of(name, size, curves)), flush=True)
    return found


def slope(at, seconds):
    """Return b of seconds ≈ c · atᵇ, by least squares of the logarithms."""
    x, y = [math.log(a) for a in at], [math.log(s) for s in seconds]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum(
        (a - mx) ** 2 for a in x
    )


def lines_of(name, size, curves):
    """Return the table's lines for one algorithm and one size, a runner each."""
    lines = []
    for who, curve in curves.items():
        grows = slope(curve["at"], curve["seconds"])
        bound = ROWS[name].slope
        judged = ""
        if who == OURS and size == "n":
            judged = f"≤ {bound} {'met' if grows <= bound else 'missed'}"
        seconds = ", ".join(f"{s:.3g}" for s in curve["seconds"])
        memory = ", ".join(f"{m / 1e6:.0f}" for m in curve["memory"])
        at = ", ".join(f"{a:,}" for a in curve["at"])
        title = ROWS[name].title if who != OURS else ""
        cells = [title, f"{size} = {at}", who, seconds, f"{grows:.2f}", judged, memory]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


HEAD = """| what | at | who | seconds | slope | bound | peak memory, MB |
|---|---|---|---|---|---|---|"""
