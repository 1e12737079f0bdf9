"""A deploy that is killed anywhere is run again, and the host is as after an undisturbed one.

A good part of a deployed box is undone (checks/damage.py), so that every operation has work. That
is deployed once undisturbed: what inside/managed.py then sees, by another path than the deploy, is
the tree to reach. Then it is undone again, and the deploy is cut down at seeded points, one after
the other, each run starting at once, also while what the killed one started still goes on. After
each cut no file may be half of one and no secret another; a run may fail only where it is cut down.
The full size cuts down every operation in every way, each from a box that is undone anew, and
compares after each.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from typing import Any

from checks import box, damage, ground, kills, runtime
from checks.framework import Break, CheckError, Context
from checks.idempotence import differences
from checks.kills import KINDS, POWER, Point
from sandbox.progress import say

NAME = "interrupt"
BUDGET_SECONDS = 300.0
KILLS = 25
POWER_CUTS = 2
# With a planted fault: so many kills in the operation that has it, so many of them in a round.
KILLS_WITH_FAULT = 6
KILLS_IN_ONE = 3
# A keeper that an earlier run has started does a part of the last operation's work.
EARLIER = {"Stacks | Containers": 0.3}
QUIET_SECONDS = 180.0
OPERATIONS = (
    "Base | Note of what was here",
    "Base | Managed files",
    "Base | Packages",
    "Base | Account",
    "Docker | Engine",
    "Docker | Bridge",
    "Programs | Environment",
    "Programs | Secrets",
    "Programs | Units and timers",
    "Stacks | Containers",
)

prepare = ground.prepare


def settle(context: Context) -> None:
    """Nothing of a killed run may still be at work when the next check begins."""
    if context.box is not None:
        with contextlib.suppress(CheckError):
            kills.quiet(context.box, QUIET_SECONDS)
        if context.break_name:
            # A fault can have marked half an environment as finished, which no deploy doubts.
            box.run(context.box, "rm -f /opt/mediastack/venv-*/complete", check=False)
    ground.settle(context)


def points(
    chance: random.Random, count: int, operations: tuple[str, ...] = OPERATIONS
) -> list[list[Point]]:
    """Rounds of points in the order of a deploy: all operations in turn, all kinds in turn."""
    if len(operations) == 1:
        # What it started must die with it, somewhere in each stretch of the operation.
        there = [(number + chance.random()) / count for number in range(count)]
        chance.shuffle(there)
        several = [Point(operations[0], fraction, "both") for fraction in there]
        return [several[start : start + KILLS_IN_ONE] for start in range(0, count, KILLS_IN_ONE)]
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    chance.shuffle(kinds)
    for number in chance.sample(range(count), POWER_CUTS * max(1, count // KILLS)):
        kinds[number] = POWER
    rounds: list[list[Point]] = []
    while kinds:
        size = min(len(operations), len(kinds))
        here = sorted(chance.sample(range(len(operations)), size))
        fractions = [chance.random() * EARLIER.get(operations[one], 1.0) for one in here]
        pairs = zip(here, fractions, strict=True)
        rounds.append([Point(operations[one], part, kinds.pop()) for one, part in pairs])
    return rounds


class Watch:
    """What must hold at every instant: whole files, and secrets that stay once they are made."""

    def __init__(self, context: Context, seen: dict[str, Any]) -> None:
        config, files = seen["config"], seen["state"]["files"]
        self.context = context
        self.wanted = {path: files[path][-1] for path in damage.managed_files(config)}
        top = f"{config['paths']['etc']}/secrets"
        made = [f"{one['service']}/{one['name']}" for one in config["secrets"]
                if one["origin"] == "generated"]  # fmt: skip
        self.again = {f"{top}/{name}" for name in damage.GENERATED}
        self.secrets = [f"{top}/{name}" for name in made]
        self.before: dict[str, str | None] = {}

    def begin(self) -> None:
        """What is there now is what a killed run may leave."""
        self.before = self._read()

    def look(self, after: str) -> None:
        """Report what no kill may leave."""
        now = self._read()
        for path, wanted in self.wanted.items():
            if now[path] not in (wanted, self.before[path]):
                what = "half a file" if now[path] else "gone"
                self.context.violation(f"{path} is {what} after {after}")
        for path in self.secrets:
            if self.before[path] and now[path] != self.before[path]:
                self.context.violation(f"{path} is another secret after {after}")
            self.before[path] = now[path]

    def _read(self) -> dict[str, str | None]:
        paths = [*self.wanted, *self.secrets]
        found: dict[str, str | None] = box.inside(self.context.box, "digests", paths=paths)
        return found


def undo(context: Context, number: int, config: dict[str, Any], heavy: bool = True) -> None:
    """Damage the box for round `number`; `heavy`: all of it, also what is Docker's."""
    chance = random.Random(context.seed + number)  # noqa: S311 - choices of a test
    # An apt that has something to install would mend the half-configured one on its way.
    package = number % 2 == 0 and context.break_name != "blind-to-half"
    several = damage.commands(chance, config, heavy=heavy, package=package)
    for command in several:
        box.run(context.box, command, check=False)


def tree(context: Context, watch: Watch | None = None) -> dict[str, Any]:
    """The managed state of a box in which all is well, without the content of secrets made anew."""
    runtime.wait_until_well(context.box, ground.SETTLE_SECONDS)
    seen: dict[str, Any] = box.inside(context.box, "managed")
    for path in watch.again if watch else ():
        if found := seen["state"]["files"].get(path):
            found[-1] = "made anew"
    return seen


