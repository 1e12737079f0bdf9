"""A bit that has turned anywhere in a repository is found before a restore touches anything.

A real restic and a real repository of 50 MB, in use for a while; no box is needed. `restore`: one
bit each, half of them anywhere and half in a kind of file in turn (keys, index, data that no backup
needs any more …), also with what restic keeps in its cache: the restore ends with 1, says what is
damaged, and each config is what it was, to the inode. `despite`: who restores all the same gets
what was saved or nothing, never something else. `care`: the weekly care's full form finds them too.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from checks.bitflip_house import ANYWHERE, KINDS, House, Outcome, flipped
from checks.framework import Break, CheckError, Context
from mediastack.backup import care, repository_files, restic
from mediastack.backup.restic import ResticError
from mediastack.restore import compare, lay, resume, sources, work

NAME = "bitflip"
BUDGET_SECONDS = 120.0
# No box, so the lane beside the box may run it.
ELSEWHERE = True
FLIPS, FLIPS_FULL = 30, 100
FLIPS_DESPITE, FLIPS_DESPITE_FULL = 14, 49
FLIPS_CARE, FLIPS_CARE_FULL = 7, 49
# Restored all the same, each of these would be a restore of its own.
FLIPS_WITH_FAULT = 14
LEAST_BYTES = 45_000_000
_house: list[House] = []


def prepare(context: Context) -> None:
    """Furnish the house, and see that an undamaged repository restores."""
    if shutil.which("restic") is None:
        raise CheckError("there is no restic here; fix: apt-get install restic")
    root = context.resources.enter_context(tempfile.TemporaryDirectory(prefix="bitflip-"))
    house = House(Path(root), context.seed)
    environment = {"MEDIASTACK_CONFIG": f"{root}/etc/mediastack.toml"}
    context.resources.enter_context(mock.patch.dict(os.environ, environment))
    context.resources.enter_context(mock.patch.object(restic, "CACHE", f"{root}/cache"))
    context.resources.enter_context(mock.patch.object(resume, "start_unit", lambda: None))
    house.furnish()
    _house[:] = [house]
    context.figure("repository_bytes", house.size())
    context.figure("repository_files", len(house.files()))
    context.control("a repository of 50 MB", house.size() >= LEAST_BYTES)
    outcome = house.restored()
    if outcome.code or not house.is_restored():
        raise CheckError(f"an undamaged repository does not restore: {outcome.said}")
    context.control("configs that a restore has touched", not house.is_untouched())
    house.put_back()
    context.control("configs that are untouched", house.is_untouched())


def settle(context: Context) -> None:
    """Nothing of it is left."""
    context.resources.close()
    _house.clear()


def restore(context: Context) -> None:
    """Every flip is found, and nothing is touched."""
    house, found = _house[0], 0

    def judge(where: str, choice: random.Random) -> None:
        nonlocal found
        cold = choice.random() < 0.5
        outcome = house.restored(cold=cold)
        if outcome.code == 0:
            context.violation(f"{where}: is not found, and restored from")
        elif outcome.code != 1 or "nothing was changed" not in outcome.said:
            context.violation(f"{where}: ends with {outcome.code}: {outcome.said[-300:]}")
        else:
            found += 1
        require_untouched(context, house, where)

    # Every other one may be anywhere; with a fault they have to be where it is.
    kinds = KINDS if context.break_name else [kind for one in KINDS for kind in (one, ANYWHERE)]
    each(context, house, FLIPS_FULL if context.full else FLIPS, judge, kinds)
    context.figure("found_before_anything_was_touched", found)


def despite(context: Context) -> None:
    """Who restores all the same gets what was saved, or nothing."""
    house, outcomes = _house[0], {"restored": 0, "refused": 0}

    def judge(where: str, choice: random.Random) -> None:
        outcome: Outcome = house.restored(despite_damage=True, cold=choice.random() < 0.5)
        if outcome.code == 0:
            outcomes["restored"] += 1
            if not house.is_restored():
                context.violation(f"{where}: what is restored is not what was saved")
            house.put_back()
            return
        outcomes["refused"] += 1
        require_untouched(context, house, where)

    # Mostly where it hurts: in what the backup needs.
    kinds = [kind for one in KINDS for kind in (one, "needed")]
    each(context, house, FLIPS_DESPITE_FULL if context.full else FLIPS_DESPITE, judge, kinds)
    for name, count in outcomes.items():
        context.figure(f"despite_{name}", count)


def by_care(context: Context) -> None:
    """`backup check --full` finds every flip."""
    house, found = _house[0], 0

    def judge(where: str, _choice: random.Random) -> None:
        nonlocal found
        try:
            care.check(house.target)
        except ResticError:
            found += 1
        else:
            context.violation(f"{where}: a full check finds nothing")

    each(context, house, FLIPS_CARE_FULL if context.full else FLIPS_CARE, judge)
    context.figure("found_by_care", found)
    care.check(house.target)


def each(
    context: Context,
    house: House,
    count: int,
    judge: Callable[[str, random.Random], None],
    kinds: Sequence[str] = KINDS,
) -> None:
    """Turn so many bits, one after the other in files of these kinds, and have each judged."""
    count = min(count, FLIPS_WITH_FAULT) if context.break_name else count
    with context.planted():
        for number in range(count):
            choice = random.Random(f"{context.seed} {number}")  # noqa: S311 - choices of a test
            path, offset = house.place(kinds[number % len(kinds)], choice)
            bit = choice.randrange(8)
            name = path.relative_to(house.repository)
            with flipped(path, offset, bit):
                judge(f"flip {number}: bit {bit} of byte {offset} of {name}", choice)
    context.figures["flips"] = context.figures.get("flips", 0) + count


def require_untouched(context: Context, house: House, where: str) -> None:
    """Every config is what it was; if not, say so and have it so again."""
    if not house.is_untouched():
        context.violation(f"{where}: the configs are not what they were")
        house.put_back()


def checked(function: Any, name: str, fault: Any) -> Any:
    """A fault that is a function in another one's place."""
    return mock.patch.object(function, name, fault)


