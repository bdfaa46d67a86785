"""Take the pictures of docs/tour.md again: `python -m tests.browser.tour [WORD...]`.

Slides and site must be in build/ (`make slides site`). Of the words lab, slides and site, each
takes only its own pictures.
"""

import struct
import sys
import tempfile
import zlib
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from shutil import copytree

import torch
from matplotlib.image import imread

from d4sci.kmeans import KMeans
from tests.support.browser import running_browser, running_lab
from tests.support.notebooks import FOLDER, ROOT, headings
from tests.support.pages import opened
from tools.captions import picture_words
from tools.notebooks import kernel_environment, read

IMAGES = ROOT / "docs" / "images"
COLOURS = 96  # of a palette: enough for a screen, a third of the bytes
RUN = """async rows => {
  const app = window.jupyterapp, panel = app.shell.currentWidget
  await panel.context.ready
  await panel.sessionContext.ready
  for (const row of rows) {
    panel.content.activeCellIndex = row
    await app.commands.execute('notebook:run-cell')
  }
}"""


def small_png(pixels):
    """Return a PNG of a picture (h, w, 3) of bytes, in the few colours that K-Means finds."""
    flat = pixels.reshape(-1, 3).float()
    some = flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:50_000]]
    model = KMeans(n_clusters=COLOURS, n_init=1, max_iter=30, seed=0).fit(some)
    labels = model.predict(flat).reshape(pixels.shape[:2])
    rows = torch.cat([torch.zeros_like(labels[:, :1]), labels], dim=1)  # 0: a row as it is
    height, width = labels.shape
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": bytes(model.cluster_centers_.round().byte().flatten().tolist()),
        b"IDAT": zlib.compress(rows.byte().numpy().tobytes(), 9),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks.items():
        check = zlib.crc32(kind + data)
        png += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
    return png


def keep(page, name):
    """Store what the page shows as a small picture."""
    picture = imread(BytesIO(page.screenshot()), format="png")[:, :, :3]
    png = small_png(torch.from_numpy(picture).mul(255).round().byte())
    (IMAGES / f"tour-{name}.png").write_bytes(png)


def section(name, title):
    """Return the positions of the cells of a section of a notebook, its heading's first."""
    nb = read(FOLDER / name)
    starts = [(i, text) for i, level, text in headings(nb) if level == 2]
    ends = [i for i, _ in starts[1:]] + [len(nb.cells)]
    return next(range(i, end) for (i, text), end in zip(starts, ends, strict=True) if text == title)


@contextmanager
def lab_page(browser, name):
    """Yield JupyterLab with a copy of a notebook open in it and its headings at the side."""
    with tempfile.TemporaryDirectory() as folder, kernel_environment() as environment:
        course = Path(folder, "course")
        copytree(FOLDER, course / "notebooks")
        (course / "data").symlink_to(ROOT / "data")
        options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={course}"]
        options.append("--expose-app-in-browser")
        variables = {"IPYTHONDIR": environment["IPYTHONDIR"]}
        log = "tour-lab.log"
        with running_lab(Path(folder), log, *options, **variables) as (_, server):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{server['url']}lab/tree/notebooks/{name}?token={server['token']}&reset")
            page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
            page.wait_for_selector(".jp-Notebook .jp-CodeCell")
            page.evaluate("window.jupyterapp.commands.execute('toc:show-panel')")
            yield page
            page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
            page.close()


def lab(browser):
    """JupyterLab: a section run after the first cell alone, and its live figure moved."""
    name, title = "2-unsupervised-learning.ipynb", "K-Means: limits"
    nb = read(FOLDER / name)
    rows = section(name, title)
    live = next(i for i in rows if "explore(" in nb.cells[i].source)
    first = next(i for i, cell in enumerate(nb.cells) if cell.cell_type == "code")
    code = [i for i in range(rows[0], live + 1) if nb.cells[i].cell_type == "code"]
    with lab_page(browser, name) as page:
        page.evaluate(RUN, [first, *code])
        handle = page.locator(".noUi-handle").first
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(1500)
        page.locator(".jp-Cell").nth(live).scroll_into_view_if_needed()
        handle.evaluate("box => box.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(1500)
        keep(page, "lab")


def slides(browser):
    """Slides: a page with code and picture, and one with formulas."""
    shown = """([title, wanted]) => {
      const page = Reveal.getSlides().find(slide => slide.textContent.includes(title) &&
        wanted.every(what => slide.querySelector(what)))
      if (!page) throw Error(`no page with ${title} and ${wanted}`)
      const {h, v} = Reveal.getIndices(page)
      Reveal.slide(h, v)
    }"""
    wanted = {
        "slide-code": ("2-unsupervised-learning", "PCA: real data", ["pre", "img"]),
        "slide-formula": ("4-neural-networks", "Loss functions", ["td mjx-container", "pre"]),
    }
    for name, (notebook, title, parts) in wanted.items():
        path = ROOT / "build" / "slides" / f"{notebook}.slides.html"
        with opened(browser, path, viewport={"width": 1280, "height": 720}) as (page, _):
            page.wait_for_function("window.Reveal?.isReady()")
            page.evaluate(shown, [title, parts])
            keep(page, name)


def site(browser):
    """The site: a notebook on a desk, and the same on a phone in the dark."""
    path = ROOT / "build" / "site" / "notebooks" / "3-supervised-learning.html"
    nb = read(FOLDER / "3-supervised-learning.ipynb")
    rows = section("3-supervised-learning.ipynb", "Support vector machines: the margin")
    alt = next(words for i, words in picture_words(nb) if i in rows)
    sizes = {"site": (1400, 860, "light"), "phone": (390, 780, "dark")}
    for name, (width, height, scheme) in sizes.items():
        size = {"width": width, "height": height}
        with opened(browser, path, viewport=size, color_scheme=scheme) as (page, _):
            picture = page.get_by_alt_text(alt, exact=True)
            picture.evaluate("box => box.scrollIntoView({block: 'center', behavior: 'instant'})")
            page.wait_for_timeout(1500)
            keep(page, name)


def main(*names):
    """Take the pictures."""
    with running_browser() as browser:
        for part in (lab, slides, site):
            if not names or part.__name__ in names:
                part(browser)


if __name__ == "__main__":
    main(*sys.argv[1:])
