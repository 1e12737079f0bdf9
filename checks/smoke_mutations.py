"""The smoke suite notices what breaks: seeded faults, planted in the box, judged by its own tests.

A round plants faults that have nothing to do with each other, reads the box once as `scripts/smoke`
does, judges with the suite's own tests, and undoes them; then the suite must be content again. A
fault counts as noticed only when one of the checks that must fail of it does, and no other fault of
the round could have made that one fail. Every class is planted at least once, so every check of the
suite must have failed at least once. Before all, 20 readings of the undamaged box must be clean.
`stack-manage.sh doctor` is asked in each round as well and must say the same.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shlex
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

from checks import box, ground, runtime
from checks.faults import (
    KEPT,
    Failure,
    Fault,
    backups,
    containers,
    doctor,
    files,
    locks,
    machine,
    networks,
    wall,
)
from checks.framework import Break, CheckError, Context
from checks.smoke_suite import Suite, complaints
from sandbox.command import SandboxError
from sandbox.progress import say

NAME = "smoke-mutations"
BUDGET_SECONDS = 300.0
PICKED = 60
CLEAN_RUNS = 20
ROUND = 12
AFTER_SECONDS = 60.0
DETECTED_SHARE = 0.95
MANAGE = "/opt/mediastack/bin/stack-manage.sh"
KEEPER = f"systemctl kill --signal {{}} {runtime.MENDERS}"
SWEEP = (
    "find /opt/mediastack /etc /srv/mediastack /data /run -xdev"
    f" -name '*{KEPT}' -prune -exec rm -r {{}} +; chmod 0755 {backups.RESTIC}"
)
settle = ground.settle


def prepare(context: Context) -> None:
    """A deployed box without those who would mend faults before anybody looks."""
    context.box = context.resources.enter_context(box.opened(context.box_name))
    # Of a run that was killed here.
    box.run(context.box, SWEEP)
    box.ensure_deployed(context.box)
    runtime.wait_until_well(context.box, ground.SETTLE_SECONDS)
    # Read when the inventory is imported, below.
    os.environ["MEDIASTACK_BOX"] = context.box_name
    context.resources.callback(box.run, context.box, KEEPER.format("CONT"), check=False)


def known(expected: Any) -> list[Fault]:
    """Every fault that these settings allow."""
    found = list(containers.torrent_client(expected))
    for module in (files, locks, machine, containers, networks, wall, backups):
        found += module.faults(expected)
    return found


def pick(faults: list[Fault], count: int, random: Any) -> list[Fault]:
    """One of each class, then others, `count` in all (0: every one)."""
    shuffled = random.sample(faults, len(faults))
    if not count:
        return list(shuffled)
    first = {one.kind: one for one in reversed(shuffled)}
    rest = [one for one in shuffled if one is not first[one.kind]]
    return [*first.values(), *rest][: max(count, len(first))]


def rounds(faults: list[Fault]) -> Iterator[list[Fault]]:
    """Groups in which no fault can be taken for another."""
    waiting = [one for one in faults if not one.alone]
    while waiting:
        this: list[Fault] = []
        claimed: set[Failure] = set()
        for one in list(waiting):
            if len(this) < ROUND and not one.claims & claimed:
                this.append(one)
                claimed |= one.claims
                waiting.remove(one)
        yield this
    for one in faults:
        if one.alone:
            yield [one]


def script(commands: list[str]) -> str:
    """Shell that runs commands side by side and fails when one does, naming it."""
    lines = ["failed=/run/smoke-fault.failed; : >$failed"]
    lines += [
        f"( ( set -e; {one}\n) || echo {shlex.quote(one[:200])} >>$failed ) &" for one in commands
    ]
    return "\n".join([*lines, "wait; cat $failed >&2; test ! -s $failed", ""])


@contextlib.contextmanager
def damaged(context: Context, this: list[Fault]) -> Iterator[None]:
    """The box with these faults, and without them afterwards, also when planting failed."""
    host = context.box
    try:
        box.run(host, "bash -s", stdin=script([one.plant for one in this]))
        yield
    except BaseException:
        box.run(host, "bash -s", stdin=script([one.undo for one in this]), check=False)
        raise
    box.run(host, "bash -s", stdin=script([one.undo for one in this]))


def doctors(context: Context) -> set[Failure]:
    """The (check, subject) of which the doctor complains on the host."""
    said = box.run(context.box, f"{MANAGE} doctor --json || true")
    return {(one["check"], one["subject"]) for one in json.loads(said)["findings"] if not one["ok"]}


def user_value(suite: Suite, fault: Fault) -> bool:
    """Whether a fault is another value in a secret of the user's: the host cannot know."""
    mine = {f"{e['service']}/{e['name']}" for e in suite.expected.config["secrets"]
            if e["origin"] == "user"}  # fmt: skip
    return fault.kind == "secret value" and any(fault.subject.endswith(f"/{one}") for one in mine)


