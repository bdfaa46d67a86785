"""How the checkers judge: one line, whatever the learner's function does."""

import numpy as np
import pytest
import torch

from d4sci.exercises import applications, networks, overview, supervised, unsupervised

MODULES = (applications, networks, overview, supervised, unsupervised)
CHECKERS = [
    checker
    for module in MODULES
    for name, checker in vars(module).items()
    if name.startswith("check_")
]


def fail(*arguments):
    raise ValueError("two\nlines")


STRANGE = {
    "an error of two lines": fail,
    "a matrix of NumPy": lambda *_: np.ones((3, 3)),
    "a text": lambda *_: "a\ntext",
    "complex numbers": lambda *_: torch.tensor([1j, 2, 3]),
    "nothing twice": lambda *_: (None, None),
    "two of different sizes": lambda *_: [torch.ones(2), torch.ones(3)],
    "an empty tensor": lambda *_: torch.zeros(0),
    "NaN": lambda *_: float("nan"),
    "no arguments": lambda: 1,
    "double": lambda *_: torch.ones(3, dtype=torch.float64),
}


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_the_verdict_is_one_line(checker, capsys):
    for name, answer in STRANGE.items():
        checker(answer)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1, name
        assert lines[0].startswith(("Not yet: ", "Not done yet: ")), name
