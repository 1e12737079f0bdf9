"""How long it takes from a healthy Gluetun to nine dependents that are back and healthy.

Against the floor of what Docker itself can do on this box, in the same run: Compose makes the nine
anew in one call, or Docker restarts them side by side, by a shell that does nothing else and begins
the moment Gluetun is healthy. Times are those of Docker's events.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager

from checks import box, monitor_schedules, monitor_seen, runtime
from checks.framework import CheckError, Context
from checks.leak_operations import COMPOSE, LOCK, OWNER
from checks.monitor_faults import stopped
from checks.monitor_limit import resume
from checks.monitor_seen import Record

TARGET_RATIO = 1.2
PAIRS, FULL_PAIRS = 1, 5
WELL_SECONDS = 60.0
HEALTHY = "health_status: healthy"
UNTIL_HEALTHY = (
    f"until test \"$(docker inspect --format '{{{{.State.Health.Status}}}}' {OWNER})\" = healthy;"
    " do sleep 0.05; done; date +%s.%N"
)
# What is compared: the hit, and the floor after it.
WAYS = ("restart", "recreate")

Watched = Callable[[Context], AbstractContextManager[Record]]


def play(context: Context, watched: Watched) -> None:
    """Both ways, ours and the floor in turn."""
    pairs = FULL_PAIRS if context.full else PAIRS
    for way in WAYS:
        measured: list[tuple[float, float]] = []
        for number in range(pairs):
            turns = (ours, floor) if number % 2 == 0 else (floor, ours)
            seconds = {turn.__name__: turn(context, watched, way) for turn in turns}
            measured.append((seconds["ours"], seconds["floor"]))
        ratio = statistics.median(one / other for one, other in measured)
        context.figure(f"back_seconds_{way}", statistics.median(one for one, _ in measured))
        context.figure(f"floor_seconds_{way}", statistics.median(one for _, one in measured))
        context.figure(f"back_ratio_{way}", ratio)
        if ratio > TARGET_RATIO:
            context.violation(
                f"after a {way} of Gluetun the nine are back {ratio:.2f} times as late as Docker"
                f" could have them (at most {TARGET_RATIO})"
            )
        if context.violations and context.break_name:
            return


def ours(context: Context, watched: Watched, way: str) -> float:
    """The monitor brings them back: seconds from Gluetun's health to that of the last one."""
    host = context.box
    resume(host)
    with context.planted(), watched(context) as record:
        since = float(box.run(host, "date +%s.%N"))
        box.run(host, hit(context, way))
        runtime.wait_until_well(host, WELL_SECONDS, monitor_seen.group())
    healthy = record.times(OWNER, HEALTHY, since=since)
    if not healthy:
        raise CheckError("Docker did not tell that Gluetun is healthy")
    return last_back(record, since) - healthy[0]


def floor(context: Context, watched: Watched, way: str) -> float:
    """A shell brings them back: seconds from its first command to the health of the last one."""
    host = context.box
    services = " ".join(monitor_seen.dependents())
    command = {
        "restart": f"for one in {services}; do docker restart --time 2 $one & done; wait",
        "recreate": f"{LOCK} {COMPOSE} up -d --no-deps --force-recreate --pull never {services}",
    }[way]
    with stopped(context), watched(context) as record:
        since = float(box.run(host, "date +%s.%N"))
        box.run(host, hit(context, way))
        began = float(box.run(host, f"{UNTIL_HEALTHY}; {{ {command}; }} >/dev/null 2>&1"))
        runtime.wait_until_well(host, WELL_SECONDS, monitor_seen.group())
    return last_back(record, max(since, began)) - began


def hit(context: Context, way: str) -> str:
    """What happens to Gluetun."""
    return monitor_schedules.command(monitor_schedules.made(context.random, way, "none")) + (
        " >/dev/null 2>&1"
    )


def last_back(record: Record, since: float) -> float:
    """When the last dependent was back: healthy, or started where it has no health check."""
    moments = []
    for name in monitor_seen.dependents():
        action = HEALTHY if runtime.expected()[name].health else "start"
        times = record.times(name, action, since=since)
        if not times:
            raise CheckError(f"Docker did not tell that {name} is back")
        moments.append(times[-1])
    return max(moments)
