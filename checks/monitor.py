"""Nobody stays stranded, whatever happens, and nothing is done that the user would not want.

The case `simulated` plays 2,000 schedules of faults in virtual time (monitor_simulation), each from
a seed of its own that a violation names; with --full 10,000. Promises (a) to (g) are judged from
the history of each (monitor_history). Every fault happens in every phase of the monitor's work.
Breaks are monitors that are wrong in a way that people have built, or might.
"""

from __future__ import annotations

import collections
import contextlib
import io
import re
from collections.abc import Iterable, Iterator

from checks import monitor_breaks, monitor_simulation, parallel
from checks.framework import Break, CheckError, Context
from checks.monitor_simulation import LEAST_STEPS, PHASES, Played
from sandbox.progress import say

NAME = "monitor"
BUDGET_SECONDS = 150.0
# It needs nothing of the deployed box: tests/box runs it beside the others.
ELSEWHERE = True
SCHEDULES = 2_000
FULL_FACTOR = 5
# A wrong monitor fails early; the rest would only take time.
SCHEDULES_WITH_FAULT = 300
LEAST_KINDS = 3
LEAST_SHARE_WITH_CASCADE = 0.8
SHOWN = 8
REPLAY = "PYTHONPATH=files .venv/bin/python -m checks.monitor_simulation"


def prepare(context: Context) -> None:
    """Nothing: no box is needed."""


def settle(context: Context) -> None:
    """Nothing to settle."""


def simulated(context: Context) -> None:
    """Schedules in virtual time; a failing one is named by its seed and replays alone."""
    with monitor_breaks.does_nothing(context):
        controls = list(play_all(range(20)))
    context.control("a monitor that does nothing", any(one.violations for one in controls))
    count = SCHEDULES * (FULL_FACTOR if context.full else 1)
    count = SCHEDULES_WITH_FAULT if context.break_name else count
    first = context.seed * SCHEDULES * FULL_FACTOR
    with context.planted():
        played = list(play_all(range(first, first + count)))
    problems = [(one.seed, text) for one in played for text in one.violations]
    for number, (seed, text) in enumerate(problems):
        told = f"seed {seed}: {text}; replay: {REPLAY} {seed}"
        if number < SHOWN:
            context.violation(told)
        else:
            context.violations.append(told)
    if not context.break_name:
        require_size(context, played)
        require_matrix(played)
    figures(context, played, problems)


def play_all(seeds: Iterable[int]) -> Iterator[Played]:
    """Play them on all cores, in order."""
    with parallel.pool() as pool:
        yield from pool.imap(play_quietly, seeds, chunksize=4)


def play_quietly(seed: int) -> Played:
    """What the monitor prints while its disk is full is of no interest here."""
    with contextlib.redirect_stderr(io.StringIO()):
        return monitor_simulation.play(seed)


def require_size(context: Context, played: list[Played]) -> None:
    """Every schedule is long and varied enough for its result to mean something."""
    for one in played:
        if one.steps < LEAST_STEPS or one.kinds < LEAST_KINDS:
            raise CheckError(
                f"seed {one.seed} has {one.steps} steps and {one.kinds} kinds of fault; "
                f"at least {LEAST_STEPS} and {LEAST_KINDS} are promised: mend monitor_simulation"
            )
    share = sum(one.cascades > 0 for one in played) / len(played)
    context.figure("share_with_cascade", share)
    if share < LEAST_SHARE_WITH_CASCADE:
        raise CheckError(f"only {share:.0%} of the schedules have a cascade; mend the schedules")


def require_matrix(played: list[Played]) -> None:
    """Every fault happened in every phase; the table goes to stderr."""
    cells = collections.Counter(cell for one in played for cell in one.cells)
    say(f"  {'fault × phase':24}" + "".join(f"{phase:>12}" for phase in PHASES))
    for name in monitor_simulation.NAMES:
        row = "".join(f"{cells[phase, name]:>12}" for phase in PHASES)
        say(f"  {name:24}{row}")
    empty = [f"{name} while {phase}" for phase, name in monitor_simulation.CELLS
             if not cells[phase, name]]  # fmt: skip
    if empty:
        raise CheckError(f"never happened: {', '.join(empty)}; mend the schedules")


def figures(context: Context, played: list[Played], problems: list[tuple[int, str]]) -> None:
    """What was played, and what was found, by invariant."""
    context.figure("schedules", len(played))
    context.figure("cells_of_the_matrix", len({cell for one in played for cell in one.cells}))
    context.figure("faults_played", sum(len(one.cells) for one in played))
    for what in ("steps", "cascades", "edges", "acts", "pauses", "kills"):
        context.figure(what, sum(getattr(one, what) for one in played))
    context.figure("steps_least", min(one.steps for one in played))
    context.figure("simulated_hours", sum(one.seconds for one in played) / 3600.0)
    if problems:
        kinds = collections.Counter(re.sub(r"\d[\d.]*", "N", text)[:90] for _, text in problems)
        context.figure("problems", dict(kinds.most_common(10)))
        context.figure("failing_seeds", len({seed for seed, _ in problems}))


CASES = {"simulated": simulated}
BREAKS = {
    name: Break("simulated", plant) for name, plant in monitor_breaks.BREAKS.items()
}  # fmt: skip
