"""The updater is killed at every step of an update: still it ends as new or as old, never mixed.

A service of the check's own is updated to versions that are good, and to one that writes into the
config and ends; on the way the updater is killed at each step that the journal names, dockerd at
some, the power cut at some, and the updater kept dead while the keeper and a user's `up` go by.
After each update, without a hand, image, image lock, config and database are all of one version
and nothing of the transaction is left (updates_crash_judge). Then Gluetun: one cascade and no
more, also where its new version is bad. The full size does every step for every kind of service.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

from checks import box, ground, runtime, updates_crash_group
from checks import updates_crash_faults as faults
from checks import updates_crash_house as house
from checks.framework import Break, CheckError, Context
from checks.updates_crash_house import OWN, Subject, Version
from checks.updates_crash_play import (
    POWER,
    QUICKLY_SECONDS,
    Blow,
    Played,
    Scenario,
    pause_of,
    play,
)
from sandbox.command import SandboxError

NAME = "updates-crash"
BUDGET_SECONDS = 300.0
FORWARD = ("pull", "copy", "settle", "switch", "gate", "commit")
BACKWARD = ("back", "restore", "revive", "regate")
# How long they take on a quiet box; on a busy one a blow falls in an earlier part of its step.
USUAL = {"pull": 0.25, "copy": 0.06, "settle": 0.4, "switch": 0.6, "gate": 2.5, "commit": 0.02,
         "back": 0.3, "restore": 0.08, "revive": 0.6, "regate": 2.5}  # fmt: skip
# The latest part of a step in which a blow falls, and how many have to be in the one meant.
LATEST, IN_THEIR_STEP_SHARE, FEW = 0.6, 0.7, 10
# It writes a row into its database, and then ends, at each of its starts.
BAD = {"STANDIN_EXIT_CODE": "1"}
DEAD_SECONDS = 10
# In so many updates all the steps are, of a good version and of a bad one.
SEVERAL = {True: 1, False: 2}
# By how much the last number of a tag is raised here: for good versions, and for bad ones.
BAD_NUMBER = 900
NUMBERS = (*range(1, 40), BAD_NUMBER)
KINDS = ("seerr", "recyclarr", "plex", "qbittorrent")
QUICK_HEALTH = {"interval": 1, "timeout": 5, "retries": 2, "start_period": 60}


def prepare(context: Context) -> None:
    """The common ground, and on it the own service with short times."""
    context.resources.callback(forget_versions)
    ground.prepare(context)
    forget_versions()
    house.forget_refused(context)
    house.publish(OWN, OWN.tag)
    changes = full_changes() if context.full else {}
    sources = context.resources.enter_context(house.with_service(context.box.sources, **changes))
    house.deploy(context, sources)
    context.resources.enter_context(pause_of(context, QUICKLY_SECONDS))
    found = house.state(context, OWN, mark="control")
    rows = found["databases"][OWN.databases[0]]["rows"]["entries"]
    context.control("a row that was added", rows[-1][2] == "control")


def settle(context: Context) -> None:
    """Without the own service, and with the images that the catalog names."""
    if context.box is not None:
        with contextlib.suppress(CheckError, SandboxError):
            house.wait_until_idle(context)
            house.to_catalog(context, [OWN, *subjects()])
            box.deploy(context.box)
            house.forget_own(context)
            runtime.wait_until_well(context.box, ground.SETTLE_SECONDS)
    context.resources.close()


def forget_versions() -> None:
    """The registry has no version that is this check's."""
    with contextlib.suppress(CheckError, SandboxError):
        house.withdraw_left(OWN)
        for subject in subjects():
            owner = subject.name == updates_crash_group.OWNER
            house.withdraw_left(subject, updates_crash_group.NUMBERS if owner else NUMBERS)


def subjects() -> list[Subject]:
    """The real services that are updated here."""
    services = runtime.services()
    return [house.of_catalog(services[name]) for name in (updates_crash_group.OWNER, *KINDS)]


def full_changes() -> dict[str, dict[str, object]]:
    """With --full: every kind is quickly healthy, or each update takes its minute."""
    services = runtime.services()
    return {
        name: {"health": {"test": list(health.test), **QUICK_HEALTH}, "updates": "auto"}
        for name in KINDS
        if (health := services[name].health) is not None
    }


