"""The copy of a service's config that an update can be taken back with.

One directory for each update, <storage.config>/.mediastack-updates/<service>/<id>, on the file
system of the config itself, and beside it <id>.json, written when the copy is whole and on disk:
without that there is no copy. It is made by rsync while the service runs, and brought up to date
after it has ended, so that the outage is as short as what changed in between. Directories that the
catalog excludes (caches, logs) are neither copied nor touched by a restore; excluded files are
copied, since a newer schema in logs.db would break the old version as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from typing import Any

from mediastack import atomic, clock
from mediastack.updater.house import Trouble

DIRECTORY = ".mediastack-updates"
MODE = 0o700
# Times are compared as they are: by default whole seconds count, and what is written again at the
# same size within the second would be missed.
COPY = ("rsync", "-aHAX", "--numeric-ids", "--delete", "--modify-window=-1")
# Content decides, not size and time; and what a bad version has filled the disk with goes first.
RESTORE = (*COPY, "--checksum", "--delete-before")
VANISHED = 24
# File systems' clocks lag behind by a tick. What the kernel saw changed since the copy beside the
# running service was begun gets this time in the copy and is copied again in any case: a program
# may write other content of the same size and set the time back (ctime nobody can set).
CLOCK_SECONDS = 2.0
# In 1930, and not at a whole second: archives leave files of the epoch itself.
NEVER = (-1_234_567_890_123_456_789,) * 2
# Room that a copy must leave: the service has to go on writing.
LEAST_FREE_BYTES = 256 * 1024**2
SECONDS = 6 * 3600
SYNC_SECONDS = 600


def root(config: Mapping[str, Any]) -> str:
    """Return where all copies are."""
    return os.path.join(config["paths"]["config"], DIRECTORY)


def path(config: Mapping[str, Any], tx: Mapping[str, Any]) -> str:
    """Return where the copy of this update is, or will be."""
    return os.path.join(root(config), tx["service"], tx["id"])


def begin(config: Mapping[str, Any], tx: Mapping[str, Any]) -> None:
    """Copy while the service runs; nothing relies on the result. Raise Trouble."""
    source = _source(config, tx)
    if not source:
        return
    target, excluded = path(config, tx), excludes(config, tx["service"])
    try:
        if os.path.isdir(target):
            # A killed one's: what of it is to be doubted nobody has written down.
            shutil.rmtree(target)
        os.makedirs(target, mode=MODE)
        for directory in (root(config), os.path.dirname(target)):
            os.chmod(directory, MODE)
        _require_room(source, target, excluded)
        atomic.write_json(_mark(config, tx), {"whole": False, "began": time.time()}, mode=0o600)
    except OSError as error:
        raise Trouble("passing", f"{error.filename}: {error.strerror}") from error
    _rsync(COPY, source, target, excluded, fine=(0, VANISHED))


def finish(config: Mapping[str, Any], tx: Mapping[str, Any], life: str) -> None:
    """Copy what has changed since, after the service has ended its present `life`; mark it whole.

    Raise Trouble.
    """
    source = _source(config, tx)
    if not source:
        return
    target, excluded = path(config, tx), excludes(config, tx["service"])
    try:
        os.makedirs(target, mode=MODE, exist_ok=True)
        began = float(atomic.read_json(_mark(config, tx), {}).get("began", 0.0))
        mark = {
            "service": tx["service"],
            "image": tx["old"],
            "source": source,
            "excluded": excluded,
            "life": life,
            "began": began,
            "at": clock.timestamp(),
        }
        # One that was whole and is brought up to date again is not whole meanwhile.
        atomic.write_json(_mark(config, tx), {**mark, "whole": False}, mode=0o600)
        _doubt(source, target, excluded, began - CLOCK_SECONDS)
        _rsync(COPY, source, target, excluded)
        _to_disk(target)
        atomic.write_json(_mark(config, tx), {**mark, "whole": True}, mode=0o600)
    except OSError as error:
        raise Trouble("passing", f"{error.filename}: {error.strerror}") from error


def restore(config: Mapping[str, Any], tx: Mapping[str, Any]) -> None:
    """Make the config what the copy is. Raise Trouble."""
    if not _source(config, tx):
        return
    mark = atomic.read_json(_mark(config, tx), {})
    target = path(config, tx)
    if not mark or not os.path.isdir(target):
        raise Trouble("passing", f"{target}: the copy of its config is gone")
    if not mark["whole"]:
        # The new version is only started beside a whole copy: the config is still the old one's.
        return
    _rsync(RESTORE, target, mark["source"], mark["excluded"])
    _to_disk(mark["source"])


def is_whole(config: Mapping[str, Any], tx: Mapping[str, Any], life: str | None = None) -> bool:
    """Say whether it could be restored, and (with `life`) is what that life has left behind."""
    if not _source(config, tx):
        return True
    mark = atomic.read_json(_mark(config, tx), {})
    fits = life is None or mark.get("life") == life
    return bool(mark.get("whole")) and fits and os.path.isdir(path(config, tx))


def drop(config: Mapping[str, Any], service: str, identity: str) -> None:
    """Remove a copy, its mark first: half of one is none. Raise OSError."""
    tx = {"service": service, "id": identity}
    drop_mark(config, tx)
    if os.path.lexists(path(config, tx)):
        shutil.rmtree(path(config, tx))


def drop_mark(config: Mapping[str, Any], tx: Mapping[str, Any]) -> None:
    """It is not whole any more. Raise OSError."""
    if os.path.lexists(_mark(config, tx)):
        os.unlink(_mark(config, tx))
        atomic.sync_directory(os.path.dirname(_mark(config, tx)))


def present(config: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return {service: ids} of all copies there are, whole or not."""
    found: dict[str, set[str]] = {}
    top = root(config)
    for service in os.listdir(top) if os.path.isdir(top) else ():
        names = os.listdir(os.path.join(top, service))
        found[service] = {name.removesuffix(".json") for name in names if name[0] != "."}
    return found


