"""The restore drill: the newest backup is restored into a scratch place, proven, and removed again.

One service after the other, so that the disk holds one of them beside the real ones: its whole tree
comes out of the repository as a restore would bring it, every database is opened and compared with
the manifest, and its app is started on it (drill_apps). What was found goes into the report, whose
age doctor, status, metrics and the alarm go by: a restore is proven when everything in the snapshot
was well. Nothing that runs is touched and nothing stays behind, after a kill not longer than until
the next sweep, which each `backup --due` does.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mediastack import clock, image_lock, ledger, notify
from mediastack.backup import (
    contents,
    drill_apps,
    report,
    restic,
    run_lock,
    settings,
    snapshots,
)
from mediastack.backup.drill_container import Places
from mediastack.backup.manifest import ManifestError
from mediastack.backup.trouble import BackupError
from mediastack.compose import ComposeError
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.restore import extract, owners
from mediastack.restore.trouble import RestoreError

DIRECTORY = "drill"
ACTOR = "backup"
SUBJECT = "restore-drill"
LONGEST_ERROR = 600
# ValueError: a state file of another schema.
TROUBLE = (
    *(restic.ResticError, BackupError, RestoreError, ManifestError),
    *(ComposeError, DockerError, OSError, ValueError),
)


class Found(NamedTuple):
    """What became of one service: problems (none: all is well), and words for the user."""

    problems: list[str]
    said: str


def run(
    config: dict[str, Any],
    docker: Docker,
    target: settings.Target | None = None,
    services: Sequence[str] = (),
) -> int:
    """Do the drill with the newest snapshot of a target (None: the first there is), write down and
    tell what was found; return 0 when all was well. With `services` only these, and then a restore
    is not proven, nor anything written down. It takes run_lock itself."""
    with run_lock.hold() as ours:
        if not ours:
            print("restore-drill: a backup or restore is at work; try again later", file=sys.stderr)
            return 1
        with _ending_in_order():
            return _run(config, docker, target or _first(config), services)


def sweep(config: Mapping[str, Any], docker: Docker) -> None:
    """Remove what a killed drill has left, also a container that Docker was still making when the
    last one swept. The caller holds run_lock. Raise NotReachable, OSError."""
    drill_apps.sweep(docker)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place(config))


def place(config: Mapping[str, Any]) -> str:
    """Return the directory of the drill."""
    return os.path.join(contents.top(config), DIRECTORY)


def _run(
    config: dict[str, Any],
    docker: Docker,
    target: settings.Target | None,
    services: Sequence[str],
) -> int:
    started, problems, snapshot = time.monotonic(), list[str](), ""
    try:
        if target is None:
            raise BackupError("config", "there is no target; fix: backup.local or backup.remotes")
        sweep(config, docker)
        newest = latest(config, target)
        snapshot = newest.id
        print(f"restore-drill: snapshot {snapshot[:8]} of {newest.time}, from {target.name}")
        try:
            problems = _tried(config, docker, target, snapshot, services)
        finally:
            sweep(config, docker)
    except (*TROUBLE, NotReachable) as error:
        problems.append(said_by(config, error))
    seconds = time.monotonic() - started
    for problem in problems:
        print(f"restore-drill: {problem}", file=sys.stderr)
    if not services:
        _tell(config, target.name if target else "", snapshot, problems, seconds)
    print(f"restore-drill: {'FAILED' if problems else 'all is well'}, {seconds:.0f} s")
    return 1 if problems else 0


def latest(config: Mapping[str, Any], target: settings.Target) -> snapshots.Snapshot:
    """Return the newest snapshot of this host, else of any. Raise BackupError, ResticError."""
    found = snapshots.listed(target)
    if not found:
        raise BackupError("other", f"{target.name} holds no backup; fix: stack-manage.sh backup")
    own = [one for one in found if one.host == config.get("host", {}).get("name")]
    return max(own or found, key=lambda one: one.time)


def _tried(
    config: dict[str, Any],
    docker: Docker,
    target: settings.Target,
    snapshot: str,
    services: Sequence[str],
) -> list[str]:
    """Return the problems of everything in a snapshot. Raise one of TROUBLE, NotReachable."""
    manifest = extract.manifest(target, snapshot)
    directory = place(config)
    os.makedirs(directory, mode=0o700)
    secrets, state = (os.path.join(directory, name) for name in (".secrets", ".state"))
    extract.secrets(target, snapshot, manifest, secrets)
    extract.state(target, snapshot, manifest, state)
    image_lock.read(path=os.path.join(state, "images.lock"))
    problems = []
    for service, entry in manifest["services"].items():
        if services and service not in services:
            continue
        places = Places(os.path.join(directory, service), secrets, directory)
        try:
            extract.service(target, snapshot, manifest, service, places.state)
            found = _service(config, docker, service, entry, places)
        except TROUBLE as error:
            found = Found([said_by(config, error)], "")
        print(f"  {service:<14} {found.said or '; '.join(found.problems)}")
        problems += [f"{service}: {problem}" for problem in found.problems]
        shutil.rmtree(places.state, ignore_errors=True)
    return problems


def _service(
    config: dict[str, Any],
    docker: Docker,
    service: str,
    entry: Mapping[str, Any],
    places: Places,
) -> Found:
    """Judge a restored service, whose databases extract has opened and compared; start it."""
    records = entry["databases"]
    damaged = [
        f"{name} was damaged when it was backed up: {record['damage']}"
        for name, record in records.items()
        if record.get("damage")
    ]
    if damaged:
        return Found(damaged, "")
    rows = sum(sum(record["tables"].values()) for record in records.values())
    counted = f", {count(len(records), 'database')} with {count(rows, 'row')}" if records else ""
    said = f"restored{counted}"
    known = config["services"].get(service, {})
    if not known.get("drill"):
        return Found([], f"{said}; not started")
    old, new = ((one.get("uid", 0), one.get("gid", 0)) for one in (entry, known))
    owners.remap(places.state, old, new)
    image = image_of(config, service, entry)
    answer = drill_apps.ask(config, docker, service, image, places)
    problems = [f"its app {answer.problem}"] if answer.problem else []
    return Found(problems, "" if problems else f"{said}; {answer.said}")


def said_by(config: Mapping[str, Any], error: Exception) -> str:
    """Return an error's words without the scratch place: of its paths the user knows the end."""
    return re.sub(f"{re.escape(place(config))}/[^/ ]+/", "/", str(error))


