"""Gluetun is updated: its nine dependents come along in one cascade, and come back with a bad one.

Who started how often is Docker's word (its events, recorded live); where everybody is, is read from
the kernel; that the monitor went to work once is its line in the history. The new version of a good
update is killed in its trial once more, so that the update of the one that holds all others is cut
down, too.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from checks import box, monitor_seen, runtime
from checks import updates_crash_house as house
from checks.framework import CheckError, Context
from checks.monitor_seen import Record
from checks.updates_crash_house import Subject, Version
from checks.updates_crash_play import Blow, Scenario
from checks.updates_crash_play import play as played

OWNER = monitor_seen.OWNER
LEDGER = "/var/lib/mediastack/ledger.jsonl"
WELL_SECONDS = 60.0
# By how much the last number of its tag is raised: a good version, a bad one.
NUMBERS = GOOD_NUMBER, BAD_NUMBER = 21, 900
BAD = {"STANDIN_EXIT_CODE": "1"}


def play(context: Context) -> None:
    """A good version, undisturbed and then with its updater killed; and a bad one."""
    subject = house.of_catalog(runtime.services()[OWNER])
    present = locked(context, subject)
    tag = house.bumped(subject.tag, GOOD_NUMBER)
    with house.by_nobody_else(context), house.served(subject, tag) as new:
        one(context, subject, (present, new), Scenario(True), cascades=1)
        present = locked(context, subject)
    tag = house.bumped(subject.tag, BAD_NUMBER)
    with house.by_nobody_else(context), house.served(subject, tag, **BAD) as bad:
        blows = (Blow("gate", "unit", 0.5),) if not context.full else ()
        one(context, subject, (present, bad), Scenario(False, blows), cascades=None)
    house.forget_refused(context)


def locked(context: Context, subject: Subject) -> Version:
    """What the image lock names."""
    found = house.state(context, subject)["lock"]
    return Version(found["image"], found["digest"])


def one(
    context: Context,
    subject: Subject,
    sides: tuple[Version, Version],
    scenario: Scenario,
    *,
    cascades: int | None,
) -> None:
    """One update of Gluetun; `cascades`: so many and no more (None: at most two)."""
    host = context.box
    since = float(box.run(host, "date +%s.%N"))
    lines = int(box.run(host, f"wc -l <{LEDGER}"))
    record = Record()
    with (
        tempfile.TemporaryDirectory(prefix="group-") as directory,
        monitor_seen.recorded(host, Path(directory) / "record", record),
    ):
        found = played(context, subject, scenario, sides, {"gate": 10.0})
        try:
            seconds = runtime.wait_until_well(host, WELL_SECONDS, monitor_seen.group())
            context.figure(f"gluetun_{found.ended}_well_after_seconds", seconds)
        except CheckError as error:
            context.violation(f"{subject.name}, {scenario}: {error}")
    done = done_cascades(context, lines)
    context.figure(f"gluetun_{found.ended}_cascades", len(done))
    context.figure(f"gluetun_{found.ended}_down_seconds", found.record.outage())
    most = 2 if cascades is None else cascades
    if not 1 <= len(done) <= most:
        context.violation(f"{subject.name}, {scenario}: the monitor's cascades were {done}")
    for name in monitor_seen.dependents():
        starts = record.times(name, "start", since=since)
        if not 1 <= len(starts) <= most:
            context.violation(f"{subject.name}, {scenario}: {name} was started {len(starts)} times")
    away = monitor_seen.stretches(record, record.states[-1]["at"] if record.states else 0.0)
    longest = max(away.values(), default=0.0)
    context.figure(f"gluetun_{found.ended}_stranded_seconds_longest", longest)


def done_cascades(context: Context, lines: int) -> list[str]:
    """The causes of the monitor's cascades that its history has since so many lines."""
    text = box.run(context.box, f"tail -n +{lines + 1} {LEDGER}")
    found = [json.loads(line) for line in text.splitlines()]
    return [
        one["cause"]
        for one in found
        if (one["actor"], one["outcome"]) == ("monitor", "cascade done")
    ]
