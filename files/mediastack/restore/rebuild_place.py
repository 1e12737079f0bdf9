"""What was fetched is put in place: renames on one file system, in an order that can end anywhere.

A tree replaces the empty directory that the deploy made for it, which the kernel does in one go
and refuses where something is in it by now. What is no longer waiting is in place. The secrets come
last: a host that has them counts as a house. Directories that the deploy manages below the apps'
state get the owner and mode that it wants, so that its next run has nothing to do.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from typing import Any

from mediastack import atomic
from mediastack.backup import contents
from mediastack.restore import rebuild_state
from mediastack.restore.rebuild_fetch import TREE
from mediastack.restore.rebuild_state import RebuildError


def everything(config: Mapping[str, Any]) -> list[str]:
    """Put all of it in place and return where. Raise RebuildError, OSError."""
    waiting, paths = rebuild_state.places(config), config["paths"]
    placed = []
    for service in sorted(os.listdir(waiting.services) if os.path.isdir(waiting.services) else ()):
        live = os.path.join(paths["config"], service)
        placed += _rename(os.path.join(waiting.services, service), live)
    placed += _state(os.path.join(waiting.state, TREE), config)
    directories(config)
    live = os.path.join(paths["etc"], "secrets")
    placed += _rename(os.path.join(waiting.secrets, TREE), live)
    os.chmod(live, 0o700)
    return placed


def directories(config: Mapping[str, Any]) -> None:
    """Put right the managed directories below the apps' state. Raise OSError."""
    top = config["paths"]["config"] + os.sep
    for entry in config["files"]:
        path = entry["path"]
        if entry["kind"] != "directory" or not path.startswith(top):
            continue
        if not os.path.lexists(path):
            os.makedirs(path, mode=0o700)
        seen = os.lstat(path)
        if not stat.S_ISDIR(seen.st_mode):
            raise RebuildError(f"{path} is no directory in the backup; fix: rm {path}")
        if (seen.st_uid, seen.st_gid) != (entry["uid"], entry["gid"]):
            os.chown(path, entry["uid"], entry["gid"])
        if stat.S_IMODE(os.lstat(path).st_mode) != int(entry["mode"], 8):
            os.chmod(path, int(entry["mode"], 8))


def _state(tree: str, config: Mapping[str, Any]) -> list[str]:
    """Put our own state files in place, and nothing else that lies beside them."""
    state, placed = config["paths"]["state"], []
    for live in contents.state_files(config):
        waiting = os.path.join(tree, os.path.relpath(live, state))
        if not os.path.isfile(waiting):
            continue
        parent = os.path.dirname(live)
        os.makedirs(parent, mode=0o755, exist_ok=True)
        if os.stat(waiting).st_uid != 0:
            # An account of our programs, which has another number on every host.
            owner = os.stat(parent)
            os.chown(waiting, owner.st_uid, owner.st_gid)
        os.replace(waiting, live)
        atomic.sync_directory(parent)
        placed.append(live)
    if os.path.lexists(tree):
        shutil.rmtree(tree)
    return placed


def _rename(waiting: str, live: str) -> list[str]:
    if not os.path.lexists(waiting):
        return []
    # From the deepest: what the deploy made in advance is empty.
    for directory, names, _ in os.walk(live, topdown=False):
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                _remove_empty(path)
    try:
        os.rename(waiting, live)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            why = "something is in it by now; fix: move that away"
        elif error.errno in (errno.EBUSY, errno.EXDEV):
            why = "it is a mount of its own; fix: unmount it, deploy, and move it back by hand"
        else:
            raise
        raise RebuildError(f"{live} cannot be put in place: {why}") from error
    atomic.sync_directory(os.path.dirname(live))
    return [live]


def _remove_empty(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
            raise
