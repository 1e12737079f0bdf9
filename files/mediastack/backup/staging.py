"""What a backup reads besides the live files: consistent copies, and the manifest of it all.

The stage lies beside the configs and stays: a database whose fingerprint is the one of the copy
that is there is not read again, and restic knows that copy by its inode and time. What was copied
of what is in index.json, outside of the stage; a copy that is not the file the index speaks of is
made anew. Copies are made elsewhere and renamed, so that nothing half done is ever in the stage,
also when we are killed; the next run takes away what it finds there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mediastack import atomic, clock
from mediastack.backup import contents, databases, manifest, mirror, staged, stopped
from mediastack.backup.trouble import BackupError
from mediastack.docker_engine import Engine

# Do the work while a service is stopped; return for how many seconds it was (0.0: it did not run).
Stop = Callable[[dict[str, Any], Engine, str, Callable[[], None]], float]

INDEX = "index.json"
PARTIAL = "partial"
SCHEMA = 1


class Staged(NamedTuple):
    """What restic is to be told, and what happened.

    `paths` exist and are absolute; `excludes` are absolute patterns for --exclude (not
    --exclude-file, which reads them otherwise). `downtime`: {service: seconds}, only of those that
    were stopped. `problems`: what is wrong with single databases or services, one sentence each:
    the snapshot is worth making, and the run is to end with 1 and a message.
    """

    paths: list[str]
    excludes: list[str]
    manifest: dict[str, Any]
    reused: int
    copied: int
    downtime: dict[str, float]
    problems: list[str]


def prepare(config: dict[str, Any], docker: Engine, *, stop: Stop | None = None) -> Staged:
    """Bring the stage up to date with this house. The caller holds run_lock. Raise BackupError."""
    try:
        return _prepare(config, docker, stop or stopped.while_stopped)
    except OSError as error:
        raise BackupError("other", f"{error.filename or 'stage'}: {error.strerror}") from error
    except ValueError as error:
        # The image lock is of a newer release.
        raise BackupError("config", str(error)) from error


def pattern(path: str) -> str:
    """Return restic's pattern of exactly this path and what is below it."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def _prepare(config: dict[str, Any], docker: Engine, stop: Stop) -> Staged:
    top, stage = contents.top(config), contents.stage(config)
    _make_directories(top, stage)
    index = _index(os.path.join(top, INDEX))
    items = [item for item in contents.items(config) if os.path.isdir(item.root)]
    problems = [
        f"{item.root}: is a symbolic link, which is all that is saved of it; fix: mount the other "
        "place there instead (mount --bind)"
        for item in items
        if os.path.islink(item.root)
    ]
    downtime: dict[str, float] = {}
    for item in items:
        if item.stopped:
            problems += _copy_stopped(config, docker, stop, item, index, downtime)
    whole = {
        item.service
        for item in items
        if item.stopped and index["stopped"][item.service].get("whole")
    }
    found: list[staged.Database] = []
    for item in items:
        if not item.stopped or item.service in whole:
            # One that was stopped has its databases looked for in its copy: nobody writes to it.
            root = os.path.join(stage, "stopped", item.service) if item.stopped else item.root
            target = os.path.join(stage, "databases", item.service)
            known = index["databases"].get(item.service, {})
            found += staged.look(item, root, target, known, problems)
    changed = [one for one in found if not one.is_unchanged]
    databases.require_room(top, staged.bytes_wanted(changed))
    copied = staged.copy_all(changed, os.path.join(top, PARTIAL), problems)
    before = {(one.service, one.relative): one.before for one in found if one.before}
    entries = {**before, **copied}
    for (service, relative), entry in entries.items():
        if damage := entry["record"].get("damage"):
            problems.append(f"{service}: {relative} is damaged: {damage}; {databases.MEND}")
    staged.sweep(
        os.path.join(stage, "databases"),
        {os.path.join(stage, "databases", *key) for key in entries},
    )
    for name in set(os.listdir(os.path.join(stage, "stopped"))) - whole:
        shutil.rmtree(os.path.join(stage, "stopped", name))
    index["databases"] = _by_service(entries)
    index["stopped"] = {name: index["stopped"][name] for name in whole}
    atomic.write_json(os.path.join(top, INDEX), index, mode=0o600)
    made = manifest.build(
        config, _by_service({key: entry["record"] for key, entry in entries.items()})
    )
    for item in items:
        if item.stopped and item.service not in whole:
            del made["services"][item.service]
    atomic.write_json(os.path.join(stage, contents.MANIFEST), made, mode=0o600)
    excludes = _excludes(items, [one.source for one in found])
    reused = len(found) - len(changed)
    return Staged(_paths(config, items), excludes, made, reused, len(copied), downtime, problems)


