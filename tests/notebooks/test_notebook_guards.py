"""Each guard of the notebooks reports the fault it is there for, and nothing on a good notebook."""

import base64

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support import notebook_guards as guards
from tests.support import syllabus_guards as syllabus
from tests.support.notebooks import NAMES

HAND_DRAWN = 'ax.plot(x, y, label="y")\nax.set(xlabel="a", ylabel="b")\nax.legend()'
TABLE = """
| id | topic | slide | kind | notebook section |
|---|---|---|---|---|
| S1.01 | nested sets | L1 | code, image | First |
| S1.02 | an equation | L2 | formula | First |
| S1.03 | history | L3 | words | Last |
| S2.01 | a matrix | L4 | code | First |

## Still to come

- S2.01
"""


def png(size=100):
    return new_output("display_data", {"image/png": base64.b64encode(bytes(size)).decode()})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def failed():
    return new_output("error", ename="ValueError", evalue="no", traceback=[])


def code(source, *tags, outputs=(), **metadata):
    return new_code_cell(source, metadata={"tags": list(tags), **metadata}, outputs=list(outputs))


def exercise():
    return [
        code("answer = None", "exercise-stub"),
        code("check(answer)", "exercise-check", outputs=[printed("not done yet\n")]),
        code("answer = 1", "exercise-solution", jupyter={"source_hidden": True}),
    ]


def good():
    """Return a small notebook that keeps every rule."""
    cells = [
        new_markdown_cell("# Tensors"),
        code("import torch", "setup"),
        new_markdown_cell("## First"),
        code(HAND_DRAWN, "S1.01", outputs=[printed("12 / 3 km/h\n"), png()]),
        new_markdown_cell("*A line: see [Last](#Last).*"),
        code("x = 1", "S1.02"),
        code("assert x == 1"),
        code("measure()", "timing", outputs=[png()]),
        new_markdown_cell("*Times.*"),
        code("1 / 0", "raises-exception", outputs=[failed()]),
        new_markdown_cell("### Your turn\n\n```\n# no heading\n```"),
        *exercise(),
        *exercise(),
        *exercise(),
        new_markdown_cell("## Last", metadata={"tags": ["S1.03"]}),
        new_markdown_cell(f"[Back]({NAMES[0]}), next: Supervised learning, [up](#Last)"),
    ]
    nb = new_notebook(cells=cells)
    for count, (_, cell) in enumerate(guards.code_cells(nb), 1):
        cell.execution_count = count
    return nb


def put(position, **values):
    """Return a fault: set fields of the cell at this position."""
    return lambda nb: nb.cells[position].update(values)


def say(position, *outputs):
    return put(position, outputs=list(outputs))


def tag(position, *names):
    return lambda nb: nb.cells[position].metadata.update(tags=list(names))


