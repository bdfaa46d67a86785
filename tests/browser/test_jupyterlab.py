"""JupyterLab in a real browser: every notebook runs, every slider redraws; and who gets in."""

import ast
import shutil
from urllib.parse import quote

import psutil
import pytest
from nbformat import from_dict
from nbformat.v4 import new_code_cell, new_notebook

from tests.support.browser import get, running_browser, running_lab
from tests.support.notebooks import FOLDER, PATHS, ROOT, code_cells
from tests.support.started import KEPT
from tools.notebooks import bad_outputs, kernel_environment, write

RUN_ALL = """async limit => {
  const app = window.jupyterapp
  await app.restored
  const panel = app.shell.currentWidget
  await panel.context.ready
  await panel.sessionContext.ready
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error('still running')), limit))
  await Promise.race([late, app.commands.execute('notebook:run-all-cells')])
  return panel.content.model.toJSON()
}"""
MODEL = "window.jupyterapp.shell.currentWidget.content.model.toJSON()"
BLANK = 30_000  # bytes: a screenshot of a white page has fewer
PLANTED = [
    """import matplotlib.pyplot as plt
from d4sci.plotting.explore import explore
explore(lambda j=1, k=1: plt.plot([j, 1 / (2 - k)])[0].axes, alt="x", j=(1, 9), k=(1, 9))""",
    "1 / 0",
    "1",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Yield a running JupyterLab on a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(FOLDER, folder / "course" / "notebooks")
    nb = new_notebook(cells=list(map(new_code_cell, PLANTED)))
    write(folder / "course" / "notebooks" / "planted.ipynb", nb)
    (folder / "course" / "data").symlink_to(ROOT / "data")
    options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder / 'course'}"]
    with kernel_environment() as environment:
        variables = {"IPYTHONDIR": environment["IPYTHONDIR"]}  # here too, warnings are errors
        options.append("--expose-app-in-browser")
        with running_lab(folder, "browser-lab.log", *options, **variables) as (_, server):
            yield server


@pytest.fixture(scope="module")
def browser():
    """Yield a headless browser."""
    with running_browser() as running:
        yield running


@pytest.fixture
def page(browser):
    """Yield an empty page and the errors that nothing in it catches."""
    page, errors = browser.new_page(viewport={"width": 1400, "height": 1000}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(60_000)
    yield page, errors
    page.close()


def moved(page, handle, image, patience):
    """Press a key on a slider; tell whether the picture under it changes."""
    from playwright.sync_api import expect

    handle.scroll_into_view_if_needed()
    before = image.get_attribute("src")
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.focus()
    page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
    try:  # a new <img> takes the place of the old one, so look it up each time
        expect(image).not_to_have_attribute("src", before, timeout=patience)
    except AssertionError:
        return False
    return True


def sliders(source):
    """Return how many sliders a cell asks for, at least: `**choices` may be one or more."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [
        k.arg for call in calls if getattr(call.func, "id", "") == "explore" for k in call.keywords
    ]
    return len(names) - names.count("alt")


def slider_faults(page, cells, patience):
    """Move every slider; yield those that do nothing, and live figures without sliders."""
    live = page.locator(".jp-OutputArea-output:has(.noUi-handle):has(img)")
    wanted = [i for i, cell in cells if "explore: " in str(cell.outputs)]
    if live.count() != len(wanted):
        yield f"{live.count()} live figures for the cells {wanted}"
    sources = {i: cell.source for i, cell in cells}
    for i, n in zip(wanted, range(live.count()), strict=False):
        handles, image = live.nth(n).locator(".noUi-handle"), live.nth(n).locator("img").first
        if handles.count() < (least := sliders(sources[i])):
            yield f"cell {i}: {handles.count()} sliders, not {least}"
        for k in range(handles.count()):
            if not moved(page, handles.nth(k), image, patience):
                yield f"cell {i}: slider {k} does not redraw; did later cells rebind names?"


def notebook_faults(page, lab, name, patience=30_000):
    """Open a notebook, run it, move its sliders; return what went wrong, read from its model."""
    page, errors = page
    page.goto(f"{lab['url']}lab/tree/notebooks/{quote(name)}?token={lab['token']}&reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    try:
        cells = code_cells(from_dict(page.evaluate(RUN_ALL, 600_000)))
        faults = [f"cell {i}: did not run" for i, cell in cells if not cell.execution_count]
        faults += slider_faults(page, cells, patience)
        cells = code_cells(from_dict(page.evaluate(MODEL)))  # with what the sliders brought
        faults += [fault for i, cell in cells for fault in bad_outputs(i, cell)]
    finally:  # also of what is still running
        page.screenshot(path=KEPT / f"{name}.png")
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    return faults + errors


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook(path, lab, page):
    picture = KEPT / f"{path.name}.png"
    picture.unlink(missing_ok=True)
    faults = notebook_faults(page, lab, path.name)
    assert not faults, "\n" + "\n".join(faults)
    assert picture.stat().st_size > BLANK


def test_planted_faults_are_seen(lab, page):
    page[0].add_init_script("setTimeout(() => { throw new Error('in the page') }, 1000)")
    faults = notebook_faults(page, lab, "planted.ipynb", patience=5000)
    assert not any("slider 0" in found for found in faults), faults  # it does redraw
    for fault in ("cell 0: slider 1", "cell 1: ZeroDiv", "cell 2: did not run", "in the page"):
        assert any(fault in found for found in faults), faults


def test_a_slider_that_is_missing_is_seen():
    assert sliders(PLANTED[0]) == 2
    assert sliders("explore(f, alt='x', **choices, width=(1, 32))") == 2
    assert sliders("explored(k=3)") == 0


def test_lab_command_lets_nobody_else_in(tmp_path):
    with running_lab(tmp_path, "lab.log", command="d4sci lab") as (process, server):
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
        sockets = [s for member in family for s in member.net_connections("tcp")]
        heard_at = {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}
        assert heard_at == {"127.0.0.1"}
        url, token = server["url"], server["token"]
        assert len(token) >= 32
        assert get(f"{url}api/contents")[0] == 403
        assert get(f"{url}api/contents?token=wrong")[0] == 403
        status, headers = get(f"{url}lab")
        assert status == 302
        assert "/login" in headers["Location"]
        assert get(f"{url}lab?token={token}")[0] == 200
        assert get(f"{url}api/contents/notebooks?token={token}")[0] == 200
