"""Make slides of the notebooks that open in any browser, from a folder, without a network.

    python -m tools.slides WEB DIR [NB...]   write slides into DIR; WEB holds reveal.js and MathJax

The notebooks say nothing about slides; a rule decides. A heading starts a page: of level one or two
to the right, of level three below. What no longer fits on a page goes to the next one below, and a
picture stays with its caption. Checks and solutions of exercises are left out.
"""

import copy
import re
import shutil
import struct
import sys
from base64 import b64decode
from html import escape
from pathlib import Path

from nbformat.v4 import new_markdown_cell, new_notebook

from tools.captions import picture_words, words
from tools.nb import read

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = {"exercise-check", "exercise-solution"}
WIDTH, HEIGHT = 1280, 720
ROOM = 700  # of the height, as heights are estimates
KINDS = {1: "slide", 2: "slide", 3: "subslide"}


def text_height(source):
    """Return about how many pixels markdown takes on a page."""
    height = 0
    for block in re.split(r"\n\s*\n", source):
        if block.startswith("#"):
            block = block.partition("\n")[2]
            height += 80
        if "$$" in block:
            height += 60 + 40 * block.count("\\\\")
        rows = block.splitlines()
        if block.startswith("|"):
            height += 10 + sum(34 + 27 * (len(row) // 150) for row in rows)
        elif re.match(r"[-*\d]+\.? ", block):
            height += 24 + sum(33 * (1 + len(row) // 110) for row in rows)
        elif block:
            height += 40 + 33 * (1 + len(block) // 105)
    return height


def picture_size(png):
    """Return the width and height of a stored picture on a page: larger than in a notebook."""
    width, height = struct.unpack(">II", b64decode(png)[16:24])
    scale = min(1.4, 1180 / width, 470 / height)
    return round(scale * width), round(scale * height)


def output_height(output):
    """Return about how many pixels an output takes on a page."""
    data = output.get("data", {})
    if "image/png" in data:
        return 15 + picture_size(data["image/png"])[1]
    if "text/html" in data:
        return 20 + 34 * data["text/html"].count("<tr")
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    return 10 + 25 * (1 + text.count("\n"))


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
    """Yield (cell, kind, height): text cut at headings and captions, code from what it prints."""
    alt, pictured = dict(picture_words(nb)), False
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            sources = cut(cell.source)
            if pictured:  # the caption stays with the picture, and what follows need not
                sources[:1] = sources[0].split("\n\n", 1)
            for source in sources:
                mark = re.match(r"(#{1,3}) ", source)
                kind = KINDS[len(mark[1])] if mark else "-"
                yield new_markdown_cell(source), kind, text_height(source)
        elif not LEFT_OUT & set(cell.metadata.get("tags", [])):
            yield from code_pieces(cell, alt.get(i))
        pictured = i in alt


def code_pieces(cell, alt):
    """Yield (cell, kind, height) of code, and of each of its outputs without the code."""
    code = copy.deepcopy(cell)
    code.outputs = []
    yield code, "-", 35 + 25 * len(code.source.splitlines())
    for output in cell.outputs:
        shown = copy.deepcopy(cell)
        shown.outputs, shown.metadata = [output], {"transient": {"remove_source": True}}
        if "image/png" in output.get("data", {}):
            shown.metadata["alt"] = alt
        yield shown, "-", output_height(output)


def blocks(nb):
    """Return [cells, kind, height] of what must not be torn apart."""
    found = []
    for cell, kind, height in pieces(nb):
        last = found[-1] if found else [[cell], "-", 0]
        short = last[1] == "slide" and kind == "subslide" and last[2] < 200
        if short or (kind == "-" and last[0][-1].metadata.get("alt")):
            last[0].append(cell)
            last[2] += height
        else:
            found.append([[cell], kind, height])
    return found


def where(titles):
    """Return a cell that says in small print which headings a page without one continues."""
    line = " · ".join(escape(titles[level]) for level in (2, 3) if titles.get(level))
    return new_markdown_cell(f'<p class="where">{line}</p>')


def paged(nb):
    """Return the notebook with a slide type at each cell that starts a page."""
    cells, full, titles = [], 0, {}
    for block, kind, height in blocks(nb):
        if kind == "-" and full + height > ROOM:
            kind, block = "subslide", [where(titles), *block]
            height += 50
        for cell in block:
            if cell.cell_type == "markdown" and (mark := re.match(r"(#{1,3}) (.+)", cell.source)):
                titles = {level: titles.get(level) for level in range(1, len(mark[1]))}
                titles[len(mark[1])] = words(mark[2])
        if kind != "-":
            block[0].metadata["slideshow"], full = {"slide_type": kind}, 0
        full += height
        cells += block
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
