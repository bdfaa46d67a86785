"""Run the benchmarks and write what they found to benchmarks/results/."""

import argparse
import json
import sys
from itertools import chain
from pathlib import Path

from benchmarks import bands, course, paths, report, scaling
from benchmarks.figures import draw_ratios, draw_scaling
from benchmarks.rows import ROWS

RESULTS = Path(__file__).parent / "results"
PARTS = ("rows", "paths", "scaling", "course", "bands")


def main(arguments=None):
    """Run the parts asked for; a quick run only prints, so that it cannot spoil stored results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small data, under two minutes")
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    options = parser.parse_args(arguments)
    parts = options.parts or (PARTS[:1] if options.quick else PARTS)
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; use {', '.join(PARTS)}")
    names = [name for name in ROWS if options.only in name]
    if not names:
        parser.error(f"no row has {options.only!r} in its name; use one of {', '.join(ROWS)}")
    where = report.machine()
    print(*where, sep="\n")
    whole = not options.quick and not options.only
    RESULTS.mkdir(exist_ok=True)
    for part in parts:
        print(f"\n## {part}")
        lines = _run(part, names, options.quick, whole)
        if whole or (part == "rows" and not options.quick):
            text = "\n\n".join([TITLES[part], *where, "\n".join(lines)])
            (RESULTS / f"{part}.md").write_text(text + "\n", encoding="utf-8")
    return 0


def _run(part, names, quick, whole):
    """Run one part; return the lines of its table."""
    if part == "rows":
        found = report.measure(names, quick=quick, memory=not quick)
        if not quick:
            found = _keep(found)
            draw_ratios(found, RESULTS / "rows.png")
        lines = [report.lines_of(name, found[name]) for name in found]
        return [report.HEAD, *chain(*lines)]
    if part == "paths":
        return [paths.HEAD, *(paths.line_of(*item) for item in paths.measure())]
    if part == "scaling":
        found = scaling.measure([n for n in names if ROWS[n].scaling], quick=quick)
        if whole:
            draw_scaling(found, RESULTS / "scaling.png")
        lines = [scaling.lines_of(name, *item) for name in found for item in found[name].items()]
        return [scaling.HEAD, *chain(*lines)]
    if part == "course":
        found = course.measure()
        lines = [course.lines_of(*item) for item in found.items()]
        return [course.HEAD, *chain(*lines)]
    return [bands.HEAD, *bands.lines_of(bands.measure())]


def _keep(found):
    """Put new races beside those of earlier runs; return all, in the order of the table."""
    path = RESULTS / "rows.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = {name: (kept | found)[name] for name in ROWS if name in kept | found}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return kept


TITLES = {
    "rows": "# d4sci and its peers\n\nAll runners in one process, in turn; medians after one run "
    "to warm up. A time at worse quality than the first runner's is void.",
    "paths": "# Two paths to one answer\n\nThe plain path of each lesson, its engine, the same "
    "data. 400 rows: the times say what small data cost, not what the engine is for.",
    "scaling": "# Growth\n\nslope b: time ≈ c · sizeᵇ. Memory: beyond the data, fresh process.",
    "course": "# The notebooks",
    "bands": "# Ten seeds",
}

if __name__ == "__main__":
    sys.exit(main())
