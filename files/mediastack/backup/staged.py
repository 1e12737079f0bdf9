"""The databases of the stage: which are there, which have changed, and copies of those.

Trouble with one database is said and keeps no other one from being copied: the last good copy stays
in the stage; a damaged one is taken only where there never was a better one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from mediastack.backup import contents, databases, discovery, fingerprint
from mediastack.backup.trouble import BackupError

# Checking is work for a processor, and others need some.
WORKERS = 2
MODE = 0o700


class Database(NamedTuple):
    """One to be staged. `before`: what the index has of the copy that is there, {} without one:
    {"source": fingerprint of what was copied, "copy": identity of the copy, "record"}."""

    service: str
    relative: str
    source: str
    target: str
    seen: list[Any] | None
    before: dict[str, Any]

    @property
    def is_unchanged(self) -> bool:
        """Whether the copy is what the source is now."""
        return bool(self.before) and self.seen is not None and self.before["source"] == self.seen


def look(
    item: contents.Item, root: str, target: str, known: Mapping[str, Any], problems: list[str]
) -> Iterator[Database]:
    """Give the databases of a service below `root`, whose copies are below `target`.

    `known`: {path: entry of the index}; problems with single ones are added to `problems`.
    """
    there = discovery.find(item, root)
    problems += there.problems
    for relative in there.databases:
        source, copy = os.path.join(root, relative), os.path.join(target, relative)
        try:
            seen = fingerprint.of(source)
        except FileNotFoundError:
            # The app has taken it away since.
            continue
        before = known.get(relative, {})
        if before and before.get("copy") != _identity(copy):
            before = {}
        yield Database(item.service, relative, source, copy, seen, before)


def bytes_wanted(changed: Iterable[Database]) -> int:
    """Return how much room copies of these take, until each has replaced the one before."""
    sizes = sorted(_bytes(one.source) for one in changed)
    grown = sum(sizes) - sum(_bytes(one.target) for one in changed)
    return max(0, grown) + sum(sizes[-WORKERS:])


def copy_all(
    changed: Iterable[Database], partials: str, problems: list[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return {(service, path): entry of the index} of those that could be copied.

    `partials`: a directory for what is not finished. Raise BackupError when there is no room.
    """
    # The largest first: no worker is left alone with it at the end.
    order = sorted(changed, key=lambda one: -_bytes(one.source))
    paths = [os.path.join(partials, str(number)) for number in range(len(order))]
    made = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for one, result in zip(order, pool.map(_copy, order, paths), strict=True):
            if isinstance(result, BackupError):
                left = f"the copy of {one.before['record']['copied_at']}" if one.before else "none"
                problems.append(f"{one.service}: {result}; {left} is in this backup")
            elif result is not None:
                made[one.service, one.relative] = result
    return made


def sweep(top: str, kept: set[str]) -> None:
    """Remove what is none of these files, and directories that are empty then. Raise OSError."""
    for directory, below, names in os.walk(top, topdown=False):
        for name in names:
            path = os.path.join(directory, name)
            if path not in kept:
                os.unlink(path)
        for name in below:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                os.unlink(path)
            elif not os.listdir(path):
                os.rmdir(path)


def _copy(one: Database, partial: str) -> dict[str, Any] | BackupError | None:
    """None: it is gone."""
    good = bool(one.before) and not one.before["record"].get("damage")
    try:
        os.makedirs(os.path.dirname(one.target), mode=MODE, exist_ok=True)
        record = databases.copy(one.source, one.target, partial, damaged_too=not good)
    except FileNotFoundError:
        return None
    except BackupError as error:
        if error.kind == "space":
            raise
        return error
    return {"source": one.seen, "copy": fingerprint.identity(one.target), "record": record}


def _identity(path: str) -> list[int]:
    try:
        return fingerprint.identity(path)
    except OSError:
        return []


def _bytes(path: str) -> int:
    total = 0
    for suffix in ("", "-wal"):
        try:
            total += os.stat(f"{path}{suffix}").st_size
        except OSError:
            continue
    return total
