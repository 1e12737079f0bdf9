"""One update of the check's own service, struck at chosen moments, and judged.

It is begun as in real life: a hint is written down and the updater's unit started. The blow falls
some way into a step: the time that the step took undisturbed times a fraction by seed. A power cut
is a frozen updater and a killed box.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from checks import box, runtime
from checks import updates_crash_house as house
from checks.framework import CheckError, Context
from checks.updates_crash_house import Subject, Version
from checks.updates_crash_judge import Record, Sides, ended_as, problems
from sandbox.progress import say

UNIT = "mediastack-update.service"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/check.conf"
ENDS_SECONDS, ENDS_SECONDS_WITH_FAULT = 90.0, 40.0
WELL_SECONDS = 120.0
# Not the unit's own seconds, or a check of so many kills is mostly waiting.
QUICKLY_SECONDS = 0.3
PYTHON = "PYTHONPATH=/opt/mediastack/lib /opt/mediastack/venv/bin/python"
# What the keeper crosses out at its next pass (a stop of ours, once the service runs again).
SETTLED_SECONDS = 12.0
POWER = "power"


@dataclass(frozen=True)
class Blow:
    """Whom it hits ("worker" alone, its whole "unit", "dockerd", "power") and when: a fraction of
    the time that the step takes."""

    step: str
    what: str
    fraction: float = 0.0
    then: str = ""

    def __str__(self) -> str:
        return f"{self.what} at {self.step}+{self.fraction:.2f}"


@dataclass(frozen=True)
class Scenario:
    """An update (to a good or a bad version) and its blows; `dead_seconds`: how long systemd waits
    before it starts the updater again."""

    good: bool
    blows: tuple[Blow, ...] = ()
    dead_seconds: int = 0
    may_go_back: bool = False

    def __str__(self) -> str:
        what = "good" if self.good else "bad"
        dead = f", dead for {self.dead_seconds} s" if self.dead_seconds else ""
        return f"{what}: {', '.join(map(str, self.blows)) or 'undisturbed'}{dead}"


@dataclass
class Played:
    """How it went."""

    record: Record = field(default_factory=Record)
    ended: str = ""
    problems: list[str] = field(default_factory=list)


def play(
    context: Context,
    subject: Subject,
    scenario: Scenario,
    sides: tuple[Version, Version],
    durations: dict[str, float],
) -> Played:
    """Play it from the old version of `sides` to the new one; report what is wrong."""
    expected = "old" if not scenario.good else "" if scenario.may_go_back else "new"
    judged = Sides(*sides, expected)
    found = Played()
    mark = f"{context.random.random():.9f}"
    before = house.state(context, subject, mark=mark)
    if scenario.dead_seconds:
        write_pause(context, scenario.dead_seconds)
    watch(context, subject, found.record, scenario, sides[1], durations)
    if scenario.dead_seconds:
        write_pause(context, QUICKLY_SECONDS)
    with contextlib.suppress(CheckError):
        house.wait_until_healthy(context, subject, context.patience(house.CAUGHT_UP_SECONDS))
    deadline = time.monotonic() + context.patience(SETTLED_SECONDS)
    while True:
        after = house.state(context, subject)
        found.ended = ended_as(after, judged)
        found.problems = list(problems(before, after, found.record, judged))
        if not found.problems or not found.record.ended or time.monotonic() > deadline:
            break
        time.sleep(1)
    if found.record.left:
        found.problems.append("the journal never named a step at which it was to be struck")
    for text in found.problems:
        context.violation(f"{subject.name}, {scenario}: {text}")
    steps = " ".join(f"{step}{tries or ''}" for _, step, tries in found.record.steps if step)
    say(
        f"  {scenario}: {found.ended or 'neither'}; down for {found.record.outage():.1f} s; {steps}"
    )
    return found


def watch(
    context: Context,
    subject: Subject,
    record: Record,
    scenario: Scenario,
    new: Version,
    durations: dict[str, float],
) -> None:
    """Begin it, strike, and watch until it is over."""
    strikes: list[dict[str, Any]] = [
        {
            "step": blow.step,
            "delay": blow.fraction * durations.get(blow.step, 0.0),
            "what": "freeze" if blow.what == POWER else blow.what,
            "then": blow.then,
        }
        for blow in scenario.blows
    ]
    seen = look(context, subject, strikes, trigger=trigger(subject, new))
    record.add(seen)
    while seen["frozen"]:
        strikes = strikes[len(seen["struck"]) :]
        box.reboot(context.box, hard=True)
        seen = look(context, subject, strikes, begun=True)
        record.add(seen)
        runtime.wait_until_well(context.box, WELL_SECONDS)


def look(
    context: Context,
    subject: Subject,
    strikes: list[dict[str, Any]],
    *,
    trigger: str = "",
    begun: bool = False,
    may_pass: bool = False,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """What inside/update_watch.py sees."""
    usual = ENDS_SECONDS_WITH_FAULT if context.break_name else ENDS_SECONDS
    found: dict[str, Any] = box.inside(
        context.box,
        "update_watch",
        service=subject.name,
        config=subject.config,
        left_out=list(subject.left_out),
        strikes=strikes,
        seconds=seconds or usual,
        trigger=trigger,
        begun=begun,
        may_pass=may_pass,
    )
    return found


def trigger(subject: Subject, new: Version, *, wait: bool = False) -> str:
    """Shell that says to the updater that there is something new, as the inbox does; `wait`: it
    ends with the updater's pass."""
    said = f"hints.add({subject.name!r}, 'check', {new.tag!r})"
    program = f"from mediastack.updater import hints; {said}"
    # A pass that is under way, or a killed one's, may have read the hints before.
    start = f"systemctl start {UNIT}; systemctl start" if wait else "systemctl start --no-block"
    return f'{PYTHON} -c "{program}" && {{ {start} {UNIT}; }}'


@contextlib.contextmanager
def pause_of(context: Context, seconds: float) -> Iterator[None]:
    """So long systemd waits before it starts a killed updater again."""
    write_pause(context, seconds)
    try:
        yield
    finally:
        write_pause(context, 0.0)


def write_pause(context: Context, seconds: float) -> None:
    """In a drop-in of the unit (0: as the unit itself says)."""
    directory = DROP_IN.rpartition("/")[0]
    write = f"mkdir -p {directory} && cat >{DROP_IN}" if seconds else f"rm -rf {directory}"
    text = f"[Service]\nRestartSec={seconds}\n" if seconds else ""
    box.run(context.box, f"{write} && systemctl daemon-reload", stdin=text)
