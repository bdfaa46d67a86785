"""What `make peers` keeps: the page, and adapters that still fit d4sci and scikit-learn."""

import inspect
import re

import numpy as np
import pytest

from tests.peers import convert, differences, estimators, functions, page, suites

TEXT = page.PAGE.read_text("utf-8")
ADAPTERS = sorted({name for names in suites.SUITES.values() for name in names})


def test_the_page_has_enough_applicable_cases():
    (cells,) = re.findall(r"^\| \*\*all\*\* \| (.+) \|$", TEXT, flags=re.MULTILINE)
    applicable, passed, difference, _ = [int(n.replace(",", "")) for n in cells.split(" | ")]
    assert applicable >= 600
    assert applicable == passed + difference
    assert f"**{applicable:,} cases are applicable" in TEXT


def test_the_page_has_a_row_for_each_estimator():
    for name in ADAPTERS:
        assert f"| `{name}` |" in TEXT or not hasattr(estimators, name)


def test_the_page_gives_the_reasons():
    table = TEXT.partition("## Documented differences")[2].partition("## Not applicable")[0]
    reasons = re.findall(r"^\| (.+) \| [\d,]+ \| .+ \|$", table, flags=re.MULTILINE)
    assert set(reasons) == set(differences.DIFFERENCES.values())


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_adapter_has_the_signature_of_its_peer(name):
    adapter = suites.adapter(name)
    peer = getattr(adapter, "peer", None) or inspect.unwrap(adapter)
    if isinstance(adapter, type) and hasattr(adapter, "ours"):
        assert inspect.signature(adapter) == inspect.signature(peer)
        known = inspect.signature(adapter.ours).parameters
        assert set(adapter.names.values()) - {"p"} <= set(known)
        theirs = {*adapter.names, *adapter.ways, *adapter.only}
        assert theirs <= set(inspect.signature(peer).parameters)


def test_what_d4sci_lacks_is_not_applicable():
    X = np.array([[0.0], [1.0], [5.0]])
    with pytest.raises(convert.NotApplicable, match="sample_weight"):
        estimators.KMeans(n_clusters=2).fit(X, sample_weight=[1, 1, 1])
    with pytest.raises(convert.NotApplicable, match="normalize"):
        functions.accuracy_score([0, 1], [0, 1], normalize=False)
    assert functions.accuracy_score([0, 1], [0, 0]) == 0.5
    assert estimators.KMeans(n_clusters=2).fit(X).labels_.tolist() in ([0, 0, 1], [1, 1, 0])
