"""The inbox's writing side: a delivery is a file, there for good before anybody is told so.

Written in inbox/tmp, synced, renamed into inbox/new, the directory synced. The name is made of who
delivered and what, so the same thing delivered again is the same file: nothing is done then. There
is room for so many files of one source and no more, so a flood fills neither the disk nor the way
of others. Who reads (mediastack.inbox, as root) removes them, and believes none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from typing import Any

from mediastack import atomic, clock

SCHEMA = 1
FILES_OF_A_SOURCE = 64
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
NEW, WRITING = "new", "tmp"


class Full(Exception):
    """There is no room for another delivery of this source until the inbox was read."""


class Journal:
    """`directory` is the inbox; one process writes there."""

    def __init__(self, directory: str, *, room: int = FILES_OF_A_SOURCE) -> None:
        self._new = os.path.join(directory, NEW)
        self._writing = os.path.join(directory, WRITING)
        self._room = room
        # Also held while the disk is waited for: a repetition is told "there" when it is there.
        self._one_at_a_time = threading.Lock()

    def prepare(self) -> None:
        """Make the directories, and remove what a killed door was writing. Raise OSError."""
        for path in (self._new, self._writing):
            os.makedirs(path, mode=DIRECTORY_MODE, exist_ok=True)
        for name in os.listdir(self._writing):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._writing, name))

    def deliver(self, source: str, key: Any, content: dict[str, Any]) -> bool:
        """Keep one delivery; False when it waits already. Raise Full, OSError.

        `key` is what makes it the same as another one (any JSON value).
        """
        name = file_name(source, key)
        entry = {"schema": SCHEMA, "at": clock.timestamp(), "source": source, **content}
        with self._one_at_a_time:
            place = os.path.join(self._new, name)
            if os.path.lexists(place):
                return False
            if self._waiting(source) >= self._room:
                raise Full(source)
            written = os.path.join(self._writing, name)
            atomic.write(written, json.dumps(entry).encode(), mode=FILE_MODE)
            os.rename(written, place)
            atomic.sync_directory(self._new)
        return True

    def waiting(self) -> int:
        """How many deliveries nobody has read yet. Raise OSError."""
        return len(os.listdir(self._new))

    def healthy(self) -> bool:
        """Whether a delivery could be kept now."""
        return os.access(self._new, os.W_OK) and os.access(self._writing, os.W_OK)

    def _waiting(self, source: str) -> int:
        return sum(_source(name) == source for name in os.listdir(self._new))


def file_name(source: str, key: Any) -> str:
    """The name of a delivery: letters, digits and hyphens, whatever the key holds."""
    told = json.dumps([source, key], sort_keys=True).encode()
    return f"{source}-{hashlib.sha256(told).hexdigest()[:40]}.json"


def _source(name: str) -> str:
    return name.rpartition("-")[0]
