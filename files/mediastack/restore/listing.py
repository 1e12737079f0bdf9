"""What a snapshot has below some paths, node by node, as restic lists it.

Read while it comes, since a media server's metadata are hundreds of thousands of files: nobody here
holds the list. Facts: `restic ls --json --recursive`, restic 0.12 to 0.18; modes are Go's FileMode.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from mediastack.backup import restic
from mediastack.backup.settings import Target

# Go's bits for set-user-id, set-group-id and sticky, and ours.
SPECIAL = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class Node(NamedTuple):
    """One of them. `kind`: restic's "file", "dir", "symlink", "fifo" …; `mode` is permissions
    alone; `mtime_ns` since the epoch."""

    path: str
    kind: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int


def nodes(target: Target, snapshot_id: str, tops: Iterable[str]) -> Iterator[Node]:
    """Yield all that the snapshot has at and below these absolute paths; parents first.

    What it does not have is simply missing. Raise ResticError.
    """
    wanted = list(tops)
    if not wanted:
        return
    command = (*restic.DIES_WITH_US, "restic", "--json", "--no-lock")
    try:
        process = subprocess.Popen(
            (*command, "ls", "--recursive", snapshot_id, *wanted),
            env=restic.environment(target),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # What it says is little; in the same stream it cannot block us.
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
        )
    except OSError as error:
        raise restic.ResticError("missing", f"restic: {error.strerror}") from error
    said: list[str] = []
    try:
        for line in process.stdout or ():
            found = _parsed(line)
            if found is None:
                said.append(line)
            elif found.get("struct_type") == "node":
                yield _node(found)
        if code := process.wait():
            raise restic.failure(target, said, code)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def below(path: str, top: str) -> str | None:
    """Return a path as it is called below `top` ("" for itself), None when it is not there."""
    if path == top:
        return ""
    prefix = top.rstrip("/") + "/"
    return path.removeprefix(prefix) if path.startswith(prefix) else None


def nanoseconds(text: str) -> int:
    """Return restic's "2026-01-01T00:00:00.123456789+01:00" as nanoseconds since the epoch.

    Raise ValueError.
    """
    match = TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of restic's")
    whole, fraction, zone = match.groups()
    moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0"))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    # An error of restic 0.17 and later is JSON, too.
    known = isinstance(found, dict) and found.get("message_type") != "exit_error"
    return found if known else None


def _node(found: dict[str, Any]) -> Node:
    mode = int(found.get("mode", 0))
    special = sum(ours for theirs, ours in SPECIAL if mode & theirs)
    return Node(
        str(found["path"]),
        str(found.get("type", "")),
        int(found.get("size", 0)),
        (mode & 0o777) | special,
        int(found.get("uid", 0)),
        int(found.get("gid", 0)),
        nanoseconds(str(found["mtime"])),
    )
