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
    """Return for how many seconds the oldest message has been waiting, 0 when none is."""
    ages = [0.0]
    for path in glob.glob(os.path.join(config["paths"]["state"], *SPOOL, "*.json")):
        # Delivered meanwhile: then it is not waiting.
        with contextlib.suppress(OSError):
            ages.append(now - os.stat(path).st_mtime)
    return max(ages)


def _sweep(directory: str) -> None:
    for leftover in glob.glob(os.path.join(glob.escape(directory), f"{PROBE}*")):
        pid = leftover.rpartition("-")[2]
        if not os.path.exists(f"/proc/{pid}"):
            with contextlib.suppress(OSError):
                os.unlink(leftover)
