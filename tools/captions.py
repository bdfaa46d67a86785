"""What a picture of a notebook shows, in words: for the slides, the site and their readers."""

import re


def words(text):
    """Return markdown as plain words: no emphasis, code marks or links; TeX by its names."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"\\(?=\w)|\\.|[*`${}]", "", text).split())


def caption(cells):
    """Return the italics at the start of the first cell as words, or "" where there are none."""
    if not cells or cells[0].cell_type != "markdown":
        return ""
    found = re.match(r"\s*\*(?!\*)((\*\*|[^*])+)\*", cells[0].source)  # bold may be within
    return words(found[1]) if found else ""


def picture_words(nb):
    """Yield (position, words) of every code cell that stores a picture.

    The words are the ones given to a live figure, else the caption in the cell that follows.
    """
    for i, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                _, live, told = data.get("text/plain", "").partition("explore: ")
                yield i, words(told) if live else caption(nb.cells[i + 1 :])
