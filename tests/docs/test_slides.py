"""Slides: open offline from a folder, formulas and pictures shown, hardly a page that scrolls."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.docs.pages import SHOTS, WEB, built, opened
from tests.notebooks import NAMES, ROOT, headings
from tests.trust.browser import running_browser
from tools import slides
from tools.captions import picture_words
from tools.nb import read, write

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
PNG += "rkJggg=="  # one dot
MEASURE = """() => Reveal.getSlides().map(slide => {
  const {h, v} = Reveal.getIndices(slide)
  Reveal.slide(h, v)
  const edge = slide.getBoundingClientRect().right
  const past = [...slide.querySelectorAll('img, table, pre, mjx-container > svg, p, li')].map(
    box => Math.max(box.getBoundingClientRect().right - edge, box.scrollWidth - box.clientWidth))
  return {h, v, title: slide.innerText.slice(0, 60), high: slide.scrollHeight - slide.clientHeight,
          wide: Math.max(0, ...past)}
})"""


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


def slide_faults(browser, path, shots=()):
    """Return what went wrong on the pages of slides, and the pages themselves."""
    size = {"width": slides.WIDTH, "height": slides.HEIGHT}
    with opened(browser, path, viewport=size) as (page, faults):
        page.wait_for_function("window.Reveal?.isReady()")
        pages = page.evaluate(MEASURE)
        faults += [f"over the edge: {place}" for place in pages if place["wide"] > 1]
        high = [place for place in pages if place["high"] > 2]
        faults += [f"a page too long: {place}" for place in high if place["high"] > 150]
        if len(high) > max(1, len(pages) // 50):
            faults.append(f"{len(high)} of {len(pages)} pages scroll: {high}")
        if page.locator("mjx-container svg").count() == 0:
            faults.append("no formula")
        SHOTS.mkdir(parents=True, exist_ok=True)
        for h, v in shots:
            page.evaluate(f"Reveal.slide({h}, {v})")
            page.screenshot(path=SHOTS / f"{path.stem}-{h}-{v}.png")
    return faults, pages


@pytest.mark.parametrize("name", NAMES)
def test_slides(name, browser):
    path = ROOT / "build" / "slides" / name.replace(".ipynb", ".slides.html")
    assert path in built("slides")
    faults, pages = slide_faults(browser, path, shots=[(0, 0), (1, 0), (2, 1), (3, 2), (5, 0)])
    assert faults == []
    big = [title for _, level, title in headings(read(ROOT / "notebooks" / name)) if level <= 2]
    assert pages[-1]["h"] == len(big) - 1
    print(f"\n{path.name}: {len(pages)} pages")


def planted(*cells):
    """Return a notebook: a title with a formula, and then these cells."""
    return new_notebook(cells=[new_markdown_cell("# Title\n\n$x^2$"), *cells])


def pictured(code, *tags):
    """Return a cell that prints, draws a picture, and has tags."""
    outputs = [new_output("stream", text="seen\n"), new_output("display_data", {"image/png": PNG})]
    return new_code_cell(code, outputs=outputs, metadata={"tags": list(tags)})


def test_planted_faults_are_seen(browser, tmp_path):
    cells = [
        pictured("x = 1"), new_markdown_cell("A picture without a caption."),
        new_markdown_cell("## Wide\n\n$" + "x + " * 200 + "x$"),
        new_markdown_cell("## Code"), new_code_cell("x" * 300),
        new_markdown_cell("## Long\n\n" + "A paragraph.\n\n" * 40),
        new_markdown_cell("## Odd\n\n$\\frac{1}$ ![there](nowhere.png)"),
    ]  # fmt: skip
    write(tmp_path / "planted.ipynb", planted(*cells))
    slides.main(WEB, tmp_path / "out", tmp_path / "planted.ipynb")
    faults, _ = slide_faults(browser, tmp_path / "out" / "planted.slides.html")
    edges = [fault for fault in faults if "over the edge" in fault]
    assert len(edges) == 2, edges
    for fault in ("no alt", "too long", "formula", "no picture", "not loaded"):
        assert any(fault in found for found in faults), (fault, faults)


def test_rule():
    cells = [
        new_markdown_cell("## Section\n\n### Part\n\nText."),
        pictured("1\n" * 24), new_markdown_cell("*What to see.* More.\n\nThen this.\n\n### Next"),
        pictured("check", "exercise-check"), pictured("solution", "exercise-solution"),
    ]  # fmt: skip
    cells = slides.paged(planted(*cells)).cells
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in cells]
    texts = [re.sub("<.*?>", "", cell.source).partition("\n")[0] for cell in cells]
    small = "Section · Part"  # where a page without a heading is
    assert texts == [
        "# Title", "## Section", "### Part", small, "1", small, "1", "1", "*What to see.* More.",
        "Then this.", "### Next",
    ]  # fmt: skip
    starts = ["slide", "slide", None, "subslide", None, "subslide", None, None, None, None]
    assert kinds == [*starts, "subslide"]
    assert not any("exercise" in cell.source for cell in cells)
    assert [cell.metadata.alt for cell in cells if "alt" in cell.metadata] == ["What to see."]
    assert len({cell.id for cell in cells}) == len(cells)


def test_words_of_pictures():
    live = new_output("display_data", {"image/png": PNG, "text/plain": "explore: a *live* one"})
    cells = [
        pictured("1"), new_markdown_cell("*A **big** `x`,\n[here](a.md): $\\hat y$.* More."),
        pictured("2"), new_markdown_cell("**Bold** is no caption, *this* comes too late."),
        new_code_cell("3", outputs=[live]), pictured("4"),
    ]  # fmt: skip
    told = dict(picture_words(new_notebook(cells=cells)))
    assert told == {0: "A big x, here: hat y.", 2: "", 4: "a live one", 5: ""}
