"""Count lines of code: no blanks, no comments, no docstrings."""

import ast
import tokenize

from tests.support.notebooks import ROOT

MODULES = sorted((ROOT / "d4sci").rglob("*.py"))
SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def module_name(path):
    """Return the name of a file of d4sci as it is imported, without `d4sci.`."""
    parts = path.relative_to(ROOT / "d4sci").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def read_module(path):
    """Return the syntax tree of a file and the numbers of its lines of code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in SILENT]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return tree, lines


def functions(path):
    """Return {name: number of lines of code} of a file's functions and methods."""
    tree, lines = read_module(path)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return {f.name: len(lines & set(range(f.lineno, f.end_lineno + 1))) for f in found}


def classes(path):
    """Return {name: number of lines of code} of a file's classes."""
    tree, lines = read_module(path)
    found = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {c.name: len(lines & set(range(c.lineno, c.end_lineno + 1))) for c in found}
