"""The command line: what it starts, and with which exit status it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from json import JSONDecodeError
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import pytest

import d4sci
from d4sci import __main__ as command_line
from d4sci import doctor

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "d4sci"]


@pytest.mark.parametrize("arguments", [["nonsense"], ["nonsense", "--help"], ["--nonsense"]])
def test_unknown_command(arguments, capsys):
    assert command_line.main(arguments) == 2
    assert f"no such command: {arguments[0]}\n\nusage: python -m d4sci" in capsys.readouterr().err


def test_exit_status_reaches_the_shell():
    done = subprocess.run([*COMMAND, "nonsense"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage" in done.stderr


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option, capsys):
    assert command_line.main([option]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} [options]" in printed for name in command_line.COMMANDS)


def test_version(capsys):
    assert command_line.main(["--version"]) == 0
    assert capsys.readouterr().out == f"d4sci {d4sci.__version__}\n"


@pytest.mark.parametrize("status", [0, 1])
def test_no_command_is_the_doctor(status, monkeypatch):
    monkeypatch.setattr(doctor, "main", lambda: status)
    assert command_line.main([]) == status


@pytest.mark.parametrize("command", ["lab", "test"])
def test_not_a_checkout(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    assert command_line.main([command]) == 1
    assert f"{tmp_path} holds no notebooks; clone the course" in capsys.readouterr().err


@pytest.fixture
def jupyterlab(monkeypatch):
    """A JupyterLab that starts nothing, records how it was called, and ends with status 3."""
    started = SimpleNamespace(waits=[3], terminate=lambda: None)

    def wait():
        if started.waits[0] is KeyboardInterrupt:
            raise started.waits.pop(0)
        return started.waits.pop(0)

    def popen(command, cwd, env):
        started.command, started.cwd, started.env = command, cwd, env
        return started

    started.wait = wait
    monkeypatch.setattr(command_line.subprocess, "Popen", popen)
    monkeypatch.setattr(command_line.signal, "signal", lambda *_: None)
    return started


def test_lab_command_line(jupyterlab):
    assert command_line.main(["lab", "--no-browser", "--port=9000"]) == 3
    assert jupyterlab.command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in jupyterlab.command
    assert f"--ServerApp.root_dir={ROOT}" in jupyterlab.command
    assert jupyterlab.command[-2:] == ["--no-browser", "--port=9000"]
    assert not any(word in part for word in ("token", "password") for part in jupyterlab.command)


def test_lab_keeps_the_settings_of_the_user(jupyterlab, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    command_line.main(["lab"])
    ours, mine = jupyterlab.env["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "mine"
    assert Path(ours, "labconfig", "default_setting_overrides.json").is_file()


def test_lab_waits_after_ctrl_c(jupyterlab):
    jupyterlab.waits = [KeyboardInterrupt, KeyboardInterrupt, 0]
    assert command_line.main(["lab"]) == 0
    assert jupyterlab.waits == []


def test_lab_does_not_wait_for_torch():
    code = "import sys, d4sci.__main__; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.fixture(params=["Ctrl-C", "terminate"])
def server(request, tmp_path):
    """A real JupyterLab on a port of its own; afterwards one signal must end all of it."""
    folders = {
        f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    command = [*COMMAND, "lab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | folders, start_new_session=True, **quiet
    )
    try:
        yield wait_for_server(tmp_path / "RUNTIME")
        family = psutil.Process(process.pid).children(recursive=True)
        if request.param == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        else:
            process.terminate()
        assert process.wait(timeout=30) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
    finally:
        process.kill()


def wait_for_server(folder):
    """Return what a Jupyter server writes about itself (url, token, …) once it answers."""
    for _ in range(600):
        time.sleep(0.1)
        for file in folder.glob("jpserver-*.json"):
            with contextlib.suppress(JSONDecodeError, URLError):  # half written; not listening yet
                server = json.loads(file.read_text())
                ask(server, "api")
                return server
    raise TimeoutError("JupyterLab did not start")


def ask(server, path, data=None, token=None):
    """Return the answer of the server to one request."""
    headers = {"Authorization": f"token {token or server['token']}"}
    with urlopen(Request(server["url"] + path, data, headers), timeout=30) as answer:
        return json.load(answer)


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as POSIX does")
def test_lab_runs(server):
    """It shows the notebooks to those who have the token, and has a kernel for them."""
    assert server["hostname"] == "127.0.0.1"
    folder = ask(server, "api/contents/notebooks")
    assert {file["name"] for file in folder["content"]} >= {
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    with pytest.raises(HTTPError, match="403"):
        ask(server, "api/contents/notebooks", token="guess")
    settings = ask(server, "lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert ask(server, "api/kernels", data=b'{"name": "python3"}')["name"] == "python3"
    assert len(server["token"]) >= 32
    assert listening(server["pid"]) == {"127.0.0.1"}


def listening(pid):
    """Return the addresses where a server and its kernel, with five sockets, wait for others."""
    for _ in range(300):
        time.sleep(0.1)
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        waiting = []
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # a helper that has just ended
                found = member.net_connections("tcp")
                waiting += [c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN]
        if len(waiting) >= 6:
            return set(waiting)
    raise TimeoutError(f"a server and a kernel listen on {waiting}")


@pytest.fixture
def pytest_ends(monkeypatch):
    """Return a function that lets pytest end with these statuses, and records what it was given."""

    def install(*statuses):
        commands, waiting = [], list(statuses)

        def call(command, cwd):
            assert cwd == ROOT
            commands.append(command)
            return waiting.pop(0)

        monkeypatch.setattr(command_line.subprocess, "call", call)
        return commands

    return install


def test_test_runs_units_and_notebooks(pytest_ends):
    commands = pytest_ends(0, 0)
    assert command_line.main(["test"]) == 0
    assert commands[0][:5] == [sys.executable, "-m", "pytest", "tests", "-n"]
    assert 1 <= int(commands[0][5]) <= 4
    assert commands[1][:3] == [sys.executable, "-m", "pytest"]
    assert {"--nbval", "notebooks"} <= set(commands[1])


@pytest.mark.parametrize(
    ("statuses", "options", "expected"),
    [
        ((1, 0), [], 1),
        ((0, 1), [], 1),
        ((2, 1), [], 2),
        ((0, -9), [], -9),
        ((0, 5), [], 5),  # no notebook was found: never a success
        ((5, 0), [], 5),
        ((0, 5), ["-k", "kmeans"], 0),
        ((5, 0), ["-k", "1-overview"], 0),
        ((5, 1), ["-k", "1-overview"], 5),
        ((5, 5), ["-k", "nothing"], 5),
    ],
)
def test_test_fails_if_one_of_the_two_fails(statuses, options, expected, pytest_ends):
    commands = pytest_ends(*statuses)
    assert command_line.main(["test", *options]) == expected
    assert len(commands) == 2
    assert all(command[len(command) - len(options) :] == options for command in commands)