@contextlib.contextmanager
def trusts_the_repository(context: Context) -> Iterator[None]:
    """The restore does not look at the repository's files before it begins."""
    with checked(sources, "_require_whole", lambda *_: None):
        yield


@contextlib.contextmanager
def reads_no_data(context: Context) -> Iterator[None]:
    """Only keys, snapshots and index are looked at before a restore."""
    real = repository_files.problems
    with checked(repository_files, "problems", lambda target, **_: real(target, data=False)):
        yield


@contextlib.contextmanager
def compares_sizes(context: Context) -> Iterator[None]:
    """A file of the right size counts as whole."""
    known = {path: path.stat().st_size for path in _house[0].files()}

    def problems(_target: Any, **_: Any) -> list[str]:
        return [f"{path}: is damaged" for path, size in known.items()
                if path.stat().st_size != size]  # fmt: skip

    with checked(repository_files, "problems", problems):
        yield


@contextlib.contextmanager
def only_warns(context: Context) -> Iterator[None]:
    """Damage is said, and the restore goes on."""
    real = sources._require_whole
    with checked(sources, "_require_whole", lambda target, said, _: real(target, said, True)):
        yield


@contextlib.contextmanager
def looks_afterwards(context: Context) -> Iterator[None]:
    """The repository is looked at when the restore is over."""
    real = work.restore

    def restored(load: Any, docker: Any, asked: Any) -> int:
        code = real(load, docker, asked._replace(despite_damage=True))
        found = repository_files.problems(_house[0].target)
        return work.failed("nothing was changed") if found else code

    with checked(work, "restore", restored):
        yield


@contextlib.contextmanager
def takes_what_comes(context: Context) -> Iterator[None]:
    """What restic could take out is restored, unverified."""
    real = restic.run

    def run(target: Any, arguments: list[str], **options: Any) -> restic.Answer:
        if arguments[0] == "restore":
            arguments = [word for word in arguments if word != "--verify"]
            options["tolerated"] = (1,)
        return real(target, arguments, **options)

    def over(tree: str, databases: str, records: Any) -> None:
        if records and os.path.isdir(databases):
            shutil.copytree(databases, tree, dirs_exist_ok=True)

    with (
        checked(restic, "run", run),
        checked(compare, "trees", lambda *_: None),
        checked(lay, "over", over),
    ):
        yield


@contextlib.contextmanager
def checks_without_reading(context: Context) -> Iterator[None]:
    """A full check looks at what is small only."""
    real = restic.run

    def run(target: Any, arguments: list[str], **options: Any) -> restic.Answer:
        return real(target, [word for word in arguments if word != "--read-data"], **options)

    with reads_no_data(context), checked(restic, "run", run):
        yield


CASES = {"restore": restore, "despite": despite, "care": by_care}
BREAKS = {
    "trusts-the-repository": Break("restore", trusts_the_repository),
    "reads-no-data": Break("restore", reads_no_data),
    "compares-sizes": Break("restore", compares_sizes),
    "only-warns": Break("restore", only_warns),
    "looks-afterwards": Break("restore", looks_afterwards),
    "takes-what-comes": Break("despite", takes_what_comes),
    "checks-without-reading": Break("care", checks_without_reading),
}
