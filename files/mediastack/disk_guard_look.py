"""How much room the watched disks have, looked at so that a dead one cannot hang who looks.

/data is looked at where its sentinel is: an empty mount point would show the room of the system's
disk. statvfs can block in the kernel for ever on a dead mount, so each path has a thread of its own
with a deadline; while one hangs no second one is started for its path, and nothing is known of it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from mediastack import atomic, disk_space
from mediastack.disk_guard_observed import Disk

DEADLINE_SECONDS = 3.0
DOCKER = "/var/lib/docker"
DOCKER_SETTINGS = "/etc/docker/daemon.json"
THRESHOLDS = ("warn", "pause", "resume")


class Place(NamedTuple):
    """A watched path, and what is looked at for it. `pauses`: downloads write there, or what must
    not run out of room while they do. `needed`: that it does not answer is no absence."""

    path: str
    look_at: str
    pauses: bool
    needed: bool


class Room(NamedTuple):
    """What the kernel says: which file system, bytes free for its users, bytes in all."""

    device: int
    free: int
    total: int


def places(paths: Mapping[str, str], docker_settings: str = DOCKER_SETTINGS) -> list[Place]:
    """Return what is watched, the ones that pause first: of several on one disk those name it."""
    docker = str(atomic.read_json(docker_settings, {}).get("data-root") or DOCKER)
    return [
        Place(paths["data"], paths["sentinel"], True, True),
        Place(paths["config"], paths["config"], True, True),
        Place(paths["state"], paths["state"], False, False),
        Place(docker, docker, False, False),
        Place(paths["backups"], paths["backups"], False, False),
    ]


class Look:
    """The watched paths, and the threads that hang on one of them."""

    def __init__(self, watched: list[Place], thresholds: Mapping[str, Any]) -> None:
        self._watched = watched
        self._thresholds = {name: disk_space.parse(thresholds[name]) for name in THRESHOLDS}
        self._hanging: dict[str, threading.Thread] = {}

    def disks(self) -> tuple[list[Disk], list[str]]:
        """Return the disks, each once, and the paths of which nothing is known."""
        found: dict[int, tuple[Room, list[Place]]] = {}
        unknown = []
        for place in self._watched:
            room = self._room(place)
            if room is not None:
                found.setdefault(room.device, (room, []))[1].append(place)
            elif place.needed or place.path in self._hanging:
                unknown.append(place.path)
        return [self._disk(room, there) for room, there in found.values()], unknown

    def _disk(self, room: Room, there: list[Place]) -> Disk:
        warn, pause, resume = (self._thresholds[name].of(room.total) for name in THRESHOLDS)
        return {
            "paths": [place.path for place in there],
            "pauses": any(place.pauses for place in there),
            "free": room.free,
            "total": room.total,
            "warn": warn,
            "pause": pause,
            "resume": resume,
        }

    def _room(self, place: Place) -> Room | None:
        """None when it is not there, or does not answer in time."""
        before = self._hanging.get(place.path)
        if before is not None and before.is_alive():
            return None
        self._hanging.pop(place.path, None)
        answer: list[Room] = []

        def ask() -> None:
            with contextlib.suppress(OSError):
                answer.append(room_of(place.look_at))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(DEADLINE_SECONDS)
        if thread.is_alive():
            self._hanging[place.path] = thread
            return None
        return answer[0] if answer else None


def room_of(path: str) -> Room:
    """Return the room where a path is. Raise OSError."""
    said = os.statvfs(path)
    return Room(os.stat(path).st_dev, said.f_bavail * said.f_frsize, said.f_blocks * said.f_frsize)
