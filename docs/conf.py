"""How Sphinx makes the site from the repository itself: `make site` calls it, from the root."""

import re
from pathlib import Path

from nbformat.v4 import reads, writes

from tools.captions import picture_words

project = author = "ML with PyTorch for Developers"
html_title = project
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "data/README.md"]
include_patterns += ["notebooks/*.ipynb", "benchmarks/results/*.md"]
extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_code_prompt_show, nb_code_prompt_hide = "Show the solution", "Hide the solution"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_show_search_summary = False  # it would read other pages, which a page from a folder may not
html_static_path = ["../build/web/node_modules/mathjax/es5/tex-svg.js", "site.css", "site.js"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
mathjax_path = "tex-svg.js"
mathjax3_config = {"svg": {"scale": 0.88}}

# The front page links to all documents; contents lists for the side bar are hidden in it.
LISTS = {
    "The notebooks": ["notebooks/*"],
    "Beside them": [
        "docs/tour", "docs/cheat-sheet", "docs/syllabus", "docs/teaching", "data/README",
    ],
    "How it is made": [
        "docs/elsewhere", "docs/peers", "docs/matrix", "benchmarks/results/*", "CONTRIBUTING",
        "CHANGELOG",
    ],
}  # fmt: skip
CONTENTS = "\n\n".join(
    "\n".join(["```{toctree}", ":hidden:", ":glob:", f":caption: {title}", "", *pages, "```"])
    for title, pages in LISTS.items()
)


def prepare(app, docname, source):
    """Give pictures their words, fold solutions away, and give the front page its contents."""
    if docname == root_doc:
        source[0] += "\n\n" + CONTENTS + "\n"
    if docname.startswith("notebooks/"):
        nb = reads(source[0])
        for i, words in picture_words(nb):
            nb.cells[i].metadata["mystnb"] = {"image": {"alt": words}}
        for cell in nb.cells:
            if "exercise-solution" in cell.metadata.get("tags", []):
                cell.metadata.tags.append("hide-cell")
        source[0] = writes(nb)


def tidy(app, pagename, templatename, context, doctree):
    """Mend what would puzzle a screen reader: header cells of nothing, a label for other words."""
    body = re.sub(r"<th[^>]*>(<p></p>)?</th>", "<td></td>", context.get("body", ""))
    context["body"] = body.replace(' aria-label="Toggle hidden content"', "")


def front_door(app, error):
    """Let the folder open at its front page."""
    page = '<!doctype html><html lang="en"><title>{0}</title><meta http-equiv="refresh" content='
    page += '"0; url=README.html"><a href="README.html">{0}</a></html>\n'
    Path(app.outdir, "index.html").write_text(page.format(project), encoding="utf-8")


def setup(app):
    """Connect these functions to the moments that Sphinx offers."""
    app.connect("html-page-context", tidy)
    app.connect("source-read", prepare)
    app.connect("build-finished", front_door)