def wait_until_clean(suite: Suite) -> None:
    """What was undone is undone. Raise CheckError with what is left."""
    end = time.monotonic() + AFTER_SECONDS
    while True:
        found = suite.failures()
        left = [problem for problems in found.values() for problem in problems]
        if not left:
            return
        if time.monotonic() > end:
            raise CheckError(f"not as before after undoing: {'; '.join(left[:6])}")


def mutations(context: Context) -> None:
    """No alarm without a fault, none missed with one."""
    suite = Suite(context)
    faults = known(suite.expected)
    picked = pick(faults, 0 if context.full else PICKED, context.random)
    context.figure("faults_possible", len(faults))
    context.figure("classes", len({one.kind for one in faults}))
    box.run(context.box, KEEPER.format("STOP"))
    with context.planted():
        started = time.monotonic()
        for number in range(CLEAN_RUNS):
            for name, subject in complaints(suite.failures()):
                context.violation(f"false alarm in clean run {number}: {name}[{subject}]")
        for name, subject in doctors(context):
            context.violation(f"false alarm of the doctor: {name} {subject}")
        context.figure("seconds_per_clean_run", (time.monotonic() - started) / CLEAN_RUNS)
        if context.violations:
            return
        try:
            survivors, killed, unplanned = prove(context, suite, picked)
        except BaseException:
            mend(context)
            raise
    context.figure("faults_planted", len(picked))
    context.figure("faults_noticed", len(picked) - len(survivors))
    context.figure("survivors", [f"{one.kind} {one.subject}" for one in survivors])
    context.figure("also_failed", unplanned)
    if len(survivors) > (1 - DETECTED_SHARE) * len(picked):
        context.violation(f"{len(survivors)} of {len(picked)} faults were not noticed")
    every = {name for name, _ in suite.failures()}
    context.figure("checks", len(every))
    for name in sorted(every - killed):
        context.violation(f"no fault made the check {name} fail")


def mend(context: Context) -> None:
    """Faults may still be there: nothing in the box can be trusted but a deploy."""
    with contextlib.suppress(CheckError, SandboxError):
        box.run(context.box, SWEEP, check=False)
        box.run(context.box, KEEPER.format("CONT"), check=False)
        box.deploy(context.box)


def prove(context: Context, suite: Suite, picked: list[Fault]) -> tuple[list[Fault], set[str], int]:
    """(faults nobody noticed, checks that failed of theirs, failures besides)."""
    survivors: list[Fault] = []
    killed: set[str] = set()
    unplanned = 0
    for this in rounds(picked):
        say(f"  planting {', '.join(f'{one.kind} ({one.subject})' for one in this)}")
        with damaged(context, this):
            failed = complaints(suite.failures())
            told = doctors(context)
        for one in this:
            noticed = failed & set(one.killers)
            context.positive_controls += bool(noticed)
            killed |= {name for name, _ in noticed}
            if noticed and not user_value(suite, one) and not doctor.agrees(one.killers, told):
                context.violation(f"the doctor does not say it: {one.kind} {one.subject}")
            if not noticed:
                survivors.append(one)
                say(f"  SURVIVED {one.kind} {one.subject}")
        unplanned += len(failed - {claim for one in this for claim in one.claims})
        wait_until_clean(suite)
    return survivors, killed, unplanned


@contextlib.contextmanager
def blind_to_zones(context: Context) -> Iterator[None]:
    """The check of zones is content with everything."""
    module = importlib.import_module("tests.smoke.expect_networks")
    real = module.zone

    def zone(*_: Any) -> Iterator[str]:
        yield from ()

    zone.__module__ = real.__module__
    with mock.patch.object(module, "zone", zone):
        yield


@contextlib.contextmanager
def blind_reader(context: Context) -> Iterator[None]:
    """The program that reads the host sees every mode as 0755."""
    source = importlib.import_module("tests.smoke.host_source")
    real = source.program()
    seen = 'f"{stat.S_IMODE(found.st_mode):04o}"'
    if repr(seen)[1:-1] not in real:
        raise CheckError("the reader no longer has the passage that this break replaces")
    with mock.patch.object(source, "program", lambda: real.replace(repr(seen)[1:-1], "\\'0755\\'")):
        yield


@contextlib.contextmanager
def cries_wolf(context: Context) -> Iterator[None]:
    """A check that complains of a healthy host."""
    module = importlib.import_module("tests.smoke.expect_host")

    def account(*_: Any) -> Iterator[str]:
        yield "there is a wolf"

    account.__module__ = module.__name__
    with mock.patch.object(module, "account", account):
        yield


CASES = {"mutations": mutations}
BREAKS = {
    "cries-wolf": Break("mutations", cries_wolf),
    "blind-reader": Break("mutations", blind_reader),
    "blind-to-zones": Break("mutations", blind_to_zones),
}
