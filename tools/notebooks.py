"""Execute the notebooks, store them in normal form, check it.

    notebooks.py run NB...          execute from top to bottom and store in normal form
    notebooks.py tidy NB...         store in normal form as they are, e.g. after an edit as text
    notebooks.py check NB...        list what is not in normal form
    notebooks.py pictures NB DIR    write the stored pictures as NAME-cellNNN-K.png

Cells are numbered from 0, markdown included, as in NAME-cellNNN-K.png. Editing a notebook as text
is jupytext's work: CONTRIBUTING.md has the two commands.
"""

import argparse
import base64
import copy
import hashlib
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from nbformat.v4 import reads, writes

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_METADATA = ("jupyter", "slideshow", "tags")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# Run by every kernel first: a warning is an error, unless the code of Jupyter, or of a matplotlib
# that is older than its dependencies, is out of date. What matplotlib tells us while a figure is
# shown counts as said by IPython, so no module is let off wholly.
STARTUP = """import warnings as w
w.filterwarnings("error")
for kind in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
    w.filterwarnings("ignore", "", kind, "(?i)asyncio|ipy|jupyter|matplotlib|tornado|traitlets|zmq")
del w, kind
"""


@contextmanager
def kernel_environment():
    """Yield the environment of kernels: warnings are errors, no bars, nobody's own settings."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        startup = Path(folder, "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "00-warnings.py").write_text(STARTUP, encoding="utf-8")
        own = {"MPLBACKEND", "PYTHONWARNINGS"}
        env = {key: value for key, value in os.environ.items() if key not in own}
        yield env | {"IPYTHONDIR": folder, "TQDM_DISABLE": "1"}


def is_progress_bar(output):
    """Tell whether an output is a text bar on stderr and nothing else."""
    text = re.sub(r"[^\n]*\r", "", output.get("text", ""))
    text = re.sub(r".*(\d%\||\dit \[).*", "", text)
    return output.get("name") == "stderr" and not text.strip()


def new_id(cell, taken):
    """Return an id that depends on nothing but the cell's text, and on its twins before it."""
    text = cell.cell_type + cell.source
    digest = hashlib.sha1(text.encode()).hexdigest()[:8]
    while digest in taken:
        text += "'"
        digest = hashlib.sha1(text.encode()).hexdigest()[:8]
    return digest


def tidy_outputs(outputs):
    """Return outputs without bars and widget views, neighbouring streams merged."""
    tidied = []
    for output in copy.deepcopy(outputs):
        if "data" in output:
            output.data.pop(WIDGET_VIEW, None)
        if is_progress_bar(output) or output.get("data", True) == {}:
            continue
        if "traceback" in output:  # frames of libraries hold this machine's paths
            plain = [re.sub(r"\x1b\[[\d;]*m", "", frame) for frame in output.traceback]
            output.traceback = [frame for frame in plain if not frame.startswith("File ")]
        before = tidied[-1] if tidied else {}
        if "text" in output and output.name == before.get("name"):
            before.text += output.text
        else:
            tidied.append(output)
    return tidied


def normalise(nb):
    """Return the notebook in normal form; ids and execution counts that it has stay."""
    nb = copy.deepcopy(nb)
    nb.metadata = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    nb.nbformat, nb.nbformat_minor = 4, 5
    taken = set()
    for cell in nb.cells:
        if cell.get("id", "") in taken | {""}:
            cell.id = new_id(cell, taken)
        taken.add(cell.id)
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in CELL_METADATA and v}
        if cell.cell_type == "code":
            cell.outputs = tidy_outputs(cell.outputs)
    return nb


def read(path):
    """Return the notebook as it is stored, nothing mended."""
    return reads(Path(path).read_text(encoding="utf-8"))


def write(path, nb):
    """Store the notebook in normal form, whole or not at all."""
    temporary = Path(path).with_suffix(".tmp")
    temporary.write_text(writes(normalise(nb)) + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def forget_outputs(cell):
    """Make the cell one that was never run."""
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None


def execute(nb, folder):
    """Execute the cells of `nb` in place, in a fresh kernel in `folder`; return what went wrong."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    started = []
    client = NotebookClient(
        nb, kernel_name="python3", timeout=300, record_timing=False, store_widget_state=False,
        extra_arguments=["--log-level=ERROR"], resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )  # fmt: skip
    try:
        with kernel_environment() as env:
            client.execute(env=env)
    except (CellControlSignal, DeadKernelError) as error:
        return [f"cell {started[-1] if started else 0}: {error}"]
    return [fault for i, cell in enumerate(nb.cells) for fault in bad_outputs(i, cell)]


def bad_outputs(i, cell):
    """Yield what must not be stored: stderr, and errors of pictures, which stop no cell."""
    for output in tidy_outputs(cell.get("outputs", [])):
        if output.get("name") == "stderr":
            yield f"cell {i} wrote to stderr: {output.text}"
        if "ename" in output and "raises-exception" not in cell.metadata.get("tags", []):
            yield f"cell {i}: {output.ename}: {output.evalue}"


def run(path):
    """Execute and store the notebook, or leave the file alone and return what went wrong."""
    nb = read(path)
    for cell in nb.cells:
        forget_outputs(cell)
    faults = execute(nb, Path(path).resolve().parent)
    if not faults:
        write(path, nb)
    return faults


def tidy(path):
    """Store the notebook in normal form, cells and outputs as they are; return no faults."""
    write(path, read(path))
    return []


def check(path):
    """Return what is not in normal form, one line per fault."""
    nb = read(path)
    normal, faults, count = normalise(nb), [], 0
    if nb.metadata != normal.metadata:
        faults.append(f"notebook metadata must be {normal.metadata}, is {nb.metadata}")
    for i, (cell, good) in enumerate(zip(nb.cells, normal.cells, strict=True)):
        wrong = [k for k in sorted(good.keys() | cell.keys()) if cell.get(k) != good.get(k)]
        faults += [f"cell {i}: {key} is not in normal form" for key in wrong]
        if cell.cell_type == "code":
            count += 1
            if cell.execution_count != count:
                faults.append(f"cell {i}: execution count {cell.execution_count}, not {count}")
    if not faults and Path(path).read_bytes() != (writes(normal) + "\n").encode():
        faults.append(
            "the bytes are not as notebooks.py writes them: keys sorted, one newline at the end"
        )
    return faults


def pictures(path, folder):
    """Write the PNGs that the notebook stores into the folder."""
    os.makedirs(folder, exist_ok=True)
    for i, cell in enumerate(read(path).cells):
        for k, output in enumerate(cell.get("outputs", [])):
            png = output.get("data", {}).get("image/png")
            if png:
                name = f"{Path(path).stem}-cell{i:03d}-{k}.png"
                Path(folder, name).write_bytes(base64.b64decode(png))


def main(argv=None):
    """Read the command line and do it; return the exit status."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command", choices=["run", "tidy", "check", "pictures"])
    parser.add_argument("files", nargs="+")
    args = parser.parse_args(argv)
    if args.command == "pictures":
        pictures(*args.files)
        return 0
    action = {"run": run, "tidy": tidy, "check": check}[args.command]
    faults = [f"{path}: {fault}" for path in args.files for fault in action(path)]
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
