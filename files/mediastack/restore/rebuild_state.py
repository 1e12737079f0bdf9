"""What a host is to a rebuild: bare, half rebuilt, or somebody's house; and how far a rebuild is.

rebuild.json in the state directory, {"schema": 1, "step": "fetch" | "place" | "done", "asked" (the
repository, whose, which), "snapshot", "host" (whose it is), "made_at", "owners" ({service: [uid,
gid]} of this host), "started_at", "finished_at"}, is written before the step that it names. While
fetching, everything lies in directories of our own (places) and can be thrown away; from "place" on
all of it is complete, verified and on the disk, and is only renamed. A host that has secrets has a
house: it is left alone for ever, whatever the settings say.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mediastack import atomic

SCHEMA = 1
FETCH, PLACE, DONE = "fetch", "place", "done"
NAME = ".mediastack-rebuild"
RECORD = "rebuild.json"
# What a disk has at its top, and what is ours: no service's state.
NO_STATE = ("lost+found", ".mediastack-")


class RebuildError(Exception):
    """It cannot be rebuilt; the message says why and what to do, and holds nothing secret."""


class Look(NamedTuple):
    """`kind`: "bare", "unfinished", "kept" (somebody's house), "done" (ours) or "refused"."""

    kind: str
    why: str = ""


class Places(NamedTuple):
    """Where things wait, each on the file system of where they go, entered by root alone."""

    services: str
    secrets: str
    state: str


def places(config: Mapping[str, Any]) -> Places:
    """Return the waiting places of this house."""
    paths = config["paths"]
    return Places(*(os.path.join(paths[one], NAME) for one in ("config", "etc", "state")))


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record, {} when there is none. Raise RebuildError for a newer release's."""
    path = _path(config)
    found: dict[str, Any] = atomic.read_json(path, {})
    if found and found.get("schema") != SCHEMA:
        raise RebuildError(
            f"{path}: schema is {found.get('schema')!r}, these programs read {SCHEMA};"
            " fix: use the release that began the rebuild"
        )
    return found


def write(config: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Put the record on the disk. Raise OSError."""
    path = _path(config)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    atomic.write_json(path, {"schema": SCHEMA, **record}, mode=0o600)


def refusal(config: Mapping[str, Any]) -> str:
    """Return why nobody may begin a house here now, "" when one may. Raise RebuildError."""
    if not is_unfinished(config):
        return ""
    return (
        "a rebuild from a backup was begun and not brought to its end; fix: set"
        " backup.rebuild_from as it was and deploy, or, to begin with nothing instead:"
        " /opt/mediastack/bin/mediastack rebuild --give-up"
    )


def is_unfinished(config: Mapping[str, Any]) -> bool:
    """Whether a rebuild was begun here and not brought to its end. Raise RebuildError."""
    if not config.get("paths", {}).get("state"):
        return False
    return read(config).get("step") in (FETCH, PLACE)


def look(config: Mapping[str, Any]) -> Look:
    """Say what this host is. Raise RebuildError."""
    if is_unfinished(config):
        return Look("unfinished", "a rebuild was begun here")
    paths = config["paths"]
    if _first_file(os.path.join(paths["etc"], "secrets")):
        done = read(config).get("step") == DONE
        return Look("done") if done else Look("kept", "this host has secrets of its own")
    for directory in _service_directories(paths["config"]):
        if found := _first_file(directory):
            return Look(
                "refused",
                f"{found} is here, but there are no secrets: half of a house; fix: move"
                f" {directory} away, and it comes from the backup, or set backup.rebuild_from ="
                ' "" to begin with what is here',
            )
    return Look("bare")


def give_up(config: Mapping[str, Any]) -> None:
    """Forget a rebuild that has put nothing in place yet. Raise RebuildError, OSError."""
    step = read(config).get("step")
    if step == PLACE:
        raise RebuildError(
            "it has begun to put things in place, which needs no repository any more; fix: run"
            " the deploy with backup.rebuild_from as it was, and it is done"
        )
    clear(config)
    if step == FETCH:
        os.unlink(_path(config))
        atomic.sync_directory(os.path.dirname(_path(config)))


def clear(config: Mapping[str, Any]) -> None:
    """Remove what waits. Raise OSError."""
    for place in places(config):
        if os.path.lexists(place):
            shutil.rmtree(place)


def _path(config: Mapping[str, Any]) -> str:
    return os.path.join(config["paths"]["state"], RECORD)


def _service_directories(top: str) -> Iterator[str]:
    if not os.path.isdir(top):
        return
    with os.scandir(top) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_dir() and not entry.name.startswith(NO_STATE):
                yield entry.path


def _first_file(top: str) -> str:
    """Anything below that is no directory: "" when there is none."""
    for directory, names, files in os.walk(top):
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        if files or links:
            return os.path.join(directory, min(files + links))
    return ""