class Line:
    """The versions of one subject, one after the other: where it stands, and what comes next."""

    def __init__(self, context: Context, subject: Subject) -> None:
        self.context, self.subject = context, subject
        found = house.state(context, subject)["lock"]
        self.present = Version(found["image"], found["digest"])
        self.durations = dict(USUAL)
        self.played: list[Played] = []

    def play(self, scenarios: Iterable[Scenario]) -> None:
        """Play them in turn, each from where the last one ended."""
        for scenario in scenarios:
            ailment = {} if scenario.good else BAD
            tag = house.bumped(self.present.tag, 1)
            if not scenario.good:
                tag = house.bumped(self.subject.tag, BAD_NUMBER)
            with (
                house.by_nobody_else(self.context),
                house.served(self.subject, tag, **ailment) as new,
            ):
                sides = (self.present, new)
                found = play(self.context, self.subject, scenario, sides, self.durations)
            self.played.append(found)
            if found.ended == "new":
                self.present = new
            house.forget_refused(self.context)
            if not scenario.blows:
                self.durations |= found.record.durations()
            if self.context.break_name and self.context.violations:
                return

    def figures(self, name: str) -> None:
        """How many ended how, and the longest outage."""
        ended = [one.ended or "neither" for one in self.played]
        self.context.figure(f"{name}_updates", len(ended))
        self.context.figure(f"{name}_ended_new", ended.count("new"))
        self.context.figure(f"{name}_ended_old", ended.count("old"))
        blows = [blow for one in self.played for blow in one.record.struck]
        there = sum(meant == hit for _, _, meant, hit, _ in blows)
        self.context.figure(f"{name}_blows", len(blows))
        self.context.figure(f"{name}_blows_in_their_step", there)
        if len(blows) >= FEW:
            enough = there >= IN_THEIR_STEP_SHARE * len(blows)
            self.context.control("updates that were struck in the step that was meant", enough)
        longest = max(one.record.outage() for one in self.played)
        self.context.figure(f"{name}_down_seconds_longest", longest)


def every_step(chance: random.Random, good: bool, *, apart: bool) -> list[Scenario]:
    """A kill at each step: each in an update of its own (`apart`), or several in one."""
    steps = [*FORWARD, "done"] if good else [*FORWARD[:5], *BACKWARD, "undone"]
    whom = {step: chance.choice(("worker", "unit")) for step in steps}
    blows = [Blow(step, whom[step], LATEST * chance.random()) for step in steps]
    many = len(blows) if apart else SEVERAL[good]
    return [Scenario(good, tuple(blows[number::many])) for number in range(many)]


def killed(context: Context) -> None:
    """The updater, at every step."""
    line = Line(context, OWN)
    with context.planted():
        if context.break_name:
            line.play(faults.FOCUS[context.break_name])
            return
        if context.full:
            line.play([Scenario(True), Scenario(False)])
        for good in (True, False):
            line.play(every_step(context.random, good, apart=context.full))
    line.figures("killed")
    seen = {step for one in line.played for step in one.record.durations()}
    context.control("every step of an update and of the way back", {*FORWARD, *BACKWARD} <= seen)


def dead(context: Context) -> None:
    """It stays dead for a while: the keeper passes, and somebody says `up`."""
    line = Line(context, OWN)
    up = f"stack-manage.sh {OWN.stack} up {OWN.name} >/dev/null 2>&1"
    with context.planted():
        if context.break_name:
            line.play(faults.FOCUS[context.break_name])
            return
        blows = (Blow("settle", "unit", LATEST), Blow("restore", "unit", 0.5, up))
        line.play([Scenario(False, blows, DEAD_SECONDS)])
    line.figures("dead")


def struck(
    chance: random.Random, what: str, updates: list[tuple[bool, tuple[str, ...]]]
) -> list[Scenario]:
    """Updates (is it good, at which steps) that are struck by something worse than a kill of
    the updater: then a good one may be taken back, too."""
    return [
        Scenario(
            good,
            tuple(Blow(step, what, LATEST * chance.random()) for step in steps),
            may_go_back=True,
        )
        for good, steps in updates
    ]


def one_by_one(chance: random.Random, what: str) -> list[Scenario]:
    """Each step in an update of its own."""
    steps = [(True, (one,)) for one in FORWARD]
    return struck(chance, what, [*steps, *((False, (one,)) for one in (*FORWARD[:5], *BACKWARD))])


def dockerd(context: Context) -> None:
    """Docker's daemon is killed under it."""
    line = Line(context, OWN)
    chance = context.random
    line.play(struck(chance, "dockerd", [(True, ("gate",)), (False, ("switch", "restore"))])
              if not context.full else one_by_one(chance, "dockerd"))  # fmt: skip
    line.figures("dockerd")


def power(context: Context) -> None:
    """The power fails."""
    line = Line(context, OWN)
    chance = context.random
    line.play(struck(chance, POWER, [(False, ("restore",))])
              if not context.full else one_by_one(chance, POWER))  # fmt: skip
    line.figures("power")


def kinds(context: Context) -> None:
    """With --full: every step, for every kind of service."""
    if not context.full:
        return
    services = runtime.services()
    for name in KINDS:
        line = Line(context, house.of_catalog(services[name]))
        line.play([Scenario(True), Scenario(False)])
        for good in (True, False):
            line.play(every_step(context.random, good, apart=True))
        line.figures(name)


CASES = {
    "killed": killed,
    "dead": dead,
    "dockerd": dockerd,
    "power": power,
    "gluetun": updates_crash_group.play,
    "kinds": kinds,
}
BREAKS = {
    "restores-nothing": Break("killed", faults.restores_nothing),
    "journal-after-act": Break("killed", faults.journal_after_act),
    "resume-forgets": Break("killed", faults.resume_forgets),
    "no-hold": Break("dead", faults.no_hold),
}
