"""A `fit` that raises changes nothing: whatever the reason, all that was learned before stays.

Of every estimator on each of its paths, alone and as the last step of a pipeline.
"""

import copy
import inspect
import sys
import warnings
from contextlib import contextmanager

import pytest
import torch
from torch.overrides import TorchFunctionMode

from d4sci.estimator import ConvergenceWarning
from d4sci.pipeline import Pipeline
from d4sci.preprocessing import StandardScaler
from tests.support.estimator_paths import (
    CASES,
    EARLY,
    PATHS,
    SUPERVISED,
    Z_2,
    Z,
    alone_or_last,
    equal,
    every,
    learned,
    make,
    quiet,
    rows_of,
    said,
)

LAST_LINES = 12  # of a fit: there it assigns what it has learned


class StopAt(TorchFunctionMode):
    """Press Ctrl-C at the call to torch with this number; count the calls that compute."""

    def __init__(self, number):
        super().__init__()
        self.number, self.count = number, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__ not in ("__get__", "__len__"):  # of a shape, of a device
            self.count += 1
        if self.count == self.number:
            raise KeyboardInterrupt
        return func(*args, **kwargs or {})


@contextmanager
def stop_before(line, code):
    """Press Ctrl-C before this line of a function."""

    def in_it(frame, event, argument):
        if event == "line" and frame.f_lineno == line:
            raise KeyboardInterrupt
        return in_it

    tracer = sys.gettrace()
    sys.settrace(lambda frame, *_: in_it if frame.f_code is code else None)
    try:
        yield
    finally:
        sys.settrace(tracer)


@quiet
@alone_or_last
@every
def test_ctrl_c_within_a_computation(name, path, piped):
    """Wherever it falls, all is learned from the old rows, or all from the new ones."""
    A, y, A_2, y_2 = rows_of(name)
    old, new = make(name, path, piped).fit(A, y), make(name, path, piped)
    with StopAt(None) as mode:
        new.fit(A_2, y_2)
    n = mode.count
    places = {n // 2} if piped else {1, 2, 3, 5, 9, n // 4, n // 2, *range(n - 5, n + 1)}
    for number in sorted(places & set(range(1, n + 1))):
        model = copy.deepcopy(old)
        with StopAt(number), pytest.raises(KeyboardInterrupt):
            model.fit(A_2, y_2)
        whole = equal(learned(model), learned(old)) or equal(learned(model), learned(new))
        assert whole, f"half fitted when stopped at call {number} of {n}"


@quiet
@every
def test_ctrl_c_between_two_assignments(name, path):
    A, y, A_2, y_2 = rows_of(name)
    model = make(name, path).fit(A, y)
    before = copy.deepcopy(model)
    code = inspect.unwrap(type(model).fit).__code__
    lines = sorted({line for *_, line in code.co_lines() if line})[-LAST_LINES:]
    stopped = 0
    for line in lines:
        try:
            with stop_before(line, code):
                model.fit(A_2, y_2)
        except KeyboardInterrupt:
            stopped += 1
            assert equal(vars(model), vars(before)), f"half fitted when stopped at line {line}"
        else:  # a line of another path
            model = copy.deepcopy(before)
    assert stopped >= 4


@alone_or_last
@pytest.mark.parametrize("case", EARLY)
def test_a_warning_turned_into_an_error(case, piped):
    build, y = EARLY[case]
    model = Pipeline(StandardScaler(), build()) if piped else build()
    rows = Z.round().sign()[:, :1].repeat(1, 3) if y is None else Z  # three points at most
    y_2 = None if y is None else y[: len(Z_2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(Z_2, y_2)
    before, results = copy.deepcopy(learned(model)), said(model, Z_2, y_2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(rows, y)
    assert equal(learned(model), before)
    assert equal(said(model, Z_2, y_2), results)


BAD = {
    "NaN": lambda A, y: (A * torch.nan, y),
    "other columns and NaN": lambda A, y: (torch.cat([A, A * torch.inf], 1), y),
    "a vector": lambda A, y: (A[:, 0], y),
    "other rows": lambda A, y: (A[:, :2], y[:-1]),
    "one class": lambda A, y: (A[:, :2], y * 0),
    "text": lambda A, y: (A[:, :2], ["a"] * len(A)),
}
BAD_ROWS = ("NaN", "other columns and NaN", "a vector")  # the others are bad labels
REFUSED = [(*case, fault) for case in CASES for fault in BAD_ROWS]
REFUSED += [(*case, fault) for case in SUPERVISED for fault in BAD if fault not in BAD_ROWS]


@quiet
@alone_or_last
@pytest.mark.parametrize(("name", "path", "fault"), REFUSED)
def test_bad_data(name, path, fault, piped):
    A, y, *_ = rows_of(name)
    model = make(name, path, piped).fit(A, y)
    before, copies = learned(model), copy.deepcopy(learned(model))
    results = said(model, A, y)
    try:
        model.fit(*BAD[fault](A, y))
    except (ValueError, TypeError):
        assert equal(learned(model), copies)
        assert equal(before, copies)  # nor has it changed in place
        assert equal(said(model, A, y), results)
    else:
        assert fault == "one class"
        assert name in ("KNeighborsClassifier", "LinearRegression")


@quiet
@alone_or_last
@pytest.mark.parametrize(("name", "path"), [case for case in CASES if PATHS[case[0]][1]])
def test_a_bad_parameter(name, path, piped):
    A, y, *_ = rows_of(name)
    model = make(name, path, piped).fit(A, y)
    before, results = copy.deepcopy(learned(model)), said(model, A, y)
    switch = f"model__{PATHS[name][1]}" if piped else PATHS[name][1]
    model.set_params(**{switch: "best"})
    with pytest.raises(ValueError, match="best"):
        model.fit(A, y)
    assert equal(learned(model), before)
    model.set_params(**{switch: path})
    assert equal(said(model, A, y), results)


@quiet
@every
def test_a_first_fit_that_fails_leaves_it_unfitted(name, path):
    A, y, *_ = rows_of(name)
    model = make(name, path)
    with StopAt(None) as mode:
        make(name, path).fit(A, y)
    for number in (1, mode.count // 2, mode.count):
        with StopAt(number), pytest.raises(KeyboardInterrupt):
            model.fit(A, y)
        assert learned(model) == {}
