"""The door's deliveries, read by root as files of somebody who means harm.

The directory and all in it belong to the door's account, which may have put anything there: links,
pipes, another's file under a second name, gigabytes, names of all kinds. So every step is taken
relative to a directory that is held open, no link is followed, a file is looked at after it was
opened and read no further than its bound. What is removed is removed by name in that directory.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from mediastack.door import bodies
from mediastack.door.journal import NEW

LARGEST_FILE = 512 * 1024
MOST_FILES = 1024
DEEPEST = 8
NAME = re.compile(r"[a-z0-9-]{1,100}\.json")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe must not make us wait.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotOurs(Exception):
    """What is there was not made by the door as it is; the message says why."""


@contextlib.contextmanager
def opened(inbox: str) -> Iterator[int]:
    """Hold the directory of new deliveries open. Raise OSError, FileNotFoundError without one."""
    outer = os.open(inbox, DIRECTORY)
    try:
        inner = os.open(NEW, DIRECTORY, dir_fd=outer)
    finally:
        os.close(outer)
    try:
        yield inner
    finally:
        os.close(inner)


def names(directory: int) -> list[str]:
    """Return what is in there, sorted, and no more than a bounded part of it. Raise OSError."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            found.append(entry.name)
            if len(found) >= MOST_FILES:
                break
    return sorted(found)


def read(directory: int, name: str, uid: int) -> object:
    """Return the JSON of one delivery of the account `uid`. Raise NotOurs."""
    if not NAME.fullmatch(name):
        raise NotOurs("the name is none of the door's")
    try:
        descriptor = os.open(name, FILE, dir_fd=directory)
    except OSError as error:
        raise NotOurs(f"cannot be opened ({error.strerror})") from error
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
            raise NotOurs("is no file of its own")
        if seen.st_uid != uid:
            raise NotOurs("is another user's")
        raw = b""
        while len(raw) <= LARGEST_FILE and (part := os.read(descriptor, LARGEST_FILE + 1)):
            raw += part
    except OSError as error:
        raise NotOurs(f"cannot be read ({error.strerror})") from error
    finally:
        os.close(descriptor)
    if len(raw) > LARGEST_FILE:
        raise NotOurs("is too large")
    try:
        return bodies.read(raw)
    except bodies.BadBody as error:
        raise NotOurs(str(error)) from error


def remove(directory: int, name: str, depth: int = 0) -> None:
    """Remove what has this name, a whole directory with what is in it. Raise OSError."""
    try:
        os.unlink(name, dir_fd=directory)
        return
    except FileNotFoundError:
        return
    except OSError as error:
        if not isinstance(error, (IsADirectoryError, PermissionError)) or depth >= DEEPEST:
            raise
    inner = os.open(name, DIRECTORY, dir_fd=directory)
    try:
        for one in names(inner):
            remove(inner, one, depth + 1)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=directory)
