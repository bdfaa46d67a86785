"""Do the tests notice? Change the package in one place at a time, and see whether a test fails.

    python -m tools.mutate [--sample N] [--seed N] [--modules NAME...] [--results FILE]

A mutant is a copy of the repository in which one operator, constant, condition, call, slice or
returned value of one module differs; strings, annotations and error texts are left alone. A mutant
is killed by a test of the module's own file, or else of another file that imports the module, that
fails or never ends. `tests/support/mutants_equivalent.txt` lists the changes that no test can see,
and why. The results are added to FILE as they come; with a FILE, only what it lacks is run.

Needs a system that can fork: torch is imported once, and each mutant tested in a fork of that.
"""

import argparse
import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tools.module_tests import imported, tests_of
from tools.mutants import MODULES, draw, path_of, read_equivalent

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take seconds to import
}  # fmt: skip
OURS = shutil.ignore_patterns(".*", "__pycache__", "notebooks")
REQUIRED = 0.85  # of the mutants that a test can see
MEMORY = 8 * 2**30  # bytes that a mutant may take


class QuickestFirst:
    """Run the quick tests of a file first, and note how long each took."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.taken = Counter()

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: (str(item.path), self.seconds.get(item.nodeid, 0)))

    def pytest_runtest_logreport(self, report):
        self.taken[report.nodeid] += report.duration


def preload(root, modules):
    """Import what the tests and modules import from elsewhere, before the forks."""
    files = {Path("tests", "conftest.py")}
    for module in modules:
        files.add(path_of(module))
        for names in tests_of(root, module):
            files |= {Path("tests", name) for name in names}
    needed = set()
    for file in files:
        path = Path(root, file)
        if path.exists():
            needed |= imported(path)
    for name in sorted(needed):
        if name.partition(".")[0] not in ("d4sci", "tests", "tools"):
            with contextlib.suppress(ImportError):  # `from a import b`: b is often no module
                importlib.import_module(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # no fork after threads


def inside(folder, files, plugin):
    """Run the tests in a copy of the repository, and leave this process."""
    os.setsid()
    os.chdir(folder)
    with open("output.txt", "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = folder
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    names = [f"tests/{name}" for name in files]
    options = ["-x", "--tb=short", f"--basetemp={folder}/tmp"]
    status = pytest.main([*options, *names], plugins=[plugin])
    Path("taken.json").write_text(json.dumps(plugin.taken), encoding="utf-8")
    sys.stdout.flush()
    os._exit(status)


def run(root, files, mutant=None, seconds=None, timeout=600):
    """Return how the tests ended in a fresh copy with the mutant, how long each took, the output.

    How: "passed", "failed" or "timeout"; the timeout is in seconds.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder, "copy")
        shutil.copytree(root, copy)
        if mutant:
            path = copy / path_of(mutant.module)
            path.write_text(mutant.applied(path.read_text("utf-8")), encoding="utf-8")
        plugin = QuickestFirst(seconds or {})
        fork = multiprocessing.get_context("fork")
        process = fork.Process(target=inside, args=(str(copy), files, plugin))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            how = "timeout"
        else:
            how = "passed" if process.exitcode == 0 else "failed"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with all that the tests started
        process.join()
        output = (copy / "output.txt").read_text("utf-8", "replace")
        noted = copy / "taken.json"
        taken = json.loads(noted.read_text("utf-8")) if noted.exists() else {}
        return how, taken, output


@functools.cache
def usual(root, files):
    """Return how long each test takes without a mutant; end where one fails."""
    how, seconds, output = run(root, files)
    if how != "passed":
        sys.exit(f"{output}\n{', '.join(files)} must pass before a mutant is tried: {how}")
    return seconds


def outcome(root, mutant):
    """Return "failed" or "timeout" where the tests notice a mutant, else "survived"."""
    for files in tests_of(root, mutant.module):
        seconds = usual(root, files)
        limit = 20 + 5 * sum(seconds.values())
        how, _, _ = run(root, files, mutant, seconds, limit)
        if how != "passed":
            return how
    return "survived"


def table(outcomes):
    """Return the text of the results, {mutant: outcome}, by module and with every survivor."""
    modules = dict.fromkeys(mutant.module for mutant in outcomes)
    kinds = ["failed", "timeout", "equivalent", "survived"]
    rows = [["module", "mutants", *kinds]]
    for module in modules:
        count = Counter(how for mutant, how in outcomes.items() if mutant.module == module)
        rows.append([module, count.total(), *(count[kind] for kind in kinds)])
    counts = [row[1:] for row in rows[1:]]
    rows.append(["in all", *map(sum, zip(*counts, strict=True))])
    lines = ["{:<25}{:>9}{:>9}{:>9}{:>12}{:>10}".format(*row) for row in rows]
    survivors = [f"survived: {mutant}" for mutant, how in outcomes.items() if how == "survived"]
    return "\n".join([*lines, "", *survivors])


def noted(path):
    """Return {name of a mutant: outcome} of an earlier run that was stopped."""
    found = {}
    if path and path.exists():
        for line in path.read_text("utf-8").splitlines():
            how, _, name = line.partition(" ")
            found[name] = how
    return found


def try_all(root, sample, path=None):
    """Return {mutant: outcome} of the sample, and add what the file lacked to it."""
    known, equivalent, outcomes = noted(path), read_equivalent(root), {}
    for mutant in sample:
        if (mutant.module, mutant.code, mutant.change) in equivalent:
            outcomes[mutant] = "equivalent"
        elif str(mutant) in known:
            outcomes[mutant] = known[str(mutant)]
        else:
            outcomes[mutant] = outcome(root, mutant)
            line = f"{outcomes[mutant]} {mutant}"
            print(line, flush=True)
            if path:
                with path.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
    return outcomes


def main(argv=None):
    """Test the sample, print the table, and fail below the share that must be noticed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=420)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--modules", nargs="+", default=MODULES)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--root", default=ROOT)
    args = parser.parse_args(argv)
    sys.dont_write_bytecode = True
    os.environ |= ENVIRONMENT  # before anything starts threads
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")  # as it is now, whatever is edited meanwhile
        shutil.copytree(args.root, root, ignore=OURS)
        preload(root, args.modules)
        sample = draw(root, args.modules, args.sample, args.seed)
        outcomes = try_all(root, sample, args.results)
    count = Counter(outcomes.values())
    wanted = len(outcomes) - count["equivalent"]
    killed = count["failed"] + count["timeout"]
    minutes = (time.monotonic() - start) / 60
    print(f"{table(outcomes)}\nkilled: {killed} of {wanted} = {killed / wanted:.1%}", end="")
    print(f" that a test can see, seed {args.seed}, in {minutes:.0f} minutes")
    return int(killed < REQUIRED * wanted)


if __name__ == "__main__":
    sys.exit(main())
