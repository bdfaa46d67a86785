"""Pages that were built, opened from their folder in a browser without a network."""

from contextlib import contextmanager

import pytest

from tests.support.notebooks import ROOT

WEB = ROOT / "build" / "web" / "node_modules"
SHOTS = ROOT / "build" / "screenshots"


@contextmanager
def opened(browser, path, query="", **options):
    """Yield a page from a file, its formulas set, and what went wrong while it is open."""
    context = browser.new_context(offline=True, **options)
    page, faults = context.new_page(), []
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"not loaded: {request.url[:200]}"))
    page.on("request", lambda request: faults.extend(foreign(request.url)))
    page.goto(path.as_uri() + query)
    page.evaluate("window.MathJax?.startup.promise")
    faults += page.evaluate(BROKEN)
    yield page, faults
    context.close()


def foreign(url):
    """Yield a fault if the address is not in a file or in the page itself."""
    if not url.startswith(("file:", "data:", "blob:")):
        yield f"asks the network: {url[:200]}"


BROKEN = """() => [
  ...[...document.images].filter(image => image.complete && !image.naturalWidth)
    .map(image => 'no picture: ' + image.src.slice(0, 200)),
  ...[...document.images].filter(image => !image.alt.trim())
    .map(image => 'no alt: ' + image.outerHTML.slice(-200)),
  ...[...document.querySelectorAll('mjx-merror, [data-mjx-error]')]
    .map(error => 'formula: ' + (error.getAttribute('data-mjx-error') || error.textContent)),
]"""


def built(folder):
    """Return the pages in a folder of build/; skip, and say so, if it was not made yet."""
    pages = sorted((ROOT / "build" / folder).rglob("*.html"))
    if not pages:
        pytest.skip(f"NO PAGES: run `make {folder}` first")
    return pages
