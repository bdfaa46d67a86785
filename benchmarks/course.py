"""How long each notebook takes, how much memory, and which cells are the slowest."""

import time
from datetime import datetime

import nbclient
import nbformat

from benchmarks.race import ROOT

BUDGET = {"1": 60, "2": 60, "3": 60, "4": 120, "5": 120}  # seconds on two cores
PEAK = """import resource as _r, sys as _s
print(_r.getrusage(_r.RUSAGE_SELF).ru_maxrss * (1 if _s.platform == "darwin" else 1024))"""


def measure(paths=None):
    """Execute the notebooks; return {name: {seconds, memory, slowest: [(seconds, first line)]}}."""
    found = {}
    for path in sorted(paths or (ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
        client = nbclient.NotebookClient(
            notebook, timeout=300, record_timing=True, resources={"metadata": {"path": path.parent}}
        )
        start = time.perf_counter()
        client.execute()
        seconds = time.perf_counter() - start
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        memory = int(cells.pop().outputs[0].text)
        slowest = sorted(((_seconds(cell), _title(cell)) for cell in cells), reverse=True)[:5]
        found[path.stem] = {"seconds": seconds, "memory": memory, "slowest": slowest}
        print("\n".join(lines_of(path.stem, found[path.stem])), flush=True)
    return found


def _seconds(cell):
    """Return how long a cell ran."""
    times = cell.metadata["execution"]
    begin, end = (datetime.fromisoformat(times[key].replace("Z", "+00:00"))
                  for key in ("iopub.execute_input", "shell.execute_reply"))  # fmt: skip
    return (end - begin).total_seconds()


def _title(cell):
    """Return the line that says what a cell does: its first that is not an import."""
    lines = [line.strip() for line in cell.source.splitlines()]
    busy = [line for line in lines if line and not line.startswith(("import ", "from ", "#"))]
    return (busy or lines)[0][:60].replace("|", "\\|")


def lines_of(name, found):
    """Return the table's line for one notebook."""
    budget = BUDGET[name[0]]
    judged = f"≤ {budget} {'met' if found['seconds'] <= budget else 'missed'}"
    slowest = "; ".join(f"{s:.1f} s `{title}`" for s, title in found["slowest"])
    time, memory = f"{found['seconds']:.0f} s", f"{found['memory'] / 1e6:.0f} MB"
    return [f"| {name} | {time} | {judged} | {memory} | {slowest} |"]


HEAD = """| notebook | time, kernel's start included | budget, s | peak memory | slowest cells |
|---|---|---|---|---|"""
