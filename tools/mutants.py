"""The mutants of a source: copies that differ in one place that is no string and no annotation."""

import ast
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "d4sci"
NO_COMPUTING = {"__init__", "__main__", "doctor", "train_mnist"}
SWAPS = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.And: [ast.Or],
    ast.Or: [ast.And], ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div],
    ast.Div: [ast.Mult], ast.FloorDiv: [ast.Div], ast.Mod: [ast.Mult], ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult], ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd],
}  # fmt: skip
PAIRS = ["min max", "argmin argmax", "minimum maximum", "amin amax", "floor ceil", "zeros ones"]
NAMES = dict(pair.split() for pair in PAIRS)
NAMES |= {b: a for a, b in NAMES.items()}
SILENT = (ast.Raise, ast.JoinedStr)  # error texts
UNSEEN = {"annotation", "returns", "decorator_list"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module: `text` for the bytes from `start` to `end`."""

    module: str
    line: int
    code: str  # the line as it was
    change: str
    start: int
    end: int
    text: str

    def __str__(self):
        return f"{self.module}.py:{self.line}: {self.change}"

    def applied(self, source):
        """Return the source with the change in it."""
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()


def variants(node):
    """Yield (part of the node, what stands there instead), one small change at a time."""
    match node:
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in SWAPS[type(op)]:
                    yield node, ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BinOp(left, op, right) if not (is_text(left) or is_text(right)):
            for other in SWAPS.get(type(op), []):
                yield node, ast.BinOp(left, other(), right)
        case ast.AugAssign(target, op, value):
            for other in SWAPS.get(type(op), []):
                yield node, ast.AugAssign(target, other(), value)
        case ast.BoolOp(op, values):
            yield node, ast.BoolOp(SWAPS[type(op)][0](), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield node, operand
        case ast.Constant(bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield node, ast.Constant(value + 1 if value + 1 != value else 2 * value)
        case _:
            yield from structural(node)


def structural(node):
    """Yield the changes that are none of an operator or a constant."""
    match node:
        case ast.keyword("dim", ast.Constant(int(value))):
            yield node.value, ast.Constant(1 - value if value < 2 else 0)
        case ast.Call(ast.Name(name)) if name in NAMES:
            yield node.func, ast.Name(NAMES[name])
        case ast.Call(ast.Attribute(value, name)) if name in NAMES:
            yield node.func, ast.Attribute(value, NAMES[name])
        case ast.Slice(lower, upper, step):
            if lower:
                yield node, ast.Slice(None, upper, step)
            if upper:
                yield node, ast.Slice(lower, None, step)
        case ast.Return(ast.expr()):
            yield node, ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call()):
            yield node, ast.Pass()
        case ast.If(test) | ast.IfExp(test) | ast.While(test) if not isinstance(test, ast.Compare):
            yield test, ast.UnaryOp(ast.Not(), test)


def is_text(node):
    """Tell whether a node is a string."""
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def visible(node):
    """Yield the nodes below, this one first, that a change may touch."""
    if isinstance(node, SILENT):
        return
    yield node
    if isinstance(node, ast.keyword) and node.arg == "dim":  # changed as a whole
        return
    for name, field in ast.iter_fields(node):
        if name in UNSEEN:
            continue
        children = field if isinstance(field, list) else [field]
        for child in children:
            if isinstance(child, ast.AST):
                yield from visible(child)


def mutants(module, source):
    """Return every mutant of a module, in the order of its lines."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    found, seen = {}, Counter()
    for node in visible(ast.parse(source)):
        for old, new in variants(node):
            text = ast.unparse(ast.fix_missing_locations(new))
            change = f"{ast.unparse(old)} -> {text}"
            if isinstance(new, ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp | ast.IfExp):
                text = f"({text})"
            start = starts[old.lineno - 1] + old.col_offset
            end = starts[old.end_lineno - 1] + old.end_col_offset
            code = lines[old.lineno - 1].strip()
            seen[old.lineno, change] += 1
            number = seen[old.lineno, change]
            if number > 1:
                change += f" (number {number} of the line)"
            mutant = Mutant(module, old.lineno, code, change, start, end, text)
            found[start, end, text] = mutant
    return [found[key] for key in sorted(found)]


def path_of(module):
    """Return the file of a module, from the root: `engines.boxes` → d4sci/engines/boxes.py."""
    return Path("d4sci", *module.split(".")).with_suffix(".py")


def modules_of(package):
    """Return the modules that compute: support, the engines, and the files of the top level."""
    found = []
    for folder in (package / "support", package / "engines", package):
        for path in sorted(folder.glob("*.py")):
            if path.stem not in NO_COMPUTING:
                found.append(".".join(path.relative_to(package).with_suffix("").parts))
    return found


MODULES = modules_of(PACKAGE)


def draw(root, modules, sample, seed):
    """Return a sample of all mutants, the same for the same seed and sources."""
    found = []
    for name in modules:
        found += mutants(name, Path(root, path_of(name)).read_text("utf-8"))
    chosen = random.Random(seed).sample(range(len(found)), min(sample, len(found)))
    return [found[i] for i in sorted(chosen) if found[i].change != "return None -> return None"]


def read_equivalent(root):
    """Return {(module, line of code, change): reason} of the changes that no test can see."""
    path = Path(root, "tests", "support", "mutants_equivalent.txt")
    if not path.exists():
        return {}
    reasons = {}
    for entry in path.read_text("utf-8").split("\n\n")[1:]:
        where, code, change, why = entry.strip().split("\n")
        reasons[where.strip(), code, change] = why
    return reasons
