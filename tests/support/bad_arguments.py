"""What can be wrong with an argument: for each kind, {what: function of the good value}."""

import math

import torch

NAN = math.nan


def without(kind, *whats):
    """Return the kind less what is no fault of the argument at hand."""
    return {what: wrong for what, wrong in kind.items() if what not in whats}


NO_TENSOR = {
    "an array": lambda X: X.detach().numpy(),
    "a list": lambda X: X.tolist(),
    "nothing": lambda X: None,
}
NO_FLOATS = {
    "integers": lambda X: X.long(),
    "bools": lambda X: X > 0,
    "complex": lambda X: X + 0j,
}
NOT_FINITE = {
    "NaN": lambda X: X * NAN,
    "one infinity": lambda X: torch.where(X.max() == X, math.inf, X),
}
MATRIX = {
    **NO_TENSOR, **NO_FLOATS, **NOT_FINITE,
    "a vector": lambda X: X[:, 0],
    "three axes": lambda X: X[None],
    "half precision": lambda X: X.half(),
    "no rows": lambda X: X[:0],
    "no columns": lambda X: X[:, :0],
}  # fmt: skip
FITTED = MATRIX | {
    "a column less": lambda X: X[:, 1:],
    "a column more": lambda X: torch.cat([X, X[:, :1]], 1),
}
VECTOR = {
    **NO_TENSOR,
    "a column": lambda y: y[:, None],
    "one number": lambda y: y[0],
    "no rows": lambda y: y[:0],
}  # fmt: skip
ONE_NUMBER = {"one number": lambda X: X.flatten()[0]}
OTHER_LENGTH = {"too few": lambda y: y[:-1], "too many": lambda y: torch.cat([y, y[:1]])}
LABELS = VECTOR | {"floats": lambda y: y.double(), "complex": lambda y: y + 0j}
CLASSES = LABELS | OTHER_LENGTH
TWO_CLASSES = CLASSES | {"one class": lambda y: 0 * y}
EXACTLY_TWO = TWO_CLASSES | {"three classes": lambda y: torch.arange(len(y)) % 3}
NO_ROWS = {"no rows": lambda y: y[:0]}
NUMBERS = VECTOR | OTHER_LENGTH | NO_FLOATS | NOT_FINITE
TARGETS = without(NUMBERS, "a column")

NO_NUMBER = {
    "text": lambda v: "3",
    "nothing": lambda v: None,
    "a list": lambda v: [v, v],
    "NaN": lambda v: NAN,
    "True": lambda v: True,
}
INFINITE = {"infinity": lambda v: math.inf, "minus infinity": lambda v: -math.inf}
POSITIVE_OR_0 = NO_NUMBER | INFINITE | {"negative": lambda v: -1.0}
POSITIVE = POSITIVE_OR_0 | {"zero": lambda v: 0.0}
WHOLE = POSITIVE_OR_0 | {"a half": lambda v: v + 0.5, "a float": float}
COUNT = WHOLE | {"zero": lambda v: 0}
COUNT_OR_NONE = without(COUNT, "nothing")
AT_MOST = COUNT | {"too large": lambda v: 10**6}
AT_MOST_OR_NONE = without(AT_MOST, "nothing")
POSITIVE_OR_NONE = without(POSITIVE, "nothing")
TOLERANCE = without(POSITIVE_OR_0, "infinity")
SHARE = without(AT_MOST, "a float", "a half") | {"one": lambda v: 1.0}
END = NO_NUMBER | INFINITE | {"in reverse": lambda v: 1 - 3 * v}
CHOICE = {"unknown": lambda v: "best", "a number": lambda v: 7, "a list": lambda v: [v]}
FILE = {"other file": lambda v: "iris.csv"}
COLUMNS = {
    "one name": lambda v: v[0],
    "unknown": lambda v: ["best"],
    "none": lambda v: [],
    "text": lambda v: ["species"],
    "numbers": lambda v: [0],
}
WIDTHS = {
    "one number": lambda v: v[0],
    "nothing": lambda v: None,
    "text": lambda v: "3",
    "a zero": lambda v: (0,),
    "a half": lambda v: (2.5,),
    "texts": lambda v: ("3",),
}
OUT_OF_RANGE = {"negative": lambda y: y - 1, "too large": lambda y: y + 9}
LIST_OF_LABELS = {
    "floats": lambda v: [0.5, 1.5],
    "one number": lambda v: 1,
    "empty": lambda v: [],
}

IMAGES = {
    **NO_TENSOR, **NO_FLOATS,
    "no channel": lambda X: X[:, 0],
    "flat": lambda X: X.flatten(1),
    "too small": lambda X: X[..., 1:],
}  # fmt: skip
EDGES = {
    **NO_TENSOR,
    "floats": lambda E: E.float(),
    "int32": lambda E: E.int(),
    "bools": lambda E: E > 0,
    "turned": lambda E: E.T,
    "one row": lambda E: E[0],
    "unknown node": lambda E: E + 100,
    "negative node": lambda E: E - 1,
}
