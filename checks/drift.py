"""Everything that moved is shown beforehand, mended by one run, and nothing else is touched.

Seeded mutations of managed state, several at once, each with the name under which it has to show
up. Three lists must be the same: what was mutated, what `--dry` predicts, and what the run then
says it mended; `stack-manage.sh drift` must name the same. Afterwards the box must be as before,
which inside/managed.py reads by another path than the deploy. The keeper is held meanwhile: it
would mend containers before anybody looked.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator

from checks import box, ground, runtime
from checks.framework import Break, Context
from checks.idempotence import differences
from checks.mutations import NETWORK, Mutation, mutations

NAME = "drift"
BUDGET_SECONDS = 90.0
MUTATIONS = 30
FULL_MUTATIONS = 120
ROUND = 10
HOLD = f"systemctl kill --signal STOP {runtime.MENDERS}"
RELEASE = f"systemctl kill --signal CONT {runtime.MENDERS}"
LINE = re.compile(r"^\s+\[[^]]+\]   (\S+): (.+)$")

settle = ground.settle


def prepare(context: Context) -> None:
    """A deployed box."""
    ground.prepare(context)
    # Of a run that was killed here.
    box.run(context.box, f"docker network rm {NETWORK} >/dev/null 2>&1", check=False)
    context.resources.callback(box.run, context.box, RELEASE, check=False)


def chosen(
    known: list[Mutation], count: int, pick: Callable[[int], int]
) -> Iterator[list[Mutation]]:
    """Rounds of mutations, kind by kind so that rare kinds come too; no subject twice a round.

    `pick(n)` returns a number below n.
    """
    kinds = sorted({one.kind for one in known})
    taken = 0
    while taken < count:
        this: list[Mutation] = []
        subjects: set[str] = set()
        for offset in range(2 * len(kinds)):
            kind = kinds[(taken + offset) % len(kinds)]
            several = [one for one in known if one.kind == kind]
            one = several[pick(len(several))]
            if not subjects & set(one.subjects):
                this.append(one)
                subjects |= set(one.subjects)
            if len(this) == min(ROUND, count - taken):
                break
        taken += len(this)
        yield this


def named(output: str) -> set[str]:
    """The subjects that a run (or a dry one) names under its operations."""
    found = (LINE.match(line) for line in output.splitlines())
    return {match[1] for match in found if match and not match[2].startswith("health: ")}


def rounds(context: Context) -> None:
    """Mutate, predict, mend, compare; again."""
    host = context.box
    seen = box.inside(host, "managed")
    known = mutations(seen["config"], seen["state"])
    count = FULL_MUTATIONS if context.full else MUTATIONS
    if context.break_name:
        count = ROUND
    context.figure("mutations_possible", len(known))
    kinds: set[str] = set()
    done = 0
    for this in chosen(known, count, context.random.randrange):
        kinds |= {one.kind for one in this}
        done += len(this)
        one_round(context, this)
    context.figure("mutations", done)
    context.figure("kinds", len(kinds))


def one_round(context: Context, this: list[Mutation]) -> None:
    """These mutations together, in one box that is as deployed before and after."""
    host = context.box
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    before = box.inside(host, "managed")["state"]
    box.run(host, HOLD)
    try:
        box.run(host, f"docker network create {NETWORK} >/dev/null")
        for one in this:
            box.run(host, one.command)
        mutated = box.inside(host, "managed")["state"]
        moved = {text.partition(": ")[0] for text in differences(before, mutated)}
        for one in this:
            seen = any(name.endswith(f" {one.subjects[0]}") for name in moved)
            context.control(f"the mutation `{one.command}`", seen)
        expected = {subject for one in this for subject in one.subjects}
        with context.planted():
            told = box.run(host, "stack-manage.sh drift --json || true")
            listed = {one["subject"] for one in json.loads(told)["differences"]}
            compare(context, "drift", expected, listed)
            sources = context.fault_sources
            dry = box.deploy(host, "--dry", sources=sources)
            compare(context, "--dry", expected, named(dry.output))
            run = box.deploy(host, "-y", sources=sources)
            compare(context, "the run", expected, named(run.output))
            for name in set(dry.changed) ^ set(run.changed):
                context.violation(f"--dry and the run do not agree on the operation {name}")
        box.run(host, f"docker network rm {NETWORK} >/dev/null")
        runtime.wait_until_well(host, ground.SETTLE_SECONDS)
        after = box.inside(host, "managed")["state"]
        for text in differences(before, after):
            context.violation(f"not as before: {text}")
    finally:
        box.run(host, f"docker network rm {NETWORK} >/dev/null 2>&1; {RELEASE}", check=False)


def compare(context: Context, who: str, expected: set[str], found: set[str]) -> None:
    """Precision and recall are 100 % or it is a violation, subject by subject."""
    for subject in sorted(expected - found):
        context.violation(f"{who} does not name {subject}")
    for subject in sorted(found - expected):
        context.violation(f"{who} names {subject}, which nobody changed")


def blind_to_modes(context: Context) -> contextlib.AbstractContextManager[None]:
    """A deploy that does not look at modes."""
    return ground.edited(
        context, "remote/tree.py", 'if mode != int(entry["mode"], 8):', "if False:"
    )


def silent_dry(context: Context) -> contextlib.AbstractContextManager[None]:
    """A --dry that leaves one difference out."""
    return ground.edited(
        context, "operations.py", "for one in differences[:shown]:",
        "for one in differences[: shown if state.is_executing else shown - 1]:",
    )  # fmt: skip


@contextlib.contextmanager
def touches_more(context: Context) -> Iterator[None]:
    """A run that changes the mode of a path that nobody mutated."""
    last = '    remember(spec["record"], due_record(spec, record))\n'
    more = '    os.chmod("/usr/local/sbin", 0o700)\n'
    try:
        with ground.edited(context, "remote/tree.py", last, last + more):
            yield
    finally:
        # Nobody's job but ours: no deploy looks at it.
        context.resources.callback(box.run, context.box, "chmod 0755 /usr/local/sbin")


CASES = {"mutations": rounds}
BREAKS = {
    "silent-dry": Break("mutations", silent_dry),
    "blind-to-modes": Break("mutations", blind_to_modes),
    "touches-more": Break("mutations", touches_more),
}
