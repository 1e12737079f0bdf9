"""The backups that a repository holds: whole ones of ours, and which of them somebody means.

A repository may hold snapshots of other programs, and those are nobody's business here; nor are the
ones that restic saved although a file could not be read (save). Where such a one may not be removed
another snapshot says so, by a tag that names it: also a host that knows nothing but the repository
then does not offer it. Reading takes no lock: a repository may be on a disk that cannot be written
to, or hold the lock of a host that is no more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from mediastack import clock
from mediastack.backup import report, restic
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

TAG = "mediastack"
PARTIAL = "mediastack-partial-"
LATEST = "latest"
DAY_SECONDS = 24 * 3600.0
# restic 0.12 to 0.16 answer a backup with an identity of eight digits only.
SHORTEST = 8
# restic leaves out what it cannot read, says so on standard error and ends with 0.
UNREADABLE = re.compile(r"(could not|failed to) load snapshot ([0-9a-f]+)", re.IGNORECASE)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


class Snapshot(NamedTuple):
    """One backup. `time` is when it began, as clock.timestamp spells it, so that it sorts."""

    id: str
    time: str
    host: str
    paths: tuple[str, ...]


def listed(target: Target, *, despite_damage: bool = False) -> list[Snapshot]:
    """Return the backups in a repository, the oldest first. Raise ResticError.

    One that cannot be read may be the newest, so it is an error; `despite_damage`: it is left out.
    """
    answer = restic.run(target, ["snapshots", "--no-lock"])
    unreadable = [found[2] for found in map(UNREADABLE.search, answer.errors) if found]
    if unreadable and not despite_damage:
        raise ResticError("damaged", f"{target.name}: snapshot {unreadable[0]} cannot be read")
    tags = [str(tag) for one in answer.objects for tag in one.get("tags") or ()]
    partial = [tag.removeprefix(PARTIAL) for tag in tags if tag.startswith(PARTIAL)]
    partial += report.read()["targets"].get(target.name, {}).get("partial", [])
    ours = [of(one) for one in answer.objects if TAG in (one.get("tags") or ())]
    # restic's own order is by time, to the nanosecond; sorting keeps it where ours is too coarse.
    ours.sort(key=lambda one: one.time)
    return [one for one in ours if not any(same(one.id, bad) for bad in partial)]


def find(found: Iterable[Snapshot], wanted: str = LATEST, *, target: str = "") -> Snapshot:
    """Return the one that "latest" or the beginning of an identity means.

    One of tomorrow was made while the clock was wrong: the latest only where there is no other.
    Raise LookupError, whose message is for the user; `target` is named in it.
    """
    there = list(found)
    place = target or "the repository"
    if not there:
        raise LookupError(f"{place} holds no backup; fix: stack-manage.sh backup")
    if wanted == LATEST:
        tomorrow = clock.timestamp(time.time() + DAY_SECONDS)
        return ([one for one in there if one.time < tomorrow] or there)[-1]
    matching = [one for one in there if wanted and one.id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    problem = f"{len(matching)} backups begin with" if matching else "no backup is"
    raise LookupError(f"{place}: {problem} {wanted!r}; fix: stack-manage.sh backup list")


def same(one: str, other: str) -> bool:
    """Whether two identities, perhaps a short one among them, are the same snapshot's."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= SHORTEST and longer.startswith(shorter)


def of(found: dict[str, Any]) -> Snapshot:
    """Return what restic says of one."""
    return Snapshot(
        str(found["id"]),
        clock.timestamp(moment(str(found["time"]))),
        str(found.get("hostname", "")),
        tuple(found.get("paths") or ()),
    )


def moment(text: str) -> float:
    """Return restic's "2026-01-01T00:00:00.123456789+01:00" as seconds since the epoch.

    Raise ValueError.
    """
    match = TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of restic's")
    whole, fraction, zone = match.groups()
    seconds = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone)).timestamp()
    return seconds + float(fraction or 0)