def tree_hash(state: dict[str, Any]) -> str:
    """One short word for all of it."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def chain(context: Context) -> None:
    """Cut down again and again, then run once."""
    host = context.box
    before = tree(context)
    watch, config = Watch(context, before), before["config"]
    undo(context, 0, config)
    undone = box.inside(host, "managed")["state"] if _readable(context, config) else {}
    context.control("what was undone", undone != before["state"])
    seconds = kills.undisturbed(host, host.sources)
    for name in OPERATIONS:
        context.control(f"an operation named {name}", name in seconds)
    wanted = tree(context, watch)["state"]
    context.figure("tree_hash_undisturbed", tree_hash(wanted))
    with context.planted():
        total, landed = 0, 0
        rounds = _rounds(context)
        for number, points_ in enumerate(rounds):
            kills.quiet(host, QUIET_SECONDS)
            heavy = number == 0 or (context.full and points_[0].operation.startswith("Docker"))
            undo(context, number, config, heavy)
            watch.begin()
            for point in points_:
                total += 1
                landed += _one(context, point, seconds[point.operation], watch)
            # By default a chain: what one round left half done is the ground of the next.
            if context.full or number == len(rounds) - 1:
                _judge(context, watch, wanted, f"round {number}")
    context.figure("kills", total)
    context.figure("kills_while_running", landed)
    context.control("a deploy at work when it was to be killed", landed > total / 2)


def _judge(context: Context, watch: Watch, wanted: dict[str, Any], after: str) -> None:
    """Run once more, and once again: as after an undisturbed deploy, and nothing left to do."""
    host = context.box
    last = box.deploy(host, sources=context.fault_sources, check=False)
    if last.code:
        context.violation(f"the last run ended with {last.code}: {last.output[-800:]}")
    kills.quiet(host, QUIET_SECONDS)
    try:
        found = tree(context, watch)["state"]
    except CheckError as error:
        context.violation(f"after the last run of {after}: {error}")
        return
    watch.look("the last run")
    for text in differences(wanted, found):
        context.violation(f"not as after an undisturbed deploy: {text}")
    for name in box.deploy(host, sources=context.fault_sources).changed:
        context.violation(f"one run was not enough: {name} changes again")
    context.figure("tree_hash_killed", tree_hash(found))


def _readable(context: Context, config: dict[str, Any]) -> bool:
    return box.succeeds(context.box, f"test -f {config['paths']['etc']}/mediastack.toml")


def _rounds(context: Context) -> list[list[Point]]:
    if context.break_name:
        focus = FOCUS[context.break_name]
        return points(context.random, KILLS_WITH_FAULT, (focus,))
    if context.full:
        return [[Point(name, context.random.random() * EARLIER.get(name, 1.0), kind)]
                for name in OPERATIONS for kind in (*KINDS, POWER)]  # fmt: skip
    return points(context.random, KILLS)


def _one(context: Context, point: Point, seconds: float, watch: Watch) -> int:
    """Cut one run down; say whether it ran until then."""
    sources = context.fault_sources or context.box.sources
    ran, wrong = kills.cut_down(context.box, sources, point, seconds)
    said = f"  cut down: {point}" if ran else f"  was over before: {point}"
    say(said)
    if wrong:
        context.violation(f"the run that was to be cut down in {point}: {wrong}")
    watch.look(str(point))
    return int(ran)


def in_place(context: Context) -> contextlib.AbstractContextManager[None]:
    """Managed files are written in place, truncated first."""
    write = 'handle.write(base64.b64decode(entry["content"]))'
    slowly = 'handle.write(base64.b64decode(entry["content"])[:9]); handle.flush();'
    slowly += f' __import__("time").sleep(0.1); handle.seek(0); {write}'
    return ground.edited(
        context, "remote/tree.py",
        *("temporary = temporary_name(path)\n    descriptor", "temporary = path\n    descriptor"),
        *("os.O_CREAT | os.O_EXCL, 0o600", "os.O_CREAT | os.O_TRUNC, 0o600"),
        *(write, slowly),
        *("        os.rename(temporary, path)\n    except", "    except"),
    )  # fmt: skip


def mark_first(context: Context) -> contextlib.AbstractContextManager[None]:
    """The environment is marked as finished before it is."""
    venv = '    subprocess.run([sys.executable, "-m", "venv", target], check=True)\n'
    early = '    os.makedirs(target)\n    open(f"{target}/complete", "w").close()\n' + venv
    return ground.edited(context, "remote/programs.py", venv, early)


def blind_to_half(context: Context) -> contextlib.AbstractContextManager[None]:
    """A package that a killed dpkg left half configured is not noticed."""
    return ground.edited(context, "remote/packages.py", "if not half:", "if True:")


def new_secrets(context: Context) -> contextlib.AbstractContextManager[None]:
    """Each run makes secrets anew that a killed one had made."""
    top = "/etc/mediastack/secrets"
    gone = " ".join(f"{top}/{name}" for name in damage.GENERATED)
    act = '    yield StringCommand(path, "secrets-apply", _stdin=sealed)'
    return ground.edited(
        context, "operations.py",
        *('noop("all secrets are as wanted")\n        return', 'noop("all secrets are as wanted")'),
        *(act, f'    yield StringCommand("rm -f {gone}")\n{act}'),
    )  # fmt: skip


CASES = {"chain": chain}
BREAKS = {
    "in-place": Break("chain", in_place),
    "mark-first": Break("chain", mark_first),
    "blind-to-half": Break("chain", blind_to_half),
    "new-secrets": Break("chain", new_secrets),
}
# The operation in which each of them shows when it is killed.
FOCUS = {
    "in-place": "Base | Managed files",
    "mark-first": "Programs | Environment",
    "blind-to-half": "Base | Packages",
    "new-secrets": "Programs | Secrets",
}
