"""What the tests of notebooks share: where they are, and how to take one apart."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
NAMES = [
    "1-overview-and-tensors.ipynb",
    "2-unsupervised-learning.ipynb",
    "3-supervised-learning.ipynb",
    "4-neural-networks.ipynb",
    "5-deep-learning-applications.ipynb",
]


def code_cells(nb):
    """Return (position, cell) of every code cell."""
    return [(i, cell) for i, cell in enumerate(nb.cells) if cell.cell_type == "code"]


def markdown_cells(nb):
    """Return (position, cell) of every markdown cell."""
    return [(i, cell) for i, cell in enumerate(nb.cells) if cell.cell_type == "markdown"]


def tags(cell):
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def syllabus_ids(cell):
    """Return the tags of a cell that stand for items of the syllabus."""
    return [tag for tag in tags(cell) if re.match(r"S\d", tag)]


def texts(cell):
    """Return every text that the outputs of a code cell hold, pictures left out."""
    found = []
    for output in cell.outputs:
        found += [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
        data = output.get("data", {})
        found += [str(data[mime]) for mime in data if not mime.startswith("image/p")]
    return [text for text in found if text]


def pictures(cell):
    """Return the PNGs that a cell stores, in base64."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [mimes["image/png"] for mimes in data if "image/png" in mimes]


def headings(nb):
    """Return (position, level, title) of every heading; a `#` in a code block is none."""
    found = []
    for i, cell in markdown_cells(nb):
        text = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
        marks = re.findall(r"^(#{1,6}) +(.+?)\s*$", text, flags=re.MULTILINE)
        found += [(i, len(mark), title) for mark, title in marks]
    return found


def sections(nb):
    """Return (title, position of its heading, position after its last cell) of every H2 section."""
    starts = [(title, i) for i, level, title in headings(nb) if level == 2]
    ends = [i for _, i in starts[1:]] + [len(nb.cells)]
    return [(title, i, end) for (title, i), end in zip(starts, ends, strict=True)]
