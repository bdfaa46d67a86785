"""JupyterLab with folders of its own, and a browser that looks at it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.started import started

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu"]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def chromium():
    """Return the path of a browser; install one where that is allowed, else skip and say so."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found and Path("/etc/debian_version").exists() and os.geteuid() == 0:
        print("\nno browser found: installing chromium with apt-get")
        subprocess.run(INSTALL, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, timeout=600)
        found = shutil.which("chromium")
    if not found:
        reason = "NO BROWSER: install chromium, or set CHROMIUM to the path of one"
        print(f"\n{reason}")
        pytest.skip(reason)
    return found


@contextmanager
def running_browser():
    """Yield a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = chromium()
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


def lab_variables(folder):
    """Return variables that keep JupyterLab away from this user's settings, and write ours."""
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
    places |= {"JUPYTER_DATA_DIR": "jupyter", "IPYTHONDIR": "ipython"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    return {name: folder / place for name, place in places.items()}


@contextmanager
def running_lab(folder, log, *options, command="jupyterlab", **variables):
    """Yield the process of JupyterLab and what it tells about itself: url, port, token."""
    command = [sys.executable, "-m", *command.split(), "--no-browser", *options]
    command += ["--allow-root"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
    with started(command, log, **lab_variables(folder) | variables) as process:
        for _ in range(600):
            for file in (folder / "runtime").glob("jpserver-*.json"):
                server = json.loads(file.read_text())
                if get(server["url"] + "api")[0] == 200:
                    yield process, server
                    return
            assert process.poll() is None, f"JupyterLab ended with {process.returncode}"
            time.sleep(0.1)
        raise TimeoutError("JupyterLab is not up after 60 s")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Take a redirection as the answer."""

    def redirect_request(self, *_):
        return None


def get(url):
    """Return the status and the headers of an answer; 0 where nothing answers."""
    try:
        proxyless = urllib.request.ProxyHandler({})
        with urllib.request.build_opener(NoRedirect, proxyless).open(url, timeout=10) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)
    except OSError:
        return 0, {}
