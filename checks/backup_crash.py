"""Backup, prune and restore are killed at their file and process steps: nothing is lost or halved.

Another state is put into the configs, a program is begun and killed: at a step that the interpreter
tells of (a file written, moved, removed; a process or a question to Docker begun), or some way into
the time that such a step takes. Then, without a hand: every backup that is offered restores, by
restic alone, to exactly the state that was there when it was made; everything runs again; the next
run of the same program is blocked by nothing and ends well; and after a killed restore each config
is, file by file and row by row, the state of before or that of the backup. The full size kills at
every step.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import Any

from checks import backup_crash_faults as faults
from checks import backup_crash_house as house
from checks import box, ground
from checks.backup_crash_house import EVERYBODY, RESTORED, Run
from checks.backup_crash_judge import differences, is_state, side
from checks.framework import Break, CheckError, Context
from sandbox.command import SandboxError
from sandbox.progress import say

NAME = "backup-crash"
BUDGET_SECONDS = 540.0
POINTS = {"backup": 11, "prune": 7, "restore": 12}
POINTS_WITH_FAULT = 6
# So many killed runs after each other, before one that is not: what they left adds up.
CHAIN = 3
LANDED_SHARE = 0.6
# After these somebody else works. Of a step that took long once, no more than this is waited for.
AT_WORK, LONGEST_SECONDS = ("subprocess.Popen", "http.client.send"), 3.0
RESTORE = ("restore", "--yes", *(word for one in RESTORED for word in ("--service", one.name)))


def prepare(context: Context) -> None:
    """The common ground, quick health checks, a first backup."""
    ground.prepare(context)
    house.prepare(context)
    Story(context).backed_up()
    if context.violations:
        raise CheckError(f"an undisturbed backup fails: {context.violations[-1]}")


def settle(context: Context) -> None:
    """Nothing half done is left, and the household as the catalog has it."""
    if context.box is not None:
        with contextlib.suppress(CheckError, SandboxError):
            house.run(context, "restore", "--resume")
            if context.break_name or context.violations:
                # What a fault has made of the configs, and whom it has stopped.
                house.run(context, "up", "all")
                house.run(context, *RESTORE)
            box.deploy(context.box)
    ground.settle(context)


class Story:
    """What was put in and what was saved, in one case."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.number = context.random.randrange(10**6) * 1000
        self.states: dict[str, dict[str, Any]] = {}
        self.killed = self.landed = 0

    def planted(self) -> dict[str, Any]:
        """Put another state in; return it, and remember it by what a snapshot of it would show."""
        self.number += 1
        found = house.state(self.context, EVERYBODY, self.number)
        self.states[str(self.number)] = found
        return found

    def backed_up(self) -> str:
        """An undisturbed backup of another state; return its identity."""
        self.planted()
        house.must(self.context, "backup")
        return self.newest()

    def newest(self) -> str:
        """The newest backup that is offered."""
        there = house.offered(self.context)
        if not there:
            self.context.violation("no backup is offered")
        return there[-1] if there else ""

    def restores(self, identity: str, after: str) -> None:
        """What is offered is whole, and of one of the states that were there."""
        found = house.of_snapshot(self.context, identity, EVERYBODY)
        if "error" in found:
            self.context.violation(
                f"{after}: {identity[:8]} is offered, and cannot be restored: {found['error']}"
            )
            return
        for one in EVERYBODY:
            known = [state[one.name] for state in self.states.values()]
            if not any(is_state(found[one.name], state) for state in known):
                near = differences(found[one.name], known[-1])
                self.context.violation(
                    f"{after}: {identity[:8]} has a {one.name} that never was: {near}"
                )

    def kill(self, words: tuple[str, ...], point: tuple[int, float], what: str) -> Run:
        """Run it to there."""
        found = house.run(self.context, *words, kill_at=point[0], delay=point[1])
        self.killed += 1
        self.landed += found.killed
        if found.code and not found.killed:
            self.context.violation(f"{what}: it ends by itself: {found.code}: {found.said[-400:]}")
        say(f"  {what}: {'killed' if found.killed else 'ended before'} in {found.seconds:.1f} s")
        return found

    def figures(self, name: str, steps: int) -> None:
        """How much was done."""
        self.context.figure(f"{name}_steps", steps)
        self.context.figure(f"{name}_kills", self.killed)
        self.context.figure(f"{name}_killed_while_running", self.landed)
        enough = self.landed >= LANDED_SHARE * self.killed
        self.context.control(f"a {name} that was killed while it ran", enough)


