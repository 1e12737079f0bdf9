"""Which files of a service are SQLite databases: those the catalog names, and those that look so.

What the catalog calls no state is not looked into. Symbolic links are never followed: an app that
makes one must not get another app's database into its own backup, and restic saves a link as one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mediastack.backup import contents, fingerprint

SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3")


class Found(NamedTuple):
    """`databases`: paths below the root; `problems`: why one that should be there is not."""

    databases: list[str]
    problems: list[str]


def find(item: contents.Item, root: str = "") -> Found:
    """Return a service's databases, looked for below `root` (default: its own)."""
    root, found, problems = root or item.root, set(), []
    for relative in item.databases:
        path = os.path.join(root, relative)
        if is_excluded(relative, item.excludes) or not os.path.lexists(path):
            continue
        if _is_elsewhere(root, path):
            problems.append(
                f"{path}: lies behind a symbolic link and is not in this backup; fix: put the "
                "database where the link is"
            )
        elif os.path.isfile(path) and os.path.getsize(path):
            found.add(relative)
    for relative in _named_like_one(root, item.excludes):
        try:
            if fingerprint.is_database(os.path.join(root, relative)):
                found.add(relative)
        except OSError:
            # It was there a moment ago, or is no file.
            continue
    return Found(sorted(found), problems)


def is_excluded(relative: str, excludes: Iterable[str]) -> bool:
    """Say whether a path is one of these, or below one, or what SQLite has beside one."""
    names = (relative, *(relative.removesuffix(one) for one in contents.COMPANIONS))
    return any(name == one or name.startswith(f"{one}/") for one in excludes for name in names)


def _named_like_one(root: str, excludes: tuple[str, ...]) -> Iterator[str]:
    without = frozenset(excludes)
    left = [""]
    while left:
        below = left.pop()
        try:
            with os.scandir(os.path.join(root, below)) as entries:
                for entry in entries:
                    relative = f"{below}{entry.name}"
                    if relative in without:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(f"{relative}/")
                    elif entry.name.lower().endswith(SUFFIXES) and entry.is_file(
                        follow_symlinks=False
                    ):
                        yield relative
        except OSError:
            # Gone meanwhile; what cannot be read is for restic to say.
            continue


def _is_elsewhere(root: str, path: str) -> bool:
    relative = os.path.relpath(path, root)
    return os.path.realpath(path) != os.path.join(os.path.realpath(root), relative)
