"""The site: opens offline from its folder, links lead somewhere, search finds, all can read it."""

import re
from html import unescape
from urllib.parse import unquote, urldefrag

import pytest

from tests.support.browser import running_browser
from tests.support.notebooks import NAMES, ROOT
from tests.support.pages import SHOTS, WEB, built, opened

SITE = ROOT / "build" / "site"
WIDE = {"width": 1400, "height": 1000}
KNOWN = {"search.html": {"page-has-heading-one"}}  # an empty search has no title yet
AXE = "options => axe.run(document, {resultTypes: ['violations'], preload: false, ...options})"


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


def axe_faults(page, known=(), **options):
    """Yield what axe-core finds, of any impact."""
    for fault in page.evaluate(AXE, options)["violations"]:
        places = [node["target"][0] for node in fault["nodes"]]
        if fault["id"] == "empty-table-header":  # axe-core holds a formula for nothing
            places = [it for it in places if not page.locator(f"{it} mjx-container").count()]
        if fault["id"] not in known and places:
            yield f"{fault['impact']}: {fault['id']} at {len(places)} places: {places[:5]}"


def page_faults(browser, path, known=()):
    """Open a page, light and then dark; keep screenshots and return what went wrong."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with opened(browser, path, viewport=WIDE, color_scheme="light") as (page, faults):
        page.screenshot(path=SHOTS / f"{path.stem}-light.png")
        if page.evaluate("document.documentElement.scrollWidth") > WIDE["width"]:
            faults.append("wider than the window")
        if "notebooks" in path.parts and page.locator("mjx-container svg").count() == 0:
            faults.append("no formula")
        page.add_script_tag(path=WEB / "axe-core" / "axe.min.js")
        faults += axe_faults(page, known)
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=SHOTS / f"{path.stem}-dark.png")
        faults += [f"dark: {fault}" for fault in axe_faults(page, runOnly=["color-contrast"])]
        return faults


def targets(path, text):
    """Yield (file, anchor) of every link of a page to a file."""
    for link in re.findall(r'<[^>]* (?:href|src)="([^"]+)"', text):
        if not re.match(r"https?:|data:|mailto:", link):
            name, anchor = urldefrag(unquote(unescape(link)))
            name = name.partition("?")[0]
            yield (path.parent / name).resolve() if name else path, anchor


def dead_links(paths):
    """Return the links of these pages to files or anchors that do not exist."""
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    ids = {path: {*re.findall(r'\bid="([^"]+)"', text)} for path, text in texts.items()}
    links = [(path, *target) for path, text in texts.items() for target in targets(path, text)]
    assert links
    return [
        f"{path.name}: {target.name}#{anchor}" for path, target, anchor in links
        if not target.is_file() or (anchor and target in ids and anchor not in ids[target])
    ]  # fmt: skip


def test_pages_are_there():
    found = {path.relative_to(SITE).as_posix() for path in built("site")}
    notebooks = {f"notebooks/{name.replace('.ipynb', '.html')}" for name in NAMES}
    assert found >= notebooks | {"index.html", "README.html", "docs/syllabus.html", "search.html"}


def test_pages(browser):
    faults = []
    for path in built("site"):
        if path.name != "index.html":  # which only leads to the front page
            found = page_faults(browser, path, KNOWN.get(path.name, ()))
            faults += [f"{path.name}: {fault}" for fault in found]
    assert faults == []


def test_links():
    assert dead_links(built("site")) == []


def test_front_door(browser):
    with opened(browser, SITE / "search.html", viewport=WIDE) as (page, faults):
        page.goto((SITE / "index.html").as_uri())
        page.wait_for_url("**/README.html")
        assert page.locator("h1").count() == 1
        names = page.locator(".sidebar-tree a").all_inner_texts()
        assert [name[0] for name in names[:5]] == list("12345")
        assert faults == []


def test_search(browser):
    with opened(browser, SITE / "search.html", "?q=inertia", viewport=WIDE) as (page, faults):
        page.wait_for_selector("#search-results li")
        assert any("2 · " in text for text in page.locator("#search-results li").all_inner_texts())
        page.screenshot(path=SHOTS / "search.png")
        page.locator("#search-results a").first.click()
        page.wait_for_load_state()
        assert "inertia" in page.inner_text("article").lower()
        assert faults == []


def test_planted_faults_are_seen(browser, tmp_path):
    path = tmp_path / "notebooks" / "planted.html"
    path.parent.mkdir()
    path.write_text(
        '<!doctype html><html lang="en"><title>x</title><h1>x</h1><p style="color:#bbb">pale</p>'
        "<style>@media (prefers-color-scheme: dark) { h1 { color: #eee } }</style>"
        "<table><tr><th></th><th>a</th></tr></table>"
        '<p style="width:3000px">wide <img src="gone.png"> <a href="gone.html">a</a> '
        '<a href="#gone">b</a> <a href="planted.html">c</a>'
        '<script src="https://example.org/x.js"></script><script>throw Error("in it")</script>'
    )
    faults = page_faults(browser, path)
    wanted = ["color-contrast", "image-alt", "no formula", "wider", "no picture", "no alt"]
    for fault in [*wanted, "not loaded", "asks the network", "in it", "dark: "]:
        assert any(fault in found for found in faults), (fault, faults)
    dead = dead_links([path])
    assert dead == [
        "planted.html: gone.png#",
        "planted.html: gone.html#",
        "planted.html: planted.html#gone",
    ]
