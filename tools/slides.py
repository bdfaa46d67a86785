"""Make slides of the notebooks that open in any browser, from a folder, without a network.

    python -m tools.slides WEB DIR [NB...]   write slides into DIR; WEB holds reveal.js and MathJax

The notebooks say nothing about slides; a rule decides. A heading starts a page: of level one or two
to the right, of level three below. What stands under it is shared among as few pages as hold it, so
that no page is empty and code stays with its introduction and with what it prints and draws; a
picture never leaves its caption. The browser then sets a page larger or smaller, where that fits.
Checks and solutions of exercises are left out.
"""

import copy
import re
import shutil
import sys
from dataclasses import dataclass
from html import escape
from math import inf
from pathlib import Path

from nbformat.v4 import new_markdown_cell, new_notebook

from tools.captions import picture_words, words
from tools.notebooks import read
from tools.slide_heights import output_height, picture_size, text_height

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = {"exercise-check", "exercise-solution"}
WIDTH, HEIGHT = 1280, 720
ROOM, ROOM_SMALL = 680, 830  # of the height, and what the browser can still make fit
SHRINK = 0.7  # of a picture beside much else: its size in the notebook
WHERE = 45  # pixels of the line over a page without a heading
KINDS = {1: "slide", 2: "slide", 3: "subslide"}
APART = {  # what it costs to turn the page between two blocks; turning it anywhere costs 0.3
    ("text", "code"): 0.35, ("code", "print"): 0.6, ("code", "picture"): 0.35,
    ("print", "picture"): 0.1, ("print", "text"): 0.15, ("picture", "text"): 0.1,
}  # fmt: skip


@dataclass
class Block:
    """Cells that share a page: what they are, how high, and whether a page starts here."""

    cells: list
    role: str  # text, code, print or picture
    height: float
    spare: float = 0  # pixels that its picture can give away
    kind: str = "-"  # or slide, subslide


def cut(source):
    """Return the parts of markdown that start at headings; a `#` in a code block starts none."""
    parts = []
    for part in re.split(r"\n(?=#{1,3} )", source):
        if parts and parts[-1].count("```") % 2:
            parts[-1] += "\n" + part
        else:
            parts.append(part)
    return parts


def pieces(nb):
    """Yield blocks: text cut at headings and after captions, code, and each of its outputs."""
    alt, pictured = dict(picture_words(nb)), False
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            sources = cut(cell.source)
            if pictured:  # the caption stays with the picture, and what follows need not
                sources[:1] = sources[0].split("\n\n", 1)
            for source in sources:
                mark = re.match(r"(#{1,3}) ", source)
                kind = KINDS[len(mark[1])] if mark else "-"
                yield Block([new_markdown_cell(source)], "text", text_height(source), kind=kind)
        elif not LEFT_OUT & set(cell.metadata.get("tags", [])):
            yield from code_pieces(cell, alt.get(i))
        pictured = i in alt


def code_pieces(cell, alt):
    """Yield blocks: the code, and each of its outputs without the code."""
    code = copy.deepcopy(cell)
    code.outputs, code.source = [], cell.source.replace("  # fmt: skip", "")
    yield Block([code], "code", 32 + 23 * len(code.source.splitlines()))
    for output in cell.outputs:
        shown = copy.deepcopy(code)
        shown.outputs, shown.metadata = [output], {"transient": {"remove_source": True}}
        height = output_height(output)
        if "image/png" in output.get("data", {}):
            shown.metadata["alt"] = alt
            yield Block([shown], "picture", height, spare=(1 - SHRINK) * height)
        else:
            yield Block([shown], "print", height)


def blocks(nb):
    """Return the blocks, with a caption in its picture's and a short heading in the next one's."""
    found = []
    for block in pieces(nb):
        last = found[-1] if found else block
        short = last.kind == "slide" and block.kind == "subslide" and last.height < 200
        captioned = last.role == "picture" and len(last.cells) == 1 and block.role == "text"
        if short or (captioned and block.kind == "-"):
            last.cells += block.cells
            last.height += block.height
        else:
            found.append(block)
    return found


def emptiness(page, height):
    """Return what a page of these blocks costs: for what it leaves empty, and for what is small."""
    height += sum(block.height for block in page)
    if height <= ROOM:
        return (1 - height / ROOM) ** 2
    height -= sum(block.spare for block in page)
    if height > ROOM_SMALL:
        return inf if len(page) > 1 else 2
    return 0.1 + max(0, height - ROOM) / 500


def split(run):
    """Return lists of blocks, one for each page: the cheapest way to cut what a heading heads."""
    best = [(0, [])]
    for end in range(1, len(run) + 1):
        ways = []
        for start in range(end):
            cost, pages = best[start]
            cost += emptiness(run[start:end], WHERE if start else 0)
            if start:
                cost += 0.3 + APART.get((run[start - 1].role, run[start].role), 0)
            ways.append((cost, [*pages, run[start:end]]))
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def where(titles):
    """Return a cell that says in small print which headings a page without one continues."""
    line = " · ".join(escape(titles[level]) for level in (2, 3) if titles.get(level))
    return new_markdown_cell(f'<p class="where">{line}</p>')


def titles_after(cell, titles):
    """Return the headings that hold after a cell, {level: words}: its own ends those below it."""
    mark = re.match(r"(#{1,3}) (.+)", cell.source)
    if cell.cell_type != "markdown" or mark is None:
        return titles
    level = len(mark[1])
    above = {upper: titles.get(upper) for upper in range(1, level)}
    return above | {level: words(mark[2])}


def paged(nb):
    """Return the notebook with a slide type at each cell that starts a page."""
    runs = []
    for block in blocks(nb):
        if block.kind != "-" or not runs:
            runs.append([])
        runs[-1].append(block)
    cells, titles = [], {}
    for run in runs:
        for n, page in enumerate(split(run)):
            shown = [cell for block in page for cell in block.cells]
            if n:
                shown.insert(0, where(titles))
            shown[0].metadata["slideshow"] = {"slide_type": "subslide" if n else page[0].kind}
            for cell in shown:
                titles = titles_after(cell, titles)
            cells += shown
    for n, cell in enumerate(cells):  # a cell and what it prints would share one
        cell.id = f"cell-{n}"
    return new_notebook(cells=cells, metadata={**nb.metadata, "title": titles.get(1)})


def export(path, folder):
    """Write the slides of a notebook into the folder."""
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        template_file=str(ROOT / "tools" / "web" / "slides.html.j2"), reveal_theme="white",
        reveal_url_prefix="reveal", reveal_width=str(WIDTH), reveal_height=str(HEIGHT),
        filters={"picture_size": picture_size}, exclude_input_prompt=True,
        exclude_output_prompt=True, exclude_anchor_links=True,
    )  # fmt: skip
    page, _ = exporter.from_notebook_node(paged(read(path)))
    # Links between notebooks lead to slides; what has none is named, and not linked.
    page = re.sub(r'href="([\w-]+)\.ipynb"', r'href="\1.slides.html"', page)
    page = re.sub(r'<a href="\.\./[^"]*">(.*?)</a>', r"\1", page)
    Path(folder, f"{Path(path).stem}.slides.html").write_text(page, encoding="utf-8")


def main(web, folder, *paths):
    """Write slides and all that they load into the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(web, "reveal.js", "dist"), Path(folder, "reveal", "dist"))
    Path(folder, "mathjax").mkdir()
    shutil.copy(Path(web, "mathjax", "es5", "tex-svg.js"), Path(folder, "mathjax"))
    shutil.copy(ROOT / "tools" / "web" / "slides.css", folder)
    for path in paths:
        export(path, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
