"""What a restore would change in the config of each service, from the snapshot's list alone.

By names, sizes, times, modes and owners, as rsync would compare; nothing is read out of the
repository but the list. Databases are named apart: of the live one no size tells anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mediastack.backup import contents
from mediastack.backup.settings import Target
from mediastack.restore import extract, listing
from mediastack.restore.listing import Node

SHOWN = 12
FORMAT = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK}


class Changes(NamedTuple):
    """Paths below a config directory: that come, change, and go."""

    come: list[str]
    change: list[str]
    go: list[str]


def find(
    config: Mapping[str, Any],
    target: Target,
    snapshot_id: str,
    manifest: Mapping[str, Any],
    services: Iterable[str],
) -> dict[str, Changes]:
    """Return {service: changes}. Raise RestoreError, ResticError, OSError."""
    tops = {extract.source(manifest, name).tree: name for name in services}
    found = {name: Changes([], [], []) for name in tops.values()}
    seen: dict[str, set[str]] = {name: set() for name in found}
    for node in listing.nodes(target, snapshot_id, tops):
        for top, name in tops.items():
            relative = listing.below(node.path, top)
            if relative:
                seen[name].add(relative)
                _compare(config, manifest["services"][name], name, node, relative, found[name])
    for name, changes in found.items():
        live, entry = str(config["services"][name]["config"]), manifest["services"][name]
        changes.go.extend(one for one in _present(live, entry) if one not in seen[name])
    return found


def lines(
    service: str, changes: Changes, databases: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Say it of one service."""
    for name, record in databases.items():
        tables = record.get("tables") or {}
        rows = ", ".join(f"{table} {count}" for table, count in sorted(tables.items())[:SHOWN])
        yield f"{service}: database {name} as it was then ({rows or 'no tables'})"
    for what, paths in (("comes back", changes.come), ("changes", changes.change),
                        ("goes", changes.go)):  # fmt: skip
        for path in sorted(paths)[:SHOWN]:
            yield f"{service}: {what}: {path}"
        if len(paths) > SHOWN:
            yield f"{service}: {what}: {len(paths) - SHOWN} more"
    if not any(changes) and not databases:
        yield f"{service}: nothing changes"


def _compare(
    config: Mapping[str, Any],
    entry: Mapping[str, Any],
    service: str,
    node: Node,
    relative: str,
    changes: Changes,
) -> None:
    here = config["services"][service]
    try:
        found = os.lstat(os.path.join(str(here["config"]), relative))
    except (FileNotFoundError, NotADirectoryError):
        changes.come.append(relative)
        return
    own = (int(entry["uid"]), int(entry["gid"])), (int(here["uid"]), int(here["gid"]))
    ids = tuple(new if one == old else one
                for one, old, new in zip((node.uid, node.gid), *own, strict=True))  # fmt: skip
    alike = ids == (found.st_uid, found.st_gid)
    alike &= FORMAT.get(node.kind, stat.S_IFMT(found.st_mode)) == stat.S_IFMT(found.st_mode)
    if node.kind != "symlink":
        alike &= node.mode == stat.S_IMODE(found.st_mode)
    if node.kind == "file":
        alike &= (node.size, node.mtime_ns) == (found.st_size, found.st_mtime_ns)
    if not alike:
        changes.change.append(relative)


def _present(live: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """What is there now of what a backup would have as a file."""
    excluded = {one.strip("/") for one in entry.get("excludes", ())}
    apart = {name + ending for name in entry.get("databases", {})
             for ending in ("", *contents.COMPANIONS)}  # fmt: skip
    for directory, below, names in os.walk(live):
        relative = os.path.relpath(directory, live)
        prefix = "" if relative == "." else f"{relative}/"
        below[:] = [name for name in below if prefix + name not in excluded]
        for name in (*below, *names):
            path = os.path.join(directory, name)
            is_socket = os.path.lexists(path) and stat.S_ISSOCK(os.lstat(path).st_mode)
            if prefix + name not in excluded | apart and not is_socket:
                yield prefix + name
