"""Does a repository outlive this machine? One at another place does, and a directory on a network's
disk; which disk a directory is on is the kernel's to say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from mediastack.backup import repository
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

# File systems that are another machine's.
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.rclone")


def any_of(targets: Iterable[Target], proc: str = "/proc") -> bool:
    """Say whether a fire here would leave one of these."""
    return any(is_elsewhere(target, proc) for target in targets)


def is_elsewhere(target: Target, proc: str = "/proc") -> bool:
    """Say whether a repository is on another machine; not, where its place is not known."""
    if target.is_local:
        return False
    try:
        directory = repository.directory(target)
    except ResticError:
        return False
    return not directory or file_system(directory, proc) in REMOTE


def file_system(path: str, proc: str = "/proc") -> str:
    """Return the kind of the file system that a path is on, "" when that is not known."""
    best, kind = "", ""
    with contextlib.suppress(OSError), open(f"{proc}/1/mountinfo", encoding="utf-8") as stream:
        for line in stream:
            before, _, after = line.partition(" - ")
            point = before.split()[4]
            # A later mount lies over an earlier one of the same place.
            if f"{path}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(best):
                best, kind = point, after.split()[0]
    return kind
