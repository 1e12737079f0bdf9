"""Is what restic wrote what its snapshot lists? By another look than restic's own.

Contents are verified by restic while it reads and afterwards (--verify); here it is everything
around them: that each node is there, of its kind, size, owner, mode and time, and nothing besides.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Any

from mediastack.restore.listing import Node
from mediastack.restore.trouble import RestoreError

KINDS = {
    "file": stat.S_ISREG,
    "dir": stat.S_ISDIR,
    "symlink": stat.S_ISLNK,
    "fifo": stat.S_ISFIFO,
    "chardev": stat.S_ISCHR,
    "dev": stat.S_ISBLK,
}
# restic's JSON has this for each byte of a name that is no UTF-8: it cannot be found by it.
UNREADABLE = "\ufffd"
SHOWN = 5


def trees(expected: Iterable[Node], prefix: str, tops: Iterable[str]) -> None:
    """Raise RestoreError("damaged") unless the files below `prefix` + each top are these nodes."""
    wrong: list[str] = []
    wanted = 0
    for node in expected:
        wanted += 1
        if UNREADABLE not in node.path and (problem := _problem(node, prefix + node.path)):
            wrong.append(f"{node.path}: {problem}")
    found = sum(_count(prefix + top) for top in tops)
    if found != wanted:
        wrong.append(f"{found} files and directories instead of {wanted}")
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise RestoreError(
            "damaged", f"what was restored is not what was saved: {'; '.join(wrong[:SHOWN])}{more}"
        )


def _problem(node: Node, path: str) -> str:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return "is missing"
    is_kind = KINDS.get(node.kind)
    if is_kind is None:
        return ""
    if not is_kind(found.st_mode):
        return f"is no {node.kind}"
    pairs: list[tuple[str, Any, Any]] = [
        ("owner", (node.uid, node.gid), (found.st_uid, found.st_gid))
    ]
    if node.kind != "symlink":
        # A link has no mode of its own, and older restics leave its time alone.
        pairs += [
            ("mode", oct(node.mode), oct(stat.S_IMODE(found.st_mode))),
            ("time", node.mtime_ns, found.st_mtime_ns),
        ]
    if node.kind == "file":
        pairs.append(("size", node.size, found.st_size))
    return ", ".join(f"{name} {is_} instead of {was}" for name, was, is_ in pairs if was != is_)


def _count(top: str) -> int:
    """A tree's nodes, itself included; 0 when it is not there."""
    if not os.path.lexists(top):
        return 0
    return 1 + sum(len(below) + len(names) for _, below, names in os.walk(top))
