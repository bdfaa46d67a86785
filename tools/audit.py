"""Audit what the course installs: conflicts, licences and, where a network is, known weaknesses.

    audit.py            lists every dependency; exit status 1 if one must not stay

1. `pip check`: every package finds what it requires.
2. Each package that d4sci requires, and each that those require, with version and licence; the
   licence must be one of LICENCES, or an exception that is stated here.
3. pip-audit, in an environment of its own under .matrix/, asks the registry's advisory database.
   Where that cannot be reached, the last line says so, and 1 and 2 alone decide.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

WORK = Path(__file__).resolve().parent.parent / ".matrix"
# Free licences, by the first words of their names, that ask no more than to be named and, for
# MPL, that changes to their own files stay open. Not among them: GPL and "all rights reserved".
LICENCES = r"(The )?(MIT|(New |Modified |\d-Clause )?BSD|0BSD|Apache|ISC|Python Software|PSF|MPL"
LICENCES += r"|Mozilla|Zlib|CC0|CC-BY-4|BSL-1|Boost|HPND|CNRI|LLVM-exception|Unlicense)\b"
EXCEPTIONS = {  # whose names may come with which licence
    r"(nvidia|cuda)-.*": r".*NVIDIA|.*Proprietary|not stated",  # CUDA: may be used, not changed
}


def closure(name, extras):
    """Return the names of a package and of all that it needs here, installed or not."""
    seen, todo = set(), [(name, frozenset(extras))]
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for need in map(Requirement, lines):
            if not need.marker or any(need.marker.evaluate({"extra": e}) for e in [*extras, ""]):
                todo.append((canonicalize_name(need.name), frozenset(need.extras)))
    return sorted({name for name, _ in seen})


def licence(name):
    """Return what a package says of its licence: the expression, classifiers, or first line."""
    about = metadata.metadata(name)
    classes = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    named = [c.rpartition(" :: ")[2] for c in classes if c.count(" :: ") > 1]
    first = (about.get("License") or "").strip().partition("\n")[0]
    return about.get("License-Expression") or " AND ".join(named) or first or "not stated"


def accepted(name, text):
    """Tell whether all parts of a licence are on the list, or the package is an exception."""
    for pattern, licences in EXCEPTIONS.items():
        if re.fullmatch(pattern, name) and re.match(licences, text):
            return True
    parts = re.split(r" AND | WITH ", re.sub(r"[()]", "", text))
    choices = [re.split(r" OR |/", part) for part in parts]
    return all(any(re.match(LICENCES, c.strip()) for c in choice) for choice in choices)


def licences():
    """Print every dependency; return the faults."""
    faults = []
    for name in closure("d4sci", ["dev"]):
        try:
            version, text = metadata.version(name), licence(name)
        except metadata.PackageNotFoundError:
            faults.append(f"{name} is not installed")
            continue
        print(f"{name:30}{version:14}{text[:100]}")
        if not accepted(name, text):
            faults.append(f"{name} {version}: licence {text!r} is not on the list")
    return faults


def conflicts():
    """Return what `pip check` complains of."""
    command = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.splitlines() + done.stderr.splitlines() if done.returncode else []


def advisories():
    """Return (faults, what was asked): packages with a known weakness, where that can be asked."""
    home = WORK / "audit"
    make = [[sys.executable, "-m", "venv", "--clear", home]]
    make += [[home / "bin" / "python", "-m", "pip", "install", "--quiet", "pip-audit"]]
    ask = [home / "bin" / "pip-audit", "--path", sysconfig.get_path("purelib"), "--format", "json"]
    try:
        for command in make:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        done = subprocess.run(ask, capture_output=True, text=True, timeout=600)
        return weaknesses(json.loads(done.stdout)["dependencies"])
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        return [], f"nothing, {type(error).__name__}: it, or its database, cannot be reached"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def weaknesses(packages):
    """Return faults, and in words how many packages the database knew."""
    known = [package for package in packages if "vulns" in package]
    faults = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {found['fix_versions']}"
        for package in known
        for found in package["vulns"]
    ]
    return faults, f"{len(known)} of {len(packages)} packages"


def main():
    """Print the report; return 1 if there is a fault."""
    faults = conflicts() + licences()
    found, asked = advisories()
    faults += found
    for fault in faults:
        print(f"fault: {fault}")
    print(f"conflicts and licences: checked. Advisories (pip-audit): {asked}.")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
