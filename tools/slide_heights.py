"""About how many pixels of a slide text, pictures and other outputs take, measured in a browser."""

import re
import struct
from base64 import b64decode

HEADINGS = {1: 90, 2: 71, 3: 57}


def text_height(source):
    """Return about how many pixels markdown takes on a page."""
    height = 12
    for block in re.split(r"\n\s*\n", source.strip()):
        mark = re.match(r"(#{1,3}) .*\n?", block)
        if mark:
            height += HEADINGS[len(mark[1])]
            block = block[mark.end() :]
        rows = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`$]", r"\1", block).splitlines()
        if block.startswith("|"):
            height += 8 + sum(38 + 27 * (len(row) // 130) for row in rows)
        elif re.match(r"([-*]|\d+\.) ", block):
            items = re.split(r"\n(?=[-*\d])", "\n".join(rows))
            height += 31 + sum(33 * (1 + len(item) // 105) for item in items)
        elif block:
            height += 31 + 32 * (1 + sum(len(row) + 1 for row in rows) // 103)
        if "$$" in block:
            height += 35 + 40 * block.count("\\\\")
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
        return 20 + 35 * data["text/html"].count("<tr")
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
    return 32 + 23 * len(text.splitlines())
