"""The project's files agree: dependencies, pins, imports, versions, licences and the README."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import d4sci
from d4sci.__main__ import COMMANDS
from tools import version_table

ROOT = Path(__file__).parents[2]
LOCAL = {"benchmarks", "d4sci", "tests", "tools"}
COME_ALONG = {  # imported by us and not declared, because a dependency requires them
    "jupyter-client",
    "matplotlib-inline",
    "packaging",
    "psutil",
    "pyyaml",
    "scipy",
}
VERSIONS = {"torch", "torchvision", "numpy", "pandas", "matplotlib", "jupyterlab", "scikit-learn"}


def read(name):
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
LINES = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
DECLARED = [Requirement(line) for line in LINES]
DOCS = [Requirement(line) for line in PROJECT["optional-dependencies"]["docs"]]
TOOLS = [Requirement(line) for line in PROJECT["optional-dependencies"]["tools"]]
PYTHONS = [line.rpartition(" ")[2] for line in PROJECT["classifiers"]]


def pins(python, platform):
    """Return what constraints.txt pins for that Python and platform: {name: [versions]}."""
    place = default_environment() | {"sys_platform": platform, "extra": ""}
    place |= {"python_version": python, "python_full_version": f"{python}.9"}
    found = {}
    for line in read("constraints.txt").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), f"not one exact version: {line}"
            if not pin.marker or pin.marker.evaluate(place):
                version = str(pin.specifier).removeprefix("==")
                found.setdefault(canonicalize_name(pin.name), []).append(version)
    return found


def imported_names(source):
    """Return the first part of every module name that this Python source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names.add(node.module.partition(".")[0])
    return names


def sources():
    """Yield (name of the file, its Python source), code cells of the notebooks included."""
    for folder in ("d4sci", "tests", "tools", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield f"{folder}/{path.name}", path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                lines = "".join(cell["source"]).splitlines()
                yield (
                    path.name,
                    "\n".join(line for line in lines if not line.startswith(("%", "!"))),
                )


def test_requirements():
    assert read("requirements.txt").splitlines() == ["-c constraints.txt", "-e .[dev]"]


def test_environment():
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, pip_part = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert python == "python" + PROJECT["requires-python"]
    assert pip == "pip"
    assert pip_part == {"pip": ["-e .[dev]"]}


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_pins(python, platform):
    pinned = pins(python, platform)
    assert [name for name, versions in pinned.items() if len(versions) != 1] == []
    for need in DECLARED + DOCS + TOOLS:
        (version,) = pinned[canonicalize_name(need.name)]
        assert need.specifier.contains(version), f"{need} and =={version} in constraints.txt"


def test_imports_are_declared():
    declared = {canonicalize_name(need.name) for need in DECLARED + DOCS}
    distributions = metadata.packages_distributions()
    undeclared = set()
    for file, source in sources():
        for name in imported_names(source) - sys.stdlib_module_names - LOCAL:
            homes = {canonicalize_name(home) for home in distributions.get(name, [])}
            if not homes & (declared | COME_ALONG):
                undeclared.add(f"{file} imports {name} of {homes or 'an unknown distribution'}")
    assert undeclared == set()


def test_undeclared_imports_come_along():
    """Each of them is required by a dependency, or by a dependency of one."""
    found, todo = set(), [need.name for need in DECLARED]
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in found:
            found.add(name)
            needs = [Requirement(line) for line in metadata.requires(name) or []]
            todo += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    assert found >= COME_ALONG


def test_pythons():
    """The versions of Python that are named, tested in CI, and in the table of `make matrix`."""
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert list(version_table.PYTHONS) == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


def test_version():
    assert str(Version(d4sci.__version__)) == d4sci.__version__
    assert metadata.version("d4sci") == d4sci.__version__


def test_licences():
    assert PROJECT["license-files"] == ["LICENSE", "LICENSE-TEXT"]
    assert "MIT License" in read("LICENSE")
    assert "Attribution 4.0" in read("LICENSE-TEXT")


def readme_code():
    """Return all the code of the README: blocks and `spans`."""
    return "\n".join(re.findall(r"```.*?```|`[^`]+`", read("README.md"), flags=re.DOTALL))


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_links(name):
    links = re.findall(r"\]\(([^)#\s]+)", read(name))
    relative = [link for link in links if not re.match(r"https?://", link)]
    assert relative or name != "README.md", "the README links to none of its own files"
    assert [link for link in relative if not ((ROOT / name).parent / link).exists()] == []


def test_readme_make_targets():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", readme_code()))
    assert named >= {"lab", "test"}
    assert named <= targets


def test_readme_commands():
    named = set(re.findall(r"python -m d4sci[ \t]+([\w-]+)", readme_code()))
    assert named >= {"lab", "test"}
    assert named <= COMMANDS.keys()


def test_readme_versions():
    section = read("README.md").partition("## Versions\n")[2].partition("\n## ")[0]
    table = dict(re.findall(r"^\| *([\w-]+) *\| *(\d[\w.]*) *\|$", section, flags=re.MULTILINE))
    pinned = pins("3.11", "linux")
    assert table.keys() >= VERSIONS
    assert table == {name: pinned[name][0] for name in table}
    commands = dict(re.findall(r"([\w-]+)==([\w.]+)", readme_code()))
    assert commands == {name: pinned[name][0] for name in commands}


def test_syllabus_is_complete():
    text = read("docs/syllabus.md")
    counts = {0: 4, 1: 47, 2: 40, 3: 73, 4: 61, 5: 31}
    ids = {f"S{part}.{i:02}" for part, count in counts.items() for i in range(1, count + 1)}
    assert set(re.findall(r"^\| (S\d\.\d\d) \|", text, flags=re.MULTILINE)) == ids - {"S1.14"}
    corrections = re.findall(r"^\| (E\d\d) \|", text, flags=re.MULTILINE)
    assert corrections == [f"E{i:02}" for i in range(1, 41)]