LONG = "\n".join(["x = 1"] * 26)
FAULTS = {
    guards.executed: [
        tag(3, "nbval-skip"), put(3, source="# NBVAL_IGNORE_OUTPUT"),
        lambda nb: [tag(i, "nbval-ignore-output")(nb) for i in (3, 5)],
        put(3, execution_count=None), put(3, execution_count=7), say(3, failed()), say(9),
    ],
    guards.quiet_outputs: [
        say(3, printed("oh", "stderr")), say(3, printed("/home/me/x.py")), say(3, printed("C:\\x")),
        say(3, printed("<Line at 0x7f3a21b0>")), say(3, printed("see /opt/course/data")),
        say(3, new_output("execute_result", {"text/plain": "VBox(children=(IntSlider())"})),
        say(9, failed() | {"traceback": ["File ~/lib/x.py"]}),
    ],
    guards.small: [say(3, png(260_000)), say(3, *[png(240_000)] * 10)],
    guards.outline: [
        put(0, source="Tensors"), put(0, source="## Tensors"), put(10, source="#### Your turn"),
        put(4, source="# Another title"),
    ],
    guards.screens: [put(3, source=LONG), put(3, source="x" * 101), put(4, source="word " * 201)],
    guards.plain_python: [
        put(3, source="%matplotlib inline"), put(3, source="!ls"), put(3, source="%%time\nx = 1"),
        put(3, source="plot();"), put(3, source="f = !ls"), put(3, source="PCA??"),
        put(3, source=" "), put(3, source="clear_output()"),
    ],
    guards.captions: [
        put(4, cell_type="code", outputs=[]), lambda nb: nb.cells.__delitem__(slice(4, None)),
    ],
    guards.drawings: [
        put(3, source=HAND_DRAWN.replace("ax.legend()", "")),
        put(3, source=HAND_DRAWN.replace("xlabel", "title")),
        put(3, source=HAND_DRAWN.replace(', ylabel="b"', "")),
        put(3, source="fig, axes = plt.subplots(1, 2)\naxes[0].scatter(x, y)"),
        put(3, source='ax = plot_points(X)\nax.axvline(3, label="chosen")'),
        put(3, source=HAND_DRAWN.replace('"a"', '"b"')),
        put(3, source=HAND_DRAWN.replace('"a"', '" "')),
        put(3, source='ax.plot(x, y)\nax.set_xlabel("")\nax.set_ylabel("b")'),
        put(3, source='plot_points(X, labels=("a", "a"))'),
        put(3, source='plot_curves({"a": a}, labels=("step", ""))'),
    ],
    guards.setup_first: [tag(1), tag(3, "setup")],
    guards.any_order: [
        put(5, source="torch = 1"), put(5, source="import numpy as torch"),
        put(5, source="for torch in x: pass"), put(5, source="def torch(): pass"),
        put(5, source="torch.set_default_dtype(torch.float64)"),
        put(5, source="plt.rcParams['lines.linewidth'] = 3"),
    ],
    guards.exercises: [
        tag(11), tag(12, "exercise-solution"), put(13, metadata={"tags": ["exercise-solution"]}),
        lambda nb: nb.cells.__delitem__(slice(11, 14)),
    ],
    guards.timing: [say(7, printed("3 s"), png()), say(7)],
    guards.links: [
        put(4, source="[gone](../no-such-file.md)"), put(4, source="[gone](#No-such-heading)"),
        put(-1, source="The end."), put(-1, source=f"[Back]({NAMES[0]})"),
        put(-1, source=f"Overview and tensors, supervised learning: {NAMES[0]}"),
        put(4, source="![picture](pictures/x.png)"),
    ],
    lambda nb, path: syllabus.tag_faults(nb): [
        tag(3, "S1.01", "S1.02", "S1.03", "S2.01"), tag(3, "S1.1"),
    ],
    lambda nb, path: syllabus.kind_faults(nb, items()[0]): [
        say(3), put(6, source="x == 1"), tag(4, "S1.01"),
    ],
    lambda nb, path: syllabus.place_faults(nb, 1, items()[0]): [
        put(2, source="## Renamed"), tag(1, "S1.01"), tag(20, "S1.02"),
    ],
    lambda nb, path: syllabus.coverage_faults({path: nb}, *items()): [
        tag(3), tag(3, "S1.01", "S2.01"), tag(3, "S1.01", "S1.99"),
    ],
}  # fmt: skip
PLANTED = [(guard, fault) for guard, faults in FAULTS.items() for fault in faults]


@pytest.fixture
def path(tmp_path):
    """Return where the second notebook would lie, beside the first and without a third."""
    (tmp_path / NAMES[0]).touch()
    return tmp_path / NAMES[1]


def items():
    return syllabus.read_syllabus(TABLE)


@pytest.mark.parametrize("guard", FAULTS)
def test_a_good_notebook_has_no_fault(guard, path):
    assert list(guard(good(), path)) == []


@pytest.mark.parametrize(("guard", "fault"), PLANTED)
def test_a_planted_fault_is_reported(guard, fault, path):
    nb = good()
    fault(nb)
    assert list(guard(nb, path))


@pytest.mark.parametrize(
    "source",
    [
        "ax.plot(x, y)\nax.set_xlabel('a')\nax.set_ylabel('b')",
        "axes[0].bar(names, y)\naxes[0].set(ylabel='b')",
        "axes[0].barh(names, y)\naxes[0].set(xlabel='a')",
        "ax.imshow(photo)\nax.set_axis_off()",
        "ax = plot_points(X)\nax.plot(x, y)",
        "draw(label='no line of its own')",
        "x = !ls",
        "plot_points(X, labels=('a', 'b'))",
        "plot_points(X, labels=names)",
        "plot_curves({'a': a, 'b': b}, labels=('step', ''))",
        "ax.plot(x, y)\nax.set(xticks=[], yticks=[], xlabel='', ylabel='')",
    ],
)
def test_a_drawing_with_names_is_let_through(source, path):
    nb = good()
    nb.cells[3].source = source
    assert list(guards.drawings(nb, path)) == []


@pytest.mark.parametrize(
    "source", ["x = torch.ones(2)", "f = lambda torch: 1", "x = [torch for torch in y]", "!ls"]
)
def test_a_name_of_the_set_up_cell_may_be_used(source, path):
    nb = good()
    nb.cells[5].source = source
    assert list(guards.any_order(nb, path)) == []


def test_every_guard_has_a_planted_fault():
    assert set(guards.GUARDS) <= FAULTS.keys()


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("| words |", "| prose |"),
        TABLE.replace("S1.02 |", "S1.01 |"),
        TABLE + "- S2.01\n",
        TABLE + "- S3.01\n",
    ],
)
def test_a_fault_in_the_table_is_reported(text):
    assert list(syllabus.table_faults(*syllabus.read_syllabus(text)))
    assert not list(syllabus.table_faults(*items()))
