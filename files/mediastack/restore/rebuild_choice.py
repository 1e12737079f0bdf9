"""Which backup a bare host becomes. Pure.

A repository may hold the backups of several hosts, and the wrong house would come up without an
error anywhere. So with several the one of this host's own name counts, or the one that was asked
for by name; without either nobody guesses. What a newer release made is not understood here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from mediastack.restore.rebuild_state import RebuildError

SHORTEST_ID = 4
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")


class Backup(Protocol):
    """What of a snapshot decides; times are ISO, in one zone."""

    @property
    def id(self) -> str: ...

    @property
    def time(self) -> str: ...

    @property
    def host(self) -> str: ...


def choose(
    found: Sequence[Backup], this_host: str, *, host: str = "", snapshot: str = ""
) -> Backup:
    """Return the backup: the newest of the right host, or the one asked for by its id's beginning.

    Raise RebuildError when there is none, or no telling which.
    """
    if not found:
        raise RebuildError("the repository holds no backup of a media stack; is it the right one?")
    if snapshot:
        return _by_id(found, snapshot)
    hosts = sorted({one.host for one in found})
    wanted = host or (hosts[0] if len(hosts) == 1 else this_host)
    if wanted not in hosts:
        listed = ", ".join(hosts)
        whose = f"none of {host}" if host else f"none of this host's name, {this_host}"
        raise RebuildError(
            f"the repository holds backups of {listed}, and {whose}; fix: say whose, by adding"
            f" --data rebuild_host={hosts[0]} to the deploy"
        )
    theirs = [one for one in found if one.host == wanted]
    # Times are of whole seconds; the repository's own order tells two of one second apart.
    return max(enumerate(theirs), key=lambda one: (one[1].time, one[0]))[1]


def refuse_newer(made_by: str, here: str) -> None:
    """Raise RebuildError when a backup's release is newer than the one of these programs."""
    if _order(made_by) > _order(here):
        raise RebuildError(
            f"the backup was made by release {made_by}, newer than {here}; fix: git pull, or,"
            " knowing that its state may not be understood, add --data allow_downgrade=true"
        )


def _by_id(found: Sequence[Backup], snapshot: str) -> Backup:
    meant = [one for one in found if one.id.startswith(snapshot)]
    if len(snapshot) < SHORTEST_ID or len(meant) != 1:
        newest = ", ".join(f"{one.id[:8]} ({one.host}, {one.time[:16]})" for one in found[-5:])
        raise RebuildError(f"no backup {snapshot!r} is there; fix: one of …, {newest}")
    return meant[0]


def _order(release: str) -> tuple[int, int, int, bool]:
    """What releases sort by; what is none sorts before all."""
    found = VERSION.match(release)
    if found is None:
        return 0, 0, 0, False
    return int(found[1]), int(found[2]), int(found[3]), not found[4]