def count(number: int, word: str) -> str:
    """Return "1 row" or "2 rows"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def image_of(config: Mapping[str, Any], service: str, entry: Mapping[str, Any]) -> str:
    """Return the image to start: the locked one, as a restore would, but never an older one than
    has made the data."""
    locked = image_lock.reference(service, config["services"][service]["image"])
    made_by, digest = str(entry.get("image", "")), str(entry.get("digest", ""))
    newer = image_lock.is_newer(image_lock.split(made_by)[1], image_lock.split(locked)[1])
    return f"{made_by}@{digest}" if made_by and digest and newer else locked


def _tell(
    config: Mapping[str, Any], target: str, snapshot: str, problems: list[str], seconds: float
) -> None:
    """Write down what was found; tell the user of what is wrong, and when it is well again."""
    now, error, known = (
        clock.timestamp(),
        "; ".join(problems)[:LONGEST_ERROR],
        report.read()["drill"],
    )
    before = str(known.get("error", ""))
    if problems:
        # Whether the alarm was told (drill_alarm) stays known.
        report.note(drill={**known, "at": now, "error": error})
    else:
        proven = {"at": now, "snapshot": snapshot, "target": target}
        report.note(drill={"at": now, "error": ""}, proven=proven)
    ledger.append(
        ACTOR,
        SUBJECT,
        "restore not proven" if problems else "restore proven",
        duration_seconds=seconds,
        cause=error,
        details={"snapshot": snapshot, "target": target},
    )
    name = config.get("host", {}).get("name", "this host")
    if problems:
        text = "\n".join([*problems[:6], "stack-manage.sh restore-drill tries again."])
        title = f"{name}: the restore drill failed"
        notify.send(SUBJECT, title, text, priority=4, tags=("rotating_light",), key=title)
    elif before:
        title = f"{name}: the restore drill is well again"
        text = f"Everything in the newest backup of {target} was restored and proven."
        notify.send(SUBJECT, title, text, priority=2, tags=("white_check_mark",), key=title)


def _first(config: Mapping[str, Any]) -> settings.Target | None:
    return next(iter(settings.targets(config)), None)


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM ends us through `finally`, as Ctrl-C does."""

    def ended(number: int, _: Any) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
