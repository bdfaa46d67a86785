"""What every notebook must be: one pure function per rule, (notebook, path) -> faults."""

import ast
import base64
import re
import symtable

from nbformat.v4 import writes

from tests.support.drawing_guards import drawings
from tests.support.notebooks import (
    NAMES,
    code_cells,
    headings,
    markdown_cells,
    pictures,
    tags,
    texts,
)

MACHINE = {
    "an absolute path": r"(?<![\w.:/~<-])/\w[\w.-]*/\w|\b[A-Z]:\\|~/\w",
    "an address": r"\b0x[0-9a-fA-F]{6,}",
    "a widget in words": r"^\w+\(children=|^interactive\(",
}
LIVE = r"\b(clear_output|update_display|display_id|get_ipython|interact)\b"
SWITCHES = r"\b(set_default_(dtype|device|tensor_type)|set_printoptions|rcParams|style\.use|chdir"
SWITCHES += r"|set_float32_matmul_precision|use_deterministic_algorithms|set_grad_enabled"
SWITCHES += r"|filterwarnings|np\.random\.seed|set_option|sys\.path|set_flush_denormal)\b"
EXERCISE = ["exercise-stub", "exercise-check", "exercise-solution"]


def executed(nb, path):
    """Every code cell ran, in order, and a tag announces each error: nbval skips unrun cells.

    One cell at most, about the hardware, may print what nbval does not compare.
    """
    ignored = [
        i for i, cell in code_cells(nb) if any(tag.startswith("nbval-") for tag in tags(cell))
    ]
    if len(ignored) > 1 or any("nbval-skip" in tags(cell) for _, cell in code_cells(nb)):
        yield f"cells {ignored} are hidden from nbval; one may be, with nbval-ignore-output"
    for count, (i, cell) in enumerate(code_cells(nb), 1):
        if cell.execution_count != count:
            yield f"cell {i}: execution count {cell.execution_count}, not {count}"
        if re.search(r"^#\s*NBVAL|^#\s*PYTEST_VALIDATE", cell.source, re.MULTILINE):
            yield f"cell {i}: a comment tells nbval to look away"
        kinds = {output.output_type for output in cell.outputs}
        if ("error" in kinds) != ("raises-exception" in tags(cell)):
            yield f"cell {i}: stores an error, or should store one and does not"


def quiet_outputs(nb, path):
    """Nothing on stderr, nothing that names a machine or changes from run to run."""
    for i, cell in code_cells(nb):
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {i}: stores stderr"
        for what, pattern in MACHINE.items():
            for text in texts(cell):
                if found := re.search(pattern, text):
                    yield f"cell {i}: prints {what}: {text[found.start() :][:60]!r}"


def small(nb, path):
    """At most 3 MB stored, and no figure over 250 kB."""
    size = len(writes(nb).encode())
    if size > 3e6:
        yield f"{size / 1e6:.1f} MB stored, over 3 MB"
    for i, cell in code_cells(nb):
        for png in pictures(cell):
            if (size := len(base64.b64decode(png))) > 250e3:
                yield f"cell {i}: a figure of {size / 1e3:.0f} kB, over 250"


def outline(nb, path):
    """One H1, which comes first, and no level skipped."""
    found = headings(nb)
    if not nb.cells[0].source.startswith("# "):
        yield "cell 0: must start with the title"
    level = 0
    for i, deeper, title in found:
        if deeper > level + 1 or (deeper == 1 and level):
            yield f"cell {i}: heading {title!r} of level {deeper} after level {level}"
        level = deeper


def screens(nb, path):
    """Cells that fit on a screen: code of at most 25 lines, text of at most 200 words."""
    for i, cell in code_cells(nb):
        lines = cell.source.splitlines()
        if len(lines) > 25 or max(map(len, lines), default=0) > 100:
            yield f"cell {i}: over 25 lines or 100 columns"
    for i, cell in markdown_cells(nb):
        words = re.sub(r"^\|.*$", "", cell.source, flags=re.MULTILINE).split()
        if len(words) > 200:
            yield f"cell {i}: {len(words)} words, over 200"


