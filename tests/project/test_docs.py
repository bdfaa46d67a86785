"""The documents agree with the notebooks: sections, minutes, names, links, sizes of pictures."""

import re

import pytest

from tests.support.notebooks import NAMES, ROOT, headings
from tools.notebooks import read

LAST = "What you learned"
LINKED = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"]
LINKED += sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))


def text(name):
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def rows(table):
    """Return the cells of each row of the tables in a text."""
    found = re.findall(r"^\| (.+) \|$", table, flags=re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in found]


def sections(name):
    """Return the titles of the sections of a notebook, but its last."""
    titles = [title for _, level, title in headings(read(ROOT / "notebooks" / name)) if level == 2]
    return [title for title in titles if title != LAST]


SLIDES = {cells[2] for cells in rows(text("docs/syllabus.md")) if len(cells) == 5}
SLIDES = {slide for cell in SLIDES for slide in cell.split("; ")}


def anchors(name):
    """Return the anchors of the headings of a document."""
    titles = re.findall(r"^#{1,6} (.+)$", text(name), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", LINKED)
def test_links_lead_to_files_and_headings(name):
    page = re.sub(r"```.*?```|`[^`\n]+`", "", text(name), flags=re.DOTALL)
    home, dead = (ROOT / name).parent, []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page):
        file, _, anchor = link.partition("#")
        if not (home / file).exists():
            dead.append(link)
        elif anchor:
            target = (home / file).relative_to(ROOT) if file else name
            dead += [] if anchor in anchors(target) else [link]
    assert dead == []


def test_readme_leads_from_slides_to_every_section():
    table = text("README.md").partition("<summary>From the slides")[2].partition("</details>")[0]
    named, slides = {number: [] for number in "12345"}, set()
    for slide, numbers, titles in rows(table)[1:]:
        numbers, titles = numbers.split(", "), titles.split(" · ")
        for n, title in enumerate(titles):
            named[numbers[min(n, len(numbers) - 1)]].append(title)
        slides |= {part.strip() for part in re.sub(r"\*.*?\*", "", slide).split(", ")}
    for name in NAMES:
        assert sorted(named[name[0]]) == sorted(sections(name))
    assert len(slides) > 40
    assert slides - {""} <= SLIDES


@pytest.mark.parametrize("name", NAMES)
def test_teaching_plans_every_section(name):
    parts = re.split(r"^## (?=\d )", text("docs/teaching.md"), flags=re.MULTILINE)
    (part,) = [part for part in parts if part.startswith(f"{name[0]} ")]
    plan = [cells for cells in rows(part) if len(cells) == 4 and cells[1].isdigit()]
    titles = [re.sub(r"\*\*|⏳", "", cells[0]).strip() for cells in plan]
    assert titles == [title for title in sections(name) if title != "About this course"]
    minutes = sum(int(cells[1]) for cells in plan)
    assert f", {minutes} minutes" in part.splitlines()[0]
    assert all(all(cells) for cells in plan), "a cell of the plan is empty"
    assert f"| {minutes} min |" in text("README.md")


def test_teaching_adds_up():
    plan = [cells for cells in rows(text("docs/teaching.md")) if len(cells) == 4]
    minutes = {cells[0]: [] for cells in plan}
    for cells in plan:
        minutes[cells[0]] += [int(cells[1])] if cells[1].isdigit() else []
    whole = sum(map(sum, minutes.values()))
    tour = sum(sum(found) for title, found in minutes.items() if title.startswith("**"))
    assert f"{whole} minutes" in text("docs/teaching.md")
    assert f"**bold**, {tour} minutes" in " ".join(text("docs/teaching.md").split())


def test_cheat_sheet_names_what_the_course_uses():
    sheet = text("docs/cheat-sheet.md").partition("## Which")[0]
    spans = " ".join(re.findall(r"`([^`]+)`", sheet))
    named = {*re.findall(r"\b(?:torch|nn|F)\.[A-Za-z_.]+\w", spans)}
    named |= {*re.findall(r"\.[a-z_]+\(", spans)}
    used = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("d4sci/*.py"))
    for name in NAMES:
        used += "\n".join(cell.source for cell in read(ROOT / "notebooks" / name).cells)
    assert len(named) > 50
    assert sorted(name for name in named if name not in used) == []


def test_pictures_are_small_and_have_words():
    for name in LINKED:
        for words, file in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text(name)):
            assert len(words) > 20, f"{name}: say what {file} shows"
            size = ((ROOT / name).parent / file).stat().st_size
            assert size <= 200_000, f"{file} has {size} bytes"