def excludes(config: Mapping[str, Any], service: str) -> list[str]:
    """Return rsync's patterns: of the directories that are no state, and of no file."""
    names = config["services"].get(service, {}).get("state_exclude", [])
    return [f"/{name.strip('/')}/" for name in names]


def _source(config: Mapping[str, Any], tx: Mapping[str, Any]) -> str:
    """Where the config is, "" for a service that has none."""
    found = str(config["services"].get(tx["service"], {}).get("config", ""))
    return found if found and os.path.isdir(found) else ""


def _mark(config: Mapping[str, Any], tx: Mapping[str, Any]) -> str:
    return f"{path(config, tx)}.json"


def _require_room(source: str, target: str, excluded: Iterable[str]) -> None:
    apart = [os.path.join(source, one.strip("/")) for one in excluded]
    wanted = _bytes(source, apart) - _bytes(target, ())
    free = shutil.disk_usage(target).free
    if free - max(0, wanted) < LEAST_FREE_BYTES:
        raise Trouble(
            "passing",
            f"{target}: {free // 1024**2} MiB free, a copy of the config takes "
            f"{wanted // 1024**2} MiB and has to leave {LEAST_FREE_BYTES // 1024**2}",
        )


def _bytes(top: str, apart: Iterable[str]) -> int:
    """What a tree takes on disk, each file once, whatever it is called."""
    total, seen, without = 0, set(), set(apart)
    for directory, below, names in os.walk(top):
        below[:] = [one for one in below if os.path.join(directory, one) not in without]
        for name in names:
            try:
                status = os.lstat(os.path.join(directory, name))
            except OSError:
                continue
            if status.st_nlink == 1 or status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_blocks * 512
    return total


def _doubt(source: str, target: str, excluded: Iterable[str], since: float) -> None:
    """Give what has changed since then a time in the copy that no file has. Raise OSError."""
    apart = {os.path.join(source, one.strip("/")) for one in excluded}
    for directory, below, names in os.walk(source):
        below[:] = [one for one in below if os.path.join(directory, one) not in apart]
        for name in names:
            path = os.path.join(directory, name)
            copy = os.path.join(target, os.path.relpath(path, source))
            if os.lstat(path).st_ctime > since and os.path.lexists(copy):
                os.utime(copy, ns=NEVER, follow_symlinks=False)


def _rsync(
    command: Iterable[str],
    source: str,
    target: str,
    excluded: Iterable[str],
    fine: Iterable[int] = (0,),
) -> None:
    arguments = [*command, *(f"--exclude={one}" for one in excluded), f"{source}/", f"{target}/"]
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble("passing", f"rsync: {error}") from error
    if done.returncode not in fine:
        words = "; ".join(done.stderr.split("\n")[-4:]).strip("; ")
        raise Trouble("passing", f"rsync to {target} ({done.returncode}): {words[-400:]}")


def _to_disk(where: str) -> None:
    """Its file system alone: a /data that hangs must not hang this."""
    try:
        subprocess.run(("sync", "--file-system", where), check=True, timeout=SYNC_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise Trouble("passing", f"{where}: cannot be flushed: {error}") from error
