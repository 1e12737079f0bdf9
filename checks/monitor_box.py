"""Nobody stays stranded, on the real thing: real containers, a real tunnel, real reboots.

Schedules of trouble hit the deployed box; after each of them every wanted dependent is inside
Gluetun's network namespace and healthy, none ran anywhere else for longer than it takes to stop it,
what the user stopped stayed stopped, and anonymous volumes are the same. What ran where is read
from the kernel (inside/group.py), when it happened is Docker's word. Then the figures: from event
to decision, with the stream of events cut, against the floor of what Docker can do, and the limit
of cascades across a killed monitor and a reboot.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from checks import (
    box,
    ground,
    monitor_faults,
    monitor_floor,
    monitor_limit,
    monitor_proxy,
    monitor_schedules,
    monitor_seen,
    monitor_volumes,
    runtime,
)
from checks.framework import Break, CheckError, Context
from checks.monitor_schedules import Schedule
from checks.monitor_seen import Record
from sandbox.progress import say

NAME = "monitor-box"
BUDGET_SECONDS = 240.0
SCHEDULES, FULL_SCHEDULES, SCHEDULES_WITH_FAULT = 20, 200, 5
WELL_SECONDS = 90.0
DECISION_SECONDS = 0.05
# Of those that were not disturbed; the other ones are in a figure of their own.
SHARES = {"p50": 0.5, "p99": 0.99}

settle = ground.settle


def prepare(context: Context) -> None:
    """The common ground, and the proof that a stranded dependent is seen."""
    ground.prepare(context)
    monitor_limit.resume(context.box)
    with monitor_faults.stopped(context), watched(context) as record:
        box.run(context.box, "docker restart --time 2 gluetun && sleep 1")
    end = record.states[-1]["at"] + 1.0 if record.states else 0.0
    seen = monitor_seen.stretches(record, end)
    context.control("dependents that are stranded", len(seen) == len(monitor_seen.dependents()))
    runtime.wait_until_well(context.box, WELL_SECONDS)


def schedules(context: Context) -> None:
    """Trouble by seed, and after each all is as it was."""
    count = FULL_SCHEDULES if context.full else SCHEDULES
    count = SCHEDULES_WITH_FAULT if context.break_name else count
    plain: list[float] = []
    disturbed: list[float] = []
    times: list[float] = []
    with monitor_volumes.there(context) as volumes, context.planted():
        for number, schedule in enumerate(monitor_schedules.sequence(context.random, count)):
            say(f"  {number}: {schedule}")
            seconds, found, withheld = play(context, schedule, f"{number} ({schedule})")
            say(
                f"     well after {seconds:.1f} s; decided after"
                f" {[round(one, 3) for one in found + withheld]}"
            )
            (plain if schedule.is_plain else disturbed).extend(found)
            disturbed.extend(withheld)
            times.append(seconds)
            monitor_volumes.judge(context, volumes, f"after {number} ({schedule})")
            if context.violations and (context.break_name or seconds > WELL_SECONDS):
                break
    context.figure("schedules", len(times))
    context.figure("well_seconds_median", monitor_seen.percentile(times, 0.5))
    context.figure("well_seconds_longest", max(times))
    context.figure("decisions", len(plain))
    for name, share in SHARES.items():
        if plain:
            context.figure(f"decision_seconds_{name}", monitor_seen.percentile(plain, share))
    if disturbed:
        context.figure("decision_seconds_longest_disturbed", max(disturbed))
    if not plain:
        context.violation("nothing was decided because of an event")
    elif monitor_seen.percentile(plain, 0.99) >= DECISION_SECONDS:
        context.violation(f"from event to decision it took {sorted(plain)[-3:]} s at the longest")


def play(context: Context, schedule: Schedule, what: str) -> tuple[float, list[float], list[float]]:
    """One schedule; return the seconds until all was well, and those of each decision, the last
    list for those that Docker withheld the answer for."""
    host = context.box
    monitor_limit.resume(host)
    since = box_time(host)
    record = Record()
    started = time.monotonic()
    with watched(context, record):
        monitor_schedules.perform(host, schedule)
        if schedule.hit != "reboot":
            seconds = well_again(context, schedule, what, started)
    if schedule.hit == "reboot":
        with watched(context, record):
            seconds = well_again(context, schedule, what, started)
    judge_stretches(context, schedule, record, box_time(host), what)
    judge_wish(context, schedule, record, since, what)
    found, withheld, wrong = monitor_seen.latencies(record, monitor_seen.decisions(host, since))
    for text in wrong if schedule.is_plain else []:
        context.violation(f"after {what} {text}")
    monitor_schedules.back(host, schedule)
    if schedule.complication == "user-stopped":
        well_again(context, None, f"{what}, and wanted again", time.monotonic())
    return seconds, found, withheld


def well_again(context: Context, schedule: Schedule | None, what: str, started: float) -> float:
    """Wait until every wanted one is inside and healthy; that it is not is a violation."""
    wanted = set(monitor_seen.group())
    if schedule is not None and schedule.complication == "user-stopped":
        wanted.discard(schedule.service)
    try:
        runtime.wait_until_well(context.box, context.patience(WELL_SECONDS), wanted)
    except CheckError as error:
        context.violation(f"after {what}: {error}")
        return WELL_SECONDS + 1.0
    return time.monotonic() - started


def judge_stretches(
    context: Context, schedule: Schedule, record: Record, end: float, what: str
) -> None:
    """None ran elsewhere for longer than it takes to notice and stop it."""
    for name, seconds in monitor_seen.stretches(record, end).items():
        if seconds > schedule.stranded_seconds:
            context.violation(
                f"after {what} {name} ran stranded for {seconds:.1f} s"
                f" (at most {schedule.stranded_seconds:.0f} s)"
            )


def judge_wish(
    context: Context, schedule: Schedule, record: Record, since: float, what: str
) -> None:
    """What the user stopped was not started by anybody else."""
    if schedule.complication != "user-stopped":
        return
    stopped = record.times(schedule.service, "die", since=since)
    if not stopped:
        raise CheckError(f"{schedule.service} was not seen to stop")
    if record.ran(schedule.service, stopped[0] + 0.5):
        context.violation(f"after {what} {schedule.service} was started, which the user stopped")


@contextlib.contextmanager
def watched(context: Context, record: Record | None = None) -> Iterator[Record]:
    """The group is recorded while the context lasts (a reboot ends it, and is no error)."""
    record = Record() if record is None else record
    with tempfile.TemporaryDirectory(prefix="group-") as directory:
        try:
            with monitor_seen.recorded(context.box, Path(directory) / "record", record):
                yield record
        finally:
            record.cut()


def cut(context: Context) -> None:
    """Without Docker's events it decides within two seconds."""
    monitor_limit.resume(context.box)
    monitor_proxy.play(context, watched, WELL_SECONDS)


def floor(context: Context) -> None:
    """Hardly later than Docker could have them."""
    monitor_floor.play(context, watched)


def limit(context: Context) -> None:
    """Five an hour, across a kill and a reboot."""
    monitor_limit.play(context)


def box_time(host: box.Host) -> float:
    """The box's clock."""
    return float(box.run(host, "date +%s.%N"))


CASES = {"schedules": schedules, "cut": cut, "floor": floor, "limit": limit}
BREAKS = {
    "monitor-stopped": Break("schedules", monitor_faults.stopped),
    "leaves-them-stranded": Break("schedules", monitor_faults.leaves_them_stranded),
    "deaf": Break("schedules", monitor_faults.deaf),
    "ignores-the-user": Break("schedules", monitor_faults.ignores_the_user),
    "loses-volumes": Break("schedules", monitor_faults.loses_volumes),
    "trusts-the-stream": Break("cut", monitor_faults.trusts_the_stream),
    "slow": Break("floor", monitor_faults.slow),
    "forgets-its-count": Break("limit", monitor_faults.forgets_its_count),
    "does-not-hold": Break("limit", monitor_faults.leaves_them_stranded),
}
