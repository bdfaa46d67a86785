"""What a notebook's cell draws by itself has names: nbval does not compare pictures."""

import ast

from tests.support.notebooks import code_cells

BY_HAND = {"plot", "scatter", "hist", "bar", "barh", "contour", "fill_between"}
LINES = BY_HAND | {"axvline", "axhline", "axvspan", "axhspan"}
NAMED = {  # bars have names instead of an axis
    "x": {"xlabel", "xticklabels", "set_xlabel", "set_axis_off", "bar"},
    "y": {"ylabel", "yticklabels", "set_ylabel", "set_axis_off", "barh"},
}


def drawings(nb, path):
    """A cell that draws without a `plot_` function names both axes, and shows the labels it gives.

    nbval does not compare pictures: nothing else would miss the names.
    """
    for i, cell in code_cells(nb):
        calls = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
        methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        functions = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
        given = {keyword.arg for call in calls for keyword in call.keywords} | methods
        for axis, names in NAMED.items():
            by_function = any(name.startswith("plot_") for name in functions)
            if BY_HAND & methods and not by_function and not names & given:
                yield f"cell {i}: no name for the {axis} axis"
        yield from (f"cell {i}: {fault}" for call in calls for fault in name_faults(call))
        labels = [k for call in calls for k in call.keywords if k.arg == "label" and drawn(call)]
        if labels and "legend" not in methods:
            yield f"cell {i}: a label, and no legend that shows it"


def name_faults(call):
    """Yield what is wrong with the names that a call gives to the axes: none, or one for both.

    Without ticks an axis needs no name, nor where the legend has one for each of several curves.
    """
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    names = [given[key] for key in ("xlabel", "ylabel") if key in given]
    spared = "xticks" in given or "yticks" in given
    if isinstance(given.get("labels"), ast.Tuple):  # of a `plot_` function
        names, curves = given["labels"].elts, call.args[:1]
        spared = any(isinstance(c, ast.Dict) and len(c.keys) > 1 for c in curves)
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("set_xlabel", "set_ylabel"):
        names = call.args[:1]
    texts = [str(name.value).strip() for name in names if isinstance(name, ast.Constant)]
    if "" in texts and not spared:
        yield "an axis without a name"
    if len(texts) == 2 and texts[0] == texts[1] != "":
        yield f"both axes are called {texts[0]!r}"


def tree(cell):
    """Return the syntax tree of a code cell; an empty one for what `plain_python` reports."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def drawn(call):
    """Tell whether a call is one of a drawing method of matplotlib's."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in LINES
