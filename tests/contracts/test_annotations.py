"""Every public function and method of d4sci says what it takes and what it returns."""

import ast

import pytest

from tests.support.code_lines import MODULES, module_name

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def public(body, prefix=""):
    """Yield (name, function, whether it is a method) of what others call: no name starts with _."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{node.name}.")
        if isinstance(node, FUNCTIONS):
            special = node.name.startswith("__") and node.name.endswith("__")
            if special or not node.name.startswith("_"):
                yield prefix + node.name, node, prefix != ""


def missing(source):
    """Return what lacks an annotation, as "function: argument" or "function: return"."""
    found = []
    for name, function, is_method in public(ast.parse(source).body):
        given = function.args
        arguments = [*given.posonlyargs, *given.args]
        static = any(ast.unparse(mark) == "staticmethod" for mark in function.decorator_list)
        if is_method and not static:
            arguments = arguments[1:]  # self or cls
        arguments += [*given.kwonlyargs, given.vararg, given.kwarg]
        found += [f"{name}: {a.arg}" for a in arguments if a is not None and a.annotation is None]
        if function.returns is None and function.name != "__init__":
            found.append(f"{name}: return")
    return found


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_public_functions_are_annotated(path):
    assert missing(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("def f(a: int, *b: int, c: int = 1, **d: int) -> int: ...", []),
        ("def f(a, /, b, *c, d=1, **e): ...", ["a", "b", "d", "c", "e", "return"]),
        ("async def f() -> None: ...\nlambda x: x", []),
        ("def _f(a): ...\nclass _A:\n    def f(self, a): ...", []),
        ("class A:\n    def __init__(self, a): ...\n    def _f(self, a): ...", ["a"]),
        ("class A:\n    def f(self, a: int): ...", ["return"]),
        ("class A:\n    @staticmethod\n    def f(a) -> int: ...", ["a"]),
        ("class A:\n    class B:\n        def f(self, a) -> int: ...", ["a"]),
        ("class A:\n    def __getattr__(self, name: str): ...", ["return"]),
        ("def f() -> int:\n    def g(a): ...", []),
    ],
)
def test_what_lacks_an_annotation_is_seen(source, faults):
    assert [fault.partition(": ")[2] for fault in missing(source)] == faults
