"""Which tests look at a module of d4sci: those of its own file, then all others that import it."""

import ast
from pathlib import Path

LEFT_OUT = {"slow", "browser", "notebooks", "tools"}  # they test what runs the package


def imported(path):
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tests_of(root, module):
    """Return the module's own test file, then the other files that import the module."""
    tests = Path(root, "tests")
    paths = [path for path in sorted(tests.rglob("test_*.py")) if not LEFT_OUT & set(path.parts)]
    users = [path for path in paths if f"d4sci.{module}" in imported(path)]
    own = [path for path in paths if path.stem == f"test_{module.rpartition('.')[2]}"]
    others = [path for path in users if path not in own]
    found = []
    for group in (own, others):
        if group:
            found.append(tuple(str(path.relative_to(tests)) for path in group))
    return found
