"""What the doctor tries out rather than reads: /data, hardlinks, room on the disks, the spool."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Mapping
from typing import Any

from mediastack import sentinel

PROBE = ".mediastack-probe-"
SPOOL = ("spool", "new")


def sentinel_present(config: Mapping[str, Any]) -> bool:
    """Say whether /data is there, without ever hanging on a dead mount."""
    return sentinel.probe(config["paths"]["sentinel"])["present"]


def reachable_files(config: Mapping[str, Any], present: bool) -> list[Mapping[str, Any]]:
    """Return the managed files that may be looked at: those below /data only when it is there."""
    below = f"{config['paths']['data'].rstrip('/')}/"
    return [
        entry for entry in config["files"] if present or not f"{entry['path']}/".startswith(below)
    ]


def hardlink(config: Mapping[str, Any]) -> str:
    """Link a hidden empty file from torrents to media; return "" or why that failed.

    Both names are removed whatever happens; those of a doctor that was killed are swept first.
    """
    data = config["paths"]["data"]
    source = os.path.join(data, "torrents", f"{PROBE}{os.getpid()}")
    target = os.path.join(data, "media", f"{PROBE}{os.getpid()}")
    for directory in (os.path.dirname(source), os.path.dirname(target)):
        _sweep(directory)
    try:
        os.close(os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.link(source, target)
        same = os.path.samefile(source, target)
    except OSError as error:
        return f"{error.filename2 or error.filename}: {error.strerror}"
    finally:
        for path in (source, target):
            with contextlib.suppress(OSError):
                os.unlink(path)
    return "" if same else f"{target} became a copy"


def disks(
    config: Mapping[str, Any], info: Mapping[str, Any], *, with_data: bool
) -> dict[str, dict[str, int]]:
    """Return {path: {"free_bytes","total_inodes","free_inodes"}}, one path per file system."""
    names = ["program", "state", "config", "backups", *(["data"] if with_data else [])]
    paths = [config["paths"][name] for name in names]
    if info.get("DockerRootDir"):
        paths.append(info["DockerRootDir"])
    found = {}
    devices = set()
    for path in paths:
        with contextlib.suppress(OSError):
            device = os.stat(path).st_dev
            status = os.statvfs(path)
            if device not in devices:
                devices.add(device)
                found[path] = {
                    "free_bytes": status.f_bavail * status.f_frsize,
                    "total_inodes": status.f_files,
                    "free_inodes": status.f_favail,
                }
    return found


def spool_age(config: Mapping[str, Any], now: float) -> float:
    """Return for how many seconds the oldest message has been waiting, 0 when none is.

    Names begin with the nanosecond of their birth; a file's own time changes when the sender folds
    later messages into it.
    """
    ages = [0.0]
    for path in glob.glob(os.path.join(config["paths"]["state"], *SPOOL, "*.json")):
        born = os.path.basename(path).partition("-")[0]
        if born.isdecimal():
            ages.append(now - int(born) / 1e9)
    return max(ages)


def _sweep(directory: str) -> None:
    for leftover in glob.glob(os.path.join(glob.escape(directory), f"{PROBE}*")):
        pid = leftover.rpartition("-")[2]
        if not os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(OSError):
                os.unlink(leftover)
