"""The page docs/peers.md: what the peers' own tests say about d4sci."""

import os
import re
from collections import Counter
from importlib import metadata
from pathlib import Path

from tests.peers.differences import DIFFERENCES
from tests.peers.suites import OWN_CASES

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
PACKAGES = ("scikit-learn", "torch-geometric", "torch", "numpy")
COLUMNS = ("passed", "difference", "not applicable")
INTRODUCTION = """\
# The peers' own tests, run on d4sci

Written by `make peers`. The authors of scikit-learn test their code with great care. These are
their tests, as the installed package holds them, run on our code: a test asks for `KMeans`, and
gets ours, behind an adapter that does no more than turn arrays into tensors and back, and their
names for parameters, attributes and kinds of error into ours. `parametrize_with_checks`, their
checks of any estimator, are run too. The adapters are in `tests/peers/`.

**{applicable:,} cases are applicable. {passed:,} of them pass; {difference:,} end otherwise**, each
for a reason that stands [below](#documented-differences). No other case fails. If one did, or if a
documented difference passed all of a sudden, `make peers` would fail and leave this page as it was.

PyTorch Geometric is installed without its tests. In their place {own:,} cases of our own, written
after its documentation, ask our `GCNConv` and theirs side by side, and all pass; they are not
counted here. `tests/peers/test_gcn_conv.py` holds them, and a list of what ours lacks.

Run with {versions}.

## Class by class

*Applicable*: every parameter, attribute and input that the case uses is one that we have, and it
called our code; these either pass or are documented differences. *Not applicable*: the case uses
something that we do not have and do not claim to have, [counted below](#not-applicable). A case
that uses several of our functions counts for the first. A test with ten sets of parameters is ten
cases.

| tests of | applicable | passed | documented differences | not applicable |
|---|---|---|---|---|
"""
DIFFERENCES_HEAD = """
## Documented differences

| what differs, and why | cases | in the tests |
|---|---|---|
"""
REASONS_HEAD = """
## Not applicable

Of several reasons the first that the test met is counted. A parameter stands here where a test
gives it a value other than what our code does anyway.

| what the test uses, and we do not have | cases |
|---|---|
"""


def write(verdicts):
    """Write the page, whole or not at all.  verdicts: {id: (subject, verdict, why)}."""
    temporary = PAGE.with_suffix(".tmp")
    temporary.write_text(page(verdicts), encoding="utf-8")
    os.replace(temporary, PAGE)


def page(verdicts):
    """Return the text of the page."""
    own = sum(subject in OWN_CASES.values() for subject, _, _ in verdicts.values())
    verdicts = {n: v for n, v in verdicts.items() if v[0] not in OWN_CASES.values()}
    counts = Counter((subject, verdict) for subject, verdict, _ in verdicts.values())
    subjects = sorted({subject for subject, verdict in counts if verdict in COLUMNS}, key=str.lower)
    rows = [[subject, *[counts[subject, column] for column in COLUMNS]] for subject in subjects]
    totals = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    text = INTRODUCTION.format(
        own=own,
        applicable=totals[0] + totals[1],
        passed=totals[0],
        difference=totals[1],
        versions=", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES),
    )
    for subject, passed, difference, lacking in rows:
        text += line(f"`{subject}`", passed + difference, passed, difference, lacking)
    text += line("**all**", totals[0] + totals[1], *totals)
    return text + differences(verdicts) + reasons(verdicts)


def line(*cells):
    """Return a row of a table."""
    return f"| {' | '.join(f'{c:,}' if isinstance(c, int) else c for c in cells)} |\n"


def differences(verdicts):
    """Return the table of differences: a row a reason, with the names of the tests."""
    cases, tests = Counter(), {}
    for _, verdict, pattern in verdicts.values():
        if verdict == "difference":
            reason = DIFFERENCES[pattern]
            cases[reason] += 1
            tests.setdefault(reason, set()).add(test_name(pattern))
    text = DIFFERENCES_HEAD
    for reason, number in sorted(cases.items(), key=lambda item: (-item[1], item[0])):
        text += line(reason, number, ", ".join(f"`{name}`" for name in sorted(tests[reason])))
    return text


def test_name(pattern):
    """Return the name of the test, or of the check, that a pattern stands for."""
    check = re.search(r"check_\w+", pattern)
    return check[0] if check else re.split(r"::|\[", pattern)[1].rstrip("*")


def reasons(verdicts):
    """Return the table of what is not applicable: a row a reason, the most frequent first."""
    found = Counter(why for _, verdict, why in verdicts.values() if verdict == "not applicable")
    text = REASONS_HEAD
    for reason, number in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        text += line(reason, number)
    return text
