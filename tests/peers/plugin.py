"""pytest's part: adapters in place of scikit-learn's names, and a verdict for each case."""

import re

import pytest

from tests.peers.convert import LEDGER
from tests.peers.differences import DIFFERENCES, ONLY_THE_WORDS, OWN_WORDS
from tests.peers.suites import HOME, OWN_CASES, mentions, suite_of, while_imported, while_tested

PASSED, DIFFERENCE, NOT_APPLICABLE = "passed", "difference", "not applicable"
FAULT, STALE, NOT_OURS = "FAULT", "STALE", "not ours"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Import one of scikit-learn's test files with our names in place of its own."""
    suite = suite_of(collector.path) if isinstance(collector, pytest.Module) else None
    if suite is None:
        return (yield)
    with while_imported(suite):
        return (yield)


def pytest_collection_modifyitems(config, items):
    """Leave out the cases that are about something else."""
    others = [item for item in items if suite_of(item.path) and not mentions(item)]
    config.hook.pytest_deselected(items=others)
    left_out = set(others)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    LEDGER.clear()
    suite = suite_of(item.path)
    if suite is None:
        return (yield)
    with while_tested(suite):
        return (yield)


def case_name(item):
    """Return the id of a case as DIFFERENCES writes it: file, test and parameters."""
    folder = f"{item.path.parent.parent.name}/" if item.path.is_relative_to(HOME) else ""
    return f"{folder}{item.path.name}::{item.name}"


def explained(name):
    """Return the pattern of DIFFERENCES that a case matches, or None."""
    for pattern in DIFFERENCES:
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name):
            return pattern
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return report
    name = case_name(item)
    subject = next(iter(LEDGER.used), "")
    if item.path.name in OWN_CASES:
        subject = OWN_CASES[item.path.name]
        verdict, why = (FAULT, name) if report.failed else (PASSED, "")
    else:
        verdict, why = judge(name, report)
    report.user_properties.append(("peers", (name, subject, verdict, why)))
    if verdict == STALE:
        report.outcome, report.longrepr = "failed", f"{name}: passes, but is in DIFFERENCES"
    elif verdict not in (PASSED, FAULT):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"{verdict}: {why}")
        vars(report).pop("wasxfail", None)
    return report


def judge(name, report):
    """Return the verdict about a case and the reason for it."""
    if not LEDGER.used:
        return NOT_OURS, ""
    if LEDGER.reasons:
        return NOT_APPLICABLE, LEDGER.reasons[0]
    if report.skipped:
        return (NOT_APPLICABLE if LEDGER.asked else NOT_OURS), "skipped by the test itself"
    if not LEDGER.asked and not report.failed:
        return NOT_OURS, ""
    pattern = explained(name)
    if report.passed:
        return (STALE, name) if pattern else (PASSED, "")
    only_the_words = any(words in str(report.longrepr) for words in ONLY_THE_WORDS)
    if pattern is None or (DIFFERENCES[pattern] == OWN_WORDS and not only_the_words):
        return FAULT, name
    return DIFFERENCE, pattern
