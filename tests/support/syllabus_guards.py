"""docs/syllabus.md against the notebooks: what is promised, where it is taught, what is to come.

A row is `| S1.01 | topic | slide | kind | notebook section |`. Kinds: words, code, image, formula,
joined by `, `. Notebook section: the title of the H2, `; ` between two of them; `4: title` where
the notebook is not that of the id's first digit. Under `## Still to come`, a line each: `- S2.01`.
"""

import re
from typing import NamedTuple

from tests.support.notebooks import (
    code_cells,
    markdown_cells,
    pictures,
    sections,
    syllabus_ids,
    tags,
)

KINDS = {"words", "code", "image", "formula"}


class Item(NamedTuple):
    """One row: its kinds, and the (notebook number, H2 title) pairs where it is taught."""

    kinds: set
    places: list


def read_syllabus(text):
    """Return ({id: Item}, [ids still to come]) of the text of docs/syllabus.md."""
    items, table = {}, text.partition("## Still to come")
    for row in re.findall(r"^\| *(S\d\.\d\d) *\|(.*)\|\s*$", table[0], flags=re.MULTILINE):
        _topic, _slide, kinds, place = (part.strip() for part in row[1].rsplit("|", 3))
        places = [re.fullmatch(r"(?:(\d): )?(.*)", p).groups() for p in place.split("; ")]
        places = [(int(number or row[0][1]), title) for number, title in places]
        items.setdefault(row[0], []).append(Item(set(kinds.split(", ")), places))
    pending = re.findall(r"^- (S\d\.\d\d)\b", table[2], flags=re.MULTILINE)
    return items, pending


def table_faults(items, pending):
    """Each id has one row with known kinds, and what is to come has a row too."""
    for name, rows in items.items():
        if len(rows) > 1:
            yield f"{name}: {len(rows)} rows"
        if unknown := rows[0].kinds - KINDS:
            yield f"{name}: unknown kind {unknown}"
    for name in pending:
        if name not in items or pending.count(name) > 1:
            yield f"{name}: to come, but without a row, or twice"


def coverage_faults(notebooks, items, pending):
    """Each id is carried by a cell or still to come, never both and never neither."""
    carried = {
        name for nb in notebooks.values() for cell in nb.cells for name in syllabus_ids(cell)
    }
    for name in sorted(carried | items.keys()):
        if name not in items:
            yield f"{name}: a cell carries it, docs/syllabus.md has no row for it"
        elif (name in carried) == (name in pending):
            yield f"{name}: " + ("carried and still to come" if name in carried else "uncovered")


def tag_faults(nb):
    """Well-formed ids, at most three in a cell."""
    for i, cell in enumerate(nb.cells):
        ids = syllabus_ids(cell)
        if len(ids) > 3 or not all(re.fullmatch(r"S\d\.\d\d", name) for name in ids):
            yield f"cell {i}: over three ids, or an id unlike S1.01: {ids}"


def kind_faults(nb, items):
    """Pictures are stored, formulas are asserted, and a text cell carries words only."""
    cells, code = {}, [cell for _, cell in code_cells(nb)]
    for cell in nb.cells:
        for name in set(syllabus_ids(cell)) & items.keys():
            cells.setdefault(name, []).append(cell)
    texts = {name for _, cell in markdown_cells(nb) for name in syllabus_ids(cell)}
    for name, carriers in cells.items():
        kinds = items[name][0].kinds
        if name in texts and kinds != {"words"}:
            yield f"{name}: a text cell carries it, and it is not pure words"
        if "image" in kinds and not any(map(pictures, carriers)):
            yield f"{name}: no cell of it stores a picture"
        if "formula" in kinds:
            after = [code[code.index(c) + 1 :][:1] for c in carriers if c in code]
            near = carriers + [cell for following in after for cell in following]
            if not any(re.search(r"^\s*assert\b", cell.source, re.MULTILINE) for cell in near):
                yield f"{name}: neither its cell nor the next code cell asserts"


def place_faults(nb, number, items):
    """Each row of this notebook names an H2 that exists, and the tagged cells lie in it."""
    spans = {title: range(start, end) for title, start, end in sections(nb)}
    for name, rows in items.items():
        titles = [title for n, title in rows[0].places if n == number]
        cells = [i for i, cell in enumerate(nb.cells) if name in tags(cell)]
        if not cells:
            continue
        yield from (f"{name}: no section {t!r}" for t in titles if t not in spans)
        inside = {i for title in titles for i in spans.get(title, [])}
        yield from (f"{name}: cell {i} lies outside {titles}" for i in cells if i not in inside)
