"""Where a repository is, whether it can be written to, and making one where there is none yet.

A repository that was seen on this machine and is gone is never silently made anew: its disk is not
mounted, or somebody has removed it, and the user must hear of that. Which ones were seen is kept
beside, and not in, the backed up state: on a host that was rebuilt the local one is gone for a good
reason. Nor is one made below a mount point where nothing is mounted. What restic would try again
for minutes, a directory that cannot be written to, is found before it is asked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from mediastack import atomic
from mediastack import config as configuration
from mediastack.backup import restic
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

FILE = "repositories.json"
# So much must be free before a backup begins, and while restic writes: others write there, too.
LEAST_FREE_BYTES = 1024**3
LEAST_LEFT_BYTES = 512 * 1024**2
INIT_AGAIN = "if it is really gone: stack-manage.sh backup init {name}"


def directory(target: Target) -> str:
    """Return the directory on this machine that the repository is, "" for another place.

    Raise ResticError when its place is not known.
    """
    where = restic.environment(target)["RESTIC_REPOSITORY"].removeprefix("local:")
    return where if where.startswith("/") else ""


def require(config: Mapping[str, Any], target: Target) -> None:
    """Make sure that a backup to this target can begin: for a directory that there is a repository
    (a new one is made), that it can be written to and has room. Raise ResticError."""
    where = directory(target)
    if not where:
        return
    if not os.path.isfile(os.path.join(where, "config")):
        _make_in_directory(config, target, where)
    if problem := next(iter(_unwritable(where)), ""):
        raise ResticError("read-only", f"{target.name}: {problem}")
    free = shutil.disk_usage(where).free
    if free < LEAST_FREE_BYTES:
        raise ResticError(
            "full",
            f"{target.name}: {where}: only {free // 1024**2} MiB free, and there must be "
            f"{LEAST_FREE_BYTES // 1024**2}",
        )


def is_nearly_full(where: str) -> Callable[[], bool]:
    """Return what says whether restic must end now for the sake of those who share the disk."""

    def is_full() -> bool:
        try:
            return shutil.disk_usage(where).free < LEAST_LEFT_BYTES
        except OSError:
            # It is gone: restic says so itself.
            return False

    return is_full


def make_if_new(target: Target) -> None:
    """Make the repository that restic did not find at a reachable place. Raise ResticError."""
    if is_known(target):
        raise _gone(target, "there is no repository any more")
    make(target)


def make(target: Target) -> None:
    """Make a repository, and remember it. Raise ResticError."""
    try:
        restic.run(target, ["init"])
    except ResticError as error:
        if error.kind != "other":
            raise
        raise ResticError(
            "other", f"{error}; fix: is its disk mounted there, its path right?", error.code
        ) from error
    remember(target)


def is_known(target: Target) -> bool:
    """Whether there was a repository at this place when this machine last looked."""
    return bool(_known().get(target.name) == _mark(target))


def remember(target: Target) -> None:
    """Note that there is a repository at this place. Raise OSError, ResticError."""
    if is_known(target):
        return
    with atomic.exclusive(_path()):
        atomic.write_json(_path(), {**_known(), target.name: _mark(target)}, mode=0o600)


def _make_in_directory(config: Mapping[str, Any], target: Target, where: str) -> None:
    if is_known(target):
        raise _gone(target, f"{where}: there is no repository any more")
    if not target.is_local:
        _require_place(config, target, where)
    make(target)


def _require_place(config: Mapping[str, Any], target: Target, where: str) -> None:
    """A directory that is a remote must be there, empty, and no part of the disk of the configs."""
    try:
        names = os.listdir(where)
    except OSError as error:
        raise ResticError(
            "unreachable", f"{target.name}: {where}: {error.strerror}; fix: mount its disk"
        ) from error
    if names:
        raise ResticError("other", f"{target.name}: {where}: is no repository, and not empty")
    if os.stat(where).st_dev == os.stat(config["paths"]["config"]).st_dev:
        raise ResticError(
            "unreachable",
            f"{target.name}: {where}: is on the disk of the configs; fix: mount its own disk there;"
            f" or, to make it there all the same: stack-manage.sh backup init {target.name}",
        )


def _unwritable(where: str) -> list[str]:
    """Root may write everywhere, but not to what is mounted read-only."""
    parts = (where, *(os.path.join(where, name) for name in ("locks", "data", "snapshots")))
    return [
        f"{path}: cannot be written to" for path in parts
        if os.path.isdir(path) and not os.access(path, os.W_OK)
    ]  # fmt: skip


def _gone(target: Target, problem: str) -> ResticError:
    again = INIT_AGAIN.format(name=target.name)
    return ResticError("other", f"{target.name}: {problem}; fix: mount its disk; {again}")


def _known() -> dict[str, Any]:
    found: dict[str, Any] = atomic.read_json(_path(), {})
    return found


def _mark(target: Target) -> str:
    """Its place, which may hold a password, as a name that tells nothing."""
    where = restic.environment(target)["RESTIC_REPOSITORY"]
    return hashlib.sha256(where.encode()).hexdigest()[:32]


def _path() -> str:
    return os.path.join(configuration.paths()["state"], FILE)
