"""Where a restore keeps trees: <storage.config>/.mediastack-restore, on the configs' file system.

<id>/<service> is taken out of the repository there, and the old tree is there after the swap;
before/<service>.<id> is an old tree that is kept, because the service did not run: until it was
seen well on its new one, or for some days. Everything else there is what a killed run has left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection, Mapping
from typing import Any

from mediastack import atomic

DIRECTORY = ".mediastack-restore"
BEFORE = "before"
MODE = 0o700
KEEP_SECONDS = 7 * 86_400.0


def root(config: Mapping[str, Any]) -> str:
    """Return the directory of all of it."""
    return os.path.join(config["paths"]["config"], DIRECTORY)


def of_run(config: Mapping[str, Any], identity: str) -> str:
    """Return the directory of one restore."""
    return os.path.join(root(config), identity)


def tree(config: Mapping[str, Any], identity: str, service: str) -> str:
    """Return where the tree of a service is that is not in place."""
    return os.path.join(of_run(config, identity), service)


def make(config: Mapping[str, Any], identity: str) -> str:
    """Make the directory of one restore, for root alone; return it. Raise OSError."""
    made = of_run(config, identity)
    for directory in (root(config), made):
        os.makedirs(directory, mode=MODE, exist_ok=True)
        os.chmod(directory, MODE)
    return made


def keep(config: Mapping[str, Any], staged: str, service: str, identity: str) -> str:
    """Move a tree to where it is kept; return that. Raise OSError."""
    kept = os.path.join(root(config), BEFORE, f"{service}.{identity}")
    os.makedirs(os.path.dirname(kept), mode=MODE, exist_ok=True)
    if os.path.lexists(kept):
        shutil.rmtree(kept)
    os.rename(staged, kept)
    # Its age counts from now.
    os.utime(kept)
    atomic.sync_directory(os.path.dirname(kept))
    return kept


def kept(config: Mapping[str, Any]) -> dict[str, str]:
    """Return {path: service} of the trees that are kept."""
    top = os.path.join(root(config), BEFORE)
    names = os.listdir(top) if os.path.isdir(top) else []
    return {os.path.join(top, name): name.rpartition(".")[0] for name in names}


def sweep(
    config: Mapping[str, Any], well: Collection[str], *, busy: str = "", now: float | None = None
) -> list[str]:
    """Remove what nobody needs: left-overs (but of the run `busy`), and kept trees of services that
    are `well`, or that are old; return what was removed. Raise OSError."""
    now = time.time() if now is None else now
    top = root(config)
    gone = []
    for name in os.listdir(top) if os.path.isdir(top) else ():
        path = os.path.join(top, name)
        if name not in (BEFORE, busy):
            shutil.rmtree(path)
            gone.append(path)
    for path, service in kept(config).items():
        if service in well or now - os.lstat(path).st_mtime > KEEP_SECONDS:
            shutil.rmtree(path)
            gone.append(path)
    for directory in (os.path.join(top, BEFORE), top):
        # What is still needed keeps it.
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    return gone