def _make_directories(top: str, stage: str) -> None:
    if not os.path.isdir(os.path.dirname(top)):
        raise BackupError("config", f"{os.path.dirname(top)}: is not there; fix: run the deploy")
    shutil.rmtree(os.path.join(top, PARTIAL), ignore_errors=True)
    below = (os.path.join(stage, "databases"), os.path.join(stage, "stopped"))
    for directory in (top, os.path.join(top, PARTIAL), stage, *below):
        os.makedirs(directory, mode=staged.MODE, exist_ok=True)
        os.chmod(directory, staged.MODE)


def _index(path: str) -> dict[str, Any]:
    """{"databases": {service: {path: entry (staged.Database)}}, "stopped": {service: {"whole",
    "at"}}}; of another schema it is as good as absent."""
    found = atomic.read_json(path, {})
    if found.get("schema") != SCHEMA:
        found = {}
    return {"schema": SCHEMA, "databases": {}, "stopped": {}, **found}


def _copy_stopped(
    config: dict[str, Any],
    docker: Engine,
    stop: Stop,
    item: contents.Item,
    index: dict[str, Any],
    downtime: dict[str, float],
) -> list[str]:
    """Bring the copy of a service up to date that is stopped for it; return what went wrong."""
    path = os.path.join(contents.top(config), INDEX)
    target = os.path.join(contents.stage(config), "stopped", item.service)

    def mark(whole: bool) -> None:
        index["stopped"][item.service] = {"whole": whole, "at": clock.timestamp()}
        atomic.write_json(path, index, mode=0o600)

    def work() -> None:
        mark(False)
        mirror.finish(item.root, target, item.excludes)

    entry = index["stopped"].setdefault(item.service, {"whole": False})
    try:
        behind = mirror.bytes_behind(item.root, target, item.excludes)
        if not entry.get("whole") or behind > mirror.SOON_BYTES:
            mark(False)
            mirror.beside(item.root, target, item.excludes)
        seconds = stop(config, docker, item.service, work)
    except BackupError as error:
        if error.kind == "space":
            raise
        whole = index["stopped"][item.service]["whole"]
        left = "its last copy is in this backup" if whole else "it is not in this backup"
        return [f"{item.service}: {error}; {left}"]
    mark(True)
    if seconds:
        downtime[item.service] = seconds
    return []


def _by_service(found: dict[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for (service, relative), value in sorted(found.items()):
        result.setdefault(service, {})[relative] = value
    return result


def _paths(config: dict[str, Any], items: Iterable[contents.Item]) -> list[str]:
    wanted = [
        *(item.root for item in items if not item.stopped),
        contents.secrets(config),
        os.path.join(config["paths"]["etc"], "mediastack.toml"),
        *contents.state_files(config),
        contents.stage(config),
    ]
    return [path for path in wanted if os.path.lexists(path)]


def _excludes(items: Iterable[contents.Item], sources: list[str]) -> list[str]:
    """No file of a database is ever read live, whether its copy could be made or not."""
    apart = [
        os.path.join(item.root, one)
        for item in items
        if not item.stopped
        for one in (*item.excludes, *item.databases)
    ]
    return [
        pattern(f"{path}{suffix}")
        for path in dict.fromkeys([*apart, *sources])
        for suffix in ("", *contents.COMPANIONS)
    ]
