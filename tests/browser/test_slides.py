"""Slides: open offline from a folder, formulas and pictures shown, pages neither long nor empty."""

import re
from statistics import median

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.browser import running_browser
from tests.support.notebooks import NAMES, ROOT, headings
from tests.support.pages import SHOTS, WEB, built, opened
from tools import slides
from tools.captions import picture_words
from tools.notebooks import read, write

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
PNG += "rkJggg=="  # one dot
MEASURE = """() => Reveal.getSlides().map(slide => {
  const {h, v} = Reveal.getIndices(slide)
  Reveal.slide(h, v)
  const {top, right, height} = slide.getBoundingClientRect()
  const boxes = [
    ...slide.querySelectorAll('img, table, pre, mjx-container > svg, p, li, h1, h2, h3')]
  const past = boxes.map(
    box => Math.max(box.getBoundingClientRect().right - right, box.scrollWidth - box.clientWidth))
  const ends = boxes.map(box => (box.getBoundingClientRect().bottom - top) / height)
  return {h, v, title: slide.innerText.slice(0, 60), high: slide.scrollHeight - slide.clientHeight,
          wide: Math.max(0, ...past), full: Math.max(0, ...ends),
          size: Number(slide.style.getPropertyValue('--all'))}
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
        faults += [f"a page all but empty: {place}" for place in pages if place["full"] < 0.2]
        empty = [place for place in pages if place["full"] < 0.4]
        if len(empty) > max(1, len(pages) // 15):
            faults.append(f"{len(empty)} of {len(pages)} pages empty for the most part: {empty}")
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
    full = median(place["full"] for place in pages)
    small = sum(place["size"] < 1 for place in pages)
    print(f"\n{path.name}: {len(pages)} pages, the median {full:.0%} full, {small} set smaller")
    assert full > 0.75
    assert small < len(pages) / 3


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
        *[new_markdown_cell(f"### Nothing under it {n}") for n in range(3)],
    ]  # fmt: skip
    write(tmp_path / "planted.ipynb", planted(*cells))
    slides.main(WEB, tmp_path / "out", tmp_path / "planted.ipynb")
    faults, _ = slide_faults(browser, tmp_path / "out" / "planted.slides.html")
    edges = [fault for fault in faults if "over the edge" in fault]
    assert len(edges) == 2, edges
    empty = ("all but empty", "empty for the most part")
    for fault in ("no alt", "too long", "formula", "no picture", "not loaded", *empty):
        assert any(fault in found for found in faults), (fault, faults)


def test_rule():
    cells = [
        new_markdown_cell("## Section\n\n### Part\n\nText."),
        pictured("1  # fmt: skip\n" * 24),
        new_markdown_cell("*What to see.* More.\n\nThen this.\n\n### Next"),
        pictured("check", "exercise-check"), pictured("solution", "exercise-solution"),
    ]  # fmt: skip
    cells = slides.paged(planted(*cells)).cells
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in cells]
    texts = [re.sub("<.*?>", "", cell.source).partition("\n")[0] for cell in cells]
    small = "Section · Part"  # where a page without a heading is
    assert texts == [
        "# Title", "## Section", "### Part", "1", small, "1", "1", "*What to see.* More.",
        "Then this.", "### Next",
    ]  # fmt: skip
    starts = ["slide", "slide", None, None, "subslide", None, None, None, None]
    assert kinds == [*starts, "subslide"]
    assert not any("exercise" in cell.source for cell in cells)
    assert [cell.metadata.alt for cell in cells if "alt" in cell.metadata] == ["What to see."]
    assert len({cell.id for cell in cells}) == len(cells)


def code(lines, printed=0):
    """Return a code cell of so many lines, which prints so many."""
    outputs = [new_output("stream", text="y\n" * printed)] if printed else []
    return new_code_cell("x\n" * lines, outputs=outputs)


@pytest.mark.parametrize(
    ("cells", "pages"),
    [
        ([code(10, 3)], ["text code print"]),
        ([code(22, 3)], ["text code print"]),  # set smaller
        ([code(24, 6)], ["text code", "print"]),  # but not too small
        ([code(20, 6), code(12, 6)], ["text code print", "code print"]),
        (
            [code(8, 6) for _ in range(4)],
            ["text code print", "code print", "code print code print"],
        ),
        ([code(14), new_markdown_cell("Now see."), code(14)], ["text code", "text code"]),
    ],
)
def test_what_belongs_together_shares_a_page(cells, pages):
    nb = new_notebook(cells=[new_markdown_cell("### Part\n\nOne line."), *cells])
    found = slides.split(slides.blocks(nb))
    assert [" ".join(block.role for block in page) for page in found] == pages


def test_a_picture_shrinks_to_stay_with_its_code():
    def pages(lines, high):
        picture = slides.Block([], "picture", high, spare=(1 - slides.SHRINK) * high)
        return len(slides.split([slides.Block([], "code", 32 + 23 * lines), picture]))

    assert pages(10, 400) == 1
    assert pages(15, 470) == 1
    assert pages(25, 470) == 2


def test_words_of_pictures():
    live = new_output("display_data", {"image/png": PNG, "text/plain": "explore: a *live* one"})
    cells = [
        pictured("1"), new_markdown_cell("*A **big** `x`,\n[here](a.md): $\\hat y$.* More."),
        pictured("2"), new_markdown_cell("**Bold** is no caption, *this* comes too late."),
        new_code_cell("3", outputs=[live]), pictured("4"),
    ]  # fmt: skip
    told = dict(picture_words(new_notebook(cells=cells)))
    assert told == {0: "A big x, here: hat y.", 2: "", 4: "a live one", 5: ""}