def plain_python(nb, path):
    """No magics or shell lines, no `;` that silences a cell, no output rewritten later."""
    for i, cell in code_cells(nb):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {i}: not plain Python: {error}"
        if not cell.source.strip() or cell.source.rstrip().endswith(";"):
            yield f"cell {i}: empty, or ends in `;`; end a plot with plt.show()"
        if found := re.search(LIVE, cell.source):
            yield f"cell {i}: {found[0]} makes outputs that nbval cannot compare"


def captions(nb, path):
    """A markdown cell follows every cell with a picture: what to see in it."""
    for i, cell in code_cells(nb):
        if pictures(cell) and (i + 1 == len(nb.cells) or nb.cells[i + 1].cell_type != "markdown"):
            yield f"cell {i}: no caption after the picture"


def setup_first(nb, path):
    """The first code cell, and no other, is the set-up that every section needs."""
    marked = [i for i, cell in code_cells(nb) if "setup" in tags(cell)]
    if marked != [i for i, _ in code_cells(nb)[:1]]:
        yield f"tag `setup` in cells {marked}: it belongs to the first code cell only"


def any_order(nb, path):
    """Sections run in any order: none takes a name of the set-up cell, or turns a global switch.

    That each of them runs after the set-up cell alone is tested by running it.
    """
    cells = code_cells(nb)
    names = set(bound(cells[0][1].source))
    for i, cell in cells[1:]:
        if taken := names & set(bound(cell.source)):
            yield f"cell {i}: binds {', '.join(sorted(taken))} anew, which the set-up cell gives"
        if found := re.search(SWITCHES, cell.source):
            yield f"cell {i}: {found[0]} also changes the sections that run after it"


def bound(source):
    """Return the names that a cell binds for all cells after it; none for what is no Python."""
    try:
        symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    except SyntaxError:
        return []
    return [s.get_name() for s in symbols if s.is_assigned() or s.is_imported()]


def exercises(nb, path):
    """Three to five exercises: stub, check, collapsed solution, in this order."""
    found = [(i, cell, tag) for i, cell in code_cells(nb) for tag in tags(cell) if tag in EXERCISE]
    order = [tag for _, _, tag in found]
    if order != EXERCISE * (len(order) // 3) or not 3 <= len(order) / 3 <= 5:
        yield f"3 to 5 times {EXERCISE} wanted, got {order}"
    for i, cell, tag in found:
        if tag == EXERCISE[2] and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"cell {i}: the solution is not collapsed (jupyter.source_hidden)"


def timing(nb, path):
    """Measured times are drawn and never printed."""
    for i, cell in code_cells(nb):
        drawn = all("image/png" in output.get("data", {}) for output in cell.outputs)
        if "timing" in tags(cell) and not (cell.outputs and drawn):
            yield f"cell {i}: a timing cell stores pictures and nothing else"


def links(nb, path):
    """Relative links lead somewhere, and the last text leads to the neighbours."""
    anchors = {title.replace(" ", "-") for _, _, title in headings(nb)}
    for i, cell in markdown_cells(nb):
        for link in re.findall(r"\]\(([^)\s]+)", cell.source):
            target, _, anchor = link.partition("#")
            if not target and anchor not in anchors:
                yield f"cell {i}: no heading for #{anchor}"
            if not re.match(r"https?:|mailto:", link) and not (path.parent / target).exists():
                yield f"cell {i}: no file for {link}"
    last = markdown_cells(nb)[-1][1].source
    here = NAMES.index(path.name)
    for name in NAMES[max(here - 1, 0) : here] + NAMES[here + 1 : here + 2]:
        title = name[2:].removesuffix(".ipynb").replace("-", " ")
        wanted = f"]({name})" if (path.parent / name).exists() else title
        if wanted not in last.replace(title.capitalize(), title):
            yield f"the last text lacks {wanted!r}, for its neighbour"


GUARDS = [
    executed, quiet_outputs, small, outline, screens, plain_python, captions, drawings,
    setup_first, any_order, exercises, timing, links,
]  # fmt: skip
