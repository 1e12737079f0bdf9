"""Databases from the stage laid over the files of a service, and proven.

In a snapshot a database is not among the live files but a consistent copy in the stage, with its
owner, mode and time in the manifest. What SQLite may have left beside it (-wal, -shm, -journal) is
of another moment and would change it, so that goes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from mediastack.backup import contents, databases
from mediastack.restore.trouble import RestoreError


def over(tree: str, staged: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Move each database of `records` ({path below: record}) from `staged` into `tree`, and verify
    it there. Raise RestoreError, OSError."""
    for relative, record in records.items():
        source, path = os.path.join(staged, relative), os.path.join(tree, relative)
        _require_below(tree, relative)
        if not os.path.isfile(source) or os.path.islink(source):
            raise RestoreError("damaged", f"the copy of the database {relative} is missing")
        directory = os.path.dirname(path)
        before = os.stat(directory)
        for companion in contents.COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + companion)
        os.rename(source, path)
        os.chown(path, record["uid"], record["gid"])
        os.chmod(path, record["mode"])
        os.utime(path, ns=(record["mtime_ns"], record["mtime_ns"]))
        if problems := databases.verify(path, record):
            raise RestoreError("damaged", f"database {relative}: {'; '.join(problems)}")
        os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


def _require_below(tree: str, relative: str) -> None:
    """Raise RestoreError when a database would land elsewhere: a name that leads out, or a link
    in the way, which an app can make and we would follow as root."""
    parts = relative.split("/")
    strange = os.path.isabs(relative) or any(part in ("", ".", "..") for part in parts)
    parent = os.path.join(tree, *parts[:-1])
    inside = os.path.join(os.path.realpath(tree), *parts[:-1])
    if strange or not os.path.isdir(parent) or os.path.realpath(parent) != inside:
        raise RestoreError("damaged", f"database {relative}: its place is no directory of the tree")
