"""Downloads are paused before a disk is full, and exactly those go on when there is room again.

The case `simulated` plays 4,000 histories in virtual time (disk_guard_simulation), each from a seed
of its own that a failure names; with --full ten times as many. The case `real` fills a small disk
of the box with the real qBittorrent (disk_guard_real). Breaks are disk guards that are wrong in a
way that people have built.
"""

from __future__ import annotations

from checks import disk_guard_breaks, disk_guard_real, disk_guard_simulation, ground
from checks.framework import Break, Context

NAME = "disk-guard"
BUDGET_SECONDS = 120.0
HISTORIES = 4_000
FULL_FACTOR = 10
# A wrong guard fails early; the rest would only take time.
HISTORIES_WITH_FAULT = 1_000
SHOWN = 5

settle = ground.settle


def prepare(context: Context) -> None:
    """Nothing: only the case `real` needs a box, and it takes one."""


def simulated(context: Context) -> None:
    """Histories in virtual time; a failing one is named by its seed and replays alone."""
    with disk_guard_breaks.idle(context):
        _, problems = disk_guard_simulation.play_all(range(20))
        context.control("a disk guard that does nothing", len(problems) > 5)
    count = HISTORIES * (FULL_FACTOR if context.full else 1)
    count = HISTORIES_WITH_FAULT if context.break_name else count
    first = context.seed * HISTORIES * FULL_FACTOR
    with context.planted():
        oracles, problems = disk_guard_simulation.play_all(range(first, first + count))
    for problem in problems[:SHOWN]:
        context.violation(problem)
    for problem in problems[SHOWN:]:
        context.violations.append(problem)
    context.figure("simulated_histories", count)
    context.figure("simulated_hours", sum(one.world.now - 1000 for one in oracles) / 3600)
    context.figure("simulated_kills", sum(one.world.kills for one in oracles))
    context.figure("simulated_stops", sum(one.stops for one in oracles))
    context.figure("simulated_starts", sum(one.starts for one in oracles))
    # Stopped by its user while a stop or start of the guard's was under way: judged no further.
    context.figure("simulated_unsure", sum(one.unsure for one in oracles))


def real(context: Context) -> None:
    """A small disk of the box."""
    disk_guard_real.play(context)


CASES = {"simulated": simulated, "real": real}
BREAKS = {
    **{name: Break("simulated", plant) for name, plant in disk_guard_breaks.SIMULATED.items()},
    "guard-stopped": Break("real", disk_guard_real.stopped),
    "never-low": Break("real", disk_guard_real.does_not_pause),
}
