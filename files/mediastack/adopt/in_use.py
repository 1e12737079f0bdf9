"""Who has a file open? Asked of the kernel, so it holds for processes in containers as well.

Only root sees them all; where we may not look, a file counts as open: then it is read in the way
that is right for both.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

Identity = tuple[int, int]


def of(paths: Iterable[str], proc: str = "/proc") -> set[str]:
    """Return those of the paths that some process has open now. Raise OSError."""
    wanted: dict[Identity, str] = {}
    for path in paths:
        status = os.stat(path)
        wanted[status.st_dev, status.st_ino] = path
    found = set()
    for pid in filter(str.isdigit, os.listdir(proc)):
        if pid == str(os.getpid()):
            continue
        directory = f"{proc}/{pid}/fd"
        try:
            numbers = os.listdir(directory)
        except FileNotFoundError:
            continue
        except PermissionError:
            return set(wanted.values())
        for number in numbers:
            # Closed or gone meanwhile.
            with contextlib.suppress(OSError):
                status = os.stat(f"{directory}/{number}")
                if (status.st_dev, status.st_ino) in wanted:
                    found.add(wanted[status.st_dev, status.st_ino])
    return found