def points(context: Context, name: str, reference: Run) -> list[tuple[int, float]]:
    """Where to kill: (step, seconds after it). Half of them exactly before a step, the others
    while a process or Docker is at work for it."""
    steps = reference.steps
    if not steps:
        raise CheckError(f"the interpreter tells of no step of {' '.join(reference.words)}")
    ends = [at for at, _, _ in steps[1:]] + [reference.began + reference.seconds]
    durations = [end - at for (at, _, _), end in zip(steps, ends, strict=True)]
    if context.break_name:
        return _focused(context, steps, durations)
    if context.full:
        return [(number, 0.0) for number in every(steps)]
    count = POINTS[name]
    different = every(steps)
    exactly = context.random.sample(different, min(count // 2, len(different)))
    found = [(number, 0.0) for number in exactly]
    gaps = {
        number: min(durations[number - 1], LONGEST_SECONDS)
        for number, (_, event, _) in enumerate(steps, 1)
        if event in AT_WORK
    }
    for number in context.random.choices([*gaps], [*gaps.values()], k=count - len(found)):
        found.append((number, gaps[number] * context.random.random()))
    context.random.shuffle(found)
    return found


def every(steps: list[list[Any]]) -> list[int]:
    """Every step, but of the same one many times in a row (files of a tree that is removed) the
    first, one in the middle and the last."""
    found: list[int] = []
    for _, group in itertools.groupby(range(1, len(steps) + 1), lambda one: steps[one - 1][1]):
        several = [*group]
        found += sorted({several[0], several[len(several) // 2], several[-1]})
    return found


def _focused(
    context: Context, steps: list[list[Any]], durations: list[float]
) -> list[tuple[int, float]]:
    """With a planted fault: where that shows."""
    focus = re.compile(faults.FOCUS[context.break_name])
    there = [number for number, (_, event, what) in enumerate(steps, 1)
             if focus.search(f"{event} {what}")]  # fmt: skip
    if not there:
        raise CheckError(f"{context.break_name}: no step is like {focus.pattern}")
    first, last = faults.SHARE.get(context.break_name, (0.0, 0.0))
    chosen = [context.random.choice(there) for _ in range(POINTS_WITH_FAULT)]
    return [(one, durations[one - 1] * context.random.uniform(first, last)) for one in chosen]


def backup(context: Context) -> None:
    """A killed backup makes none that is partial, and the next one is blocked by nothing."""
    story = Story(context)
    with context.planted():
        story.planted()
        reference = house.must(context, "backup")
        story.restores(story.newest(), "an undisturbed backup")
        for number, point in enumerate(points(context, "backup", reference), 1):
            before = house.offered(context)
            story.planted()
            what = f"a backup killed at {_said(reference, point)}"
            story.kill(("backup",), point, what)
            new = [one for one in house.offered(context) if one not in before]
            for identity in new or before[-1:]:
                story.restores(identity, what)
            house.is_well(context, what)
            if number % CHAIN == 0 or context.break_name:
                house.must(context, "backup")
                story.restores(story.newest(), f"the backup after {what}")
            if context.break_name and context.violations:
                return
        house.must(context, "backup")
        story.restores(story.newest(), "the last backup")
    story.figures("backup", len(reference.steps))


def prune(context: Context) -> None:
    """A prune that is killed takes nothing that is to be kept, and blocks nobody."""
    story = Story(context)
    # Of locks that an earlier run has left.
    house.must(context, "backup", "prune")
    with context.planted():
        story.backed_up()
        reference = house.must(context, "backup", "prune")
        for number, point in enumerate(points(context, "prune", reference), 1):
            story.backed_up()
            what = f"a prune killed at {_said(reference, point)}"
            story.kill(("backup", "prune"), point, what)
            story.restores(story.newest(), what)
            if number % CHAIN == 0 or context.break_name:
                house.must(context, "backup", "prune")
                story.restores(story.newest(), f"the prune after {what}")
            if context.break_name and context.violations:
                return
        house.must(context, "backup", "prune")
        if len(house.offered(context)) != 1:
            context.violation("of backups of one day more than one is left")
        if wrong := house.whole(context):
            context.violation(f"after all that the repository is not whole: {wrong}")
        story.restores(story.newest(), "the last prune")
    story.figures("prune", len(reference.steps))


def restore(context: Context) -> None:
    """A restore that is killed leaves each config as it was or as the backup has it."""
    story = Story(context)
    with context.planted():
        story.planted()
        house.must(context, "backup")
        old = house.state(context, RESTORED)
        story.planted()
        reference = house.must(context, *RESTORE)
        _judge(context, old, old, "an undisturbed restore", done=True)
        sides: dict[str, int] = {}
        for number, point in enumerate(points(context, "restore", reference), 1):
            now = story.planted()
            what = f"a restore killed at {_said(reference, point)}"
            story.kill(RESTORE, point, what)
            _judge(context, now, old, what)
            house.is_well(context, what)
            _judge(context, now, old, f"{what}, and after the others passed")
            house.must(context, "restore", "--resume")
            for found in _judge(context, now, old, f"{what}, and brought to its end"):
                sides[found] = sides.get(found, 0) + 1
            house.is_well(context, f"{what}, and brought to its end")
            for left in house.leftovers(context):
                context.violation(f"{what}, and brought to its end: there is left {left}")
            if number % CHAIN == 0 or context.break_name:
                house.must(context, *RESTORE)
                _judge(context, old, old, f"the restore after {what}", done=True)
            if context.break_name and context.violations:
                return
        house.must(context, *RESTORE)
        _judge(context, old, old, "the last restore", done=True)
        story.restores(story.newest(), "the last restore")
    for name, count in sorted(sides.items()):
        context.figure(f"restored_services_that_ended_{name or 'as neither'}", count)
    story.figures("restore", len(reference.steps))


def _judge(
    context: Context, now: dict[str, Any], saved: dict[str, Any], after: str, *, done: bool = False
) -> list[str]:
    """Report each config that is neither; `done`: it has to be what was saved."""
    found = house.state(context, RESTORED)
    sides = []
    for one in RESTORED:
        here = found[one.name]
        sides.append(side(here, now[one.name], saved[one.name]))
        if not sides[-1] or (done and not is_state(here, saved[one.name])):
            near = differences(here, saved[one.name])
            context.violation(f"{after}: {one.name} is neither old nor new: {near}")
    return sides


def _said(reference: Run, point: tuple[int, float]) -> str:
    _, event, what = reference.steps[point[0] - 1]
    return f"step {point[0]} + {point[1]:.2f} s ({event} {what[:90]})"


CASES = {"backup": backup, "prune": prune, "restore": restore}
BREAKS = {
    "piece-by-piece": Break("restore", faults.moves_piece_by_piece),
    "resume-forgets": Break("restore", faults.resume_forgets),
    "stop-unexplained": Break("backup", faults.stop_unexplained),
    "offers-partial": Break("backup", faults.offers_partial),
    "stale-lock": Break("prune", faults.stale_lock),
}
