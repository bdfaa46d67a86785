"""A race: the same work done in turn by several runners, timed and judged."""

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = "d4sci"
REST = 0.3  # seconds, for the threads of the one before, which spin for a while, to go to sleep


@dataclass
class Race:
    """The same work for several runners.

    runners: name → function without arguments that does the work and returns a result. The first
    is the reference: all times are divided by its.
    quality: (result of a runner, result of the reference) → a number, the smaller the better.
    measure: what that number is.  tolerance: the most by which it may be worse than the
    reference's; a time at worse quality is void.  left_out: {a runner that is missing: why}.
    """

    runners: dict[str, Callable]
    quality: Callable
    measure: str
    tolerance: float
    absent: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def add_if_installed(self, module, name, runner):
        """Add a runner that needs a module, or remember that it is absent."""
        if importlib.util.find_spec(module):
            self.runners[name] = runner
        else:
            self.absent.append(name)


def run(race, *, repeats=5, patience=60.0, spread=0.0):
    """Let all runners run in turn, `repeats` times; return {name: median, runs, quality, void}.

    One who has used up `patience` seconds runs no more. The first run of each, which also loads
    what it needs, is not counted unless it is the only one. Short races go on, up to four times as
    often, until `spread` seconds have passed: a shared machine is fast and slow by turns.
    """
    times, results = {name: [] for name in race.runners}, {}
    begin = time.perf_counter()
    for i in range(4 * repeats + 1):
        if i > repeats and time.perf_counter() - begin > spread:
            break
        for name, work in race.runners.items():
            if sum(times[name]) < patience:
                time.sleep(REST)
                start = time.perf_counter()
                results[name] = work()
                times[name].append(time.perf_counter() - start)
    reference = results[next(iter(race.runners))]
    quality = {name: float(race.quality(result, reference)) for name, result in results.items()}
    bar = next(iter(quality.values())) + race.tolerance
    table = {}
    for name, seconds in times.items():
        counted = seconds[1:] or seconds
        table[name] = {
            "seconds": statistics.median(counted),
            "runs": len(counted),
            "quality": quality[name],
            "void": not quality[name] <= bar,
        }
    return table
