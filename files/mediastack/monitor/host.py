"""The watcher's surroundings on a real host: the healer, its own directory, systemd.

The directory holds monitor.json, which `monitor status` reads (its time of change is that of the
last pass), and the user's request to resume, a file that only root and we can make.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from mediastack import atomic
from mediastack import config as configuration
from mediastack.monitor.door import Door, Ear
from mediastack.monitor.state import Requests, State

BOOT_ID = "/proc/sys/kernel/random/boot_id"
STATE_FILE, RESUME_FILE = "monitor.json", "resume"


class Host:
    """The real house."""

    def __init__(self, directory: str, door: Door, ear: Ear) -> None:
        self.look = door.look
        self.act = door.act
        self.results = door.results
        self.tell = door.tell
        self.wall_clock = time.time
        self._ear = ear
        self._state_file = os.path.join(directory, STATE_FILE)
        self._resume_file = os.path.join(directory, RESUME_FILE)
        self._boot = boot()

    def boottime(self) -> tuple[str, float]:
        """The boot's name and the seconds since it, sleep included."""
        return self._boot, time.clock_gettime(time.CLOCK_BOOTTIME)

    def load(self) -> Mapping[str, Any]:
        """What was saved last."""
        found: dict[str, Any] = atomic.read_json(self._state_file, {})
        return found

    def save(self, state: State) -> None:
        """Replace monitor.json."""
        atomic.write_json(self._state_file, state)

    def requests(self) -> Requests:
        """The user's file is there, or it is not."""
        return {"resume": os.path.lexists(self._resume_file)}

    def granted(self, requests: Requests) -> None:
        """Take the user's file away."""
        if requests["resume"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._resume_file)

    def hearing(self) -> bool:
        """Whether an event would wake us now."""
        return self._ear.hears

    def was_here(self) -> None:
        """Show that a pass was made, without writing anything."""
        with contextlib.suppress(OSError):
            os.utime(self._state_file)


def directory() -> str:
    """Return where the monitor keeps what it must not forget."""
    return os.path.join(configuration.paths()["state"], "monitor")


def metrics_port() -> int:
    """Return the port of the metrics, 0 for none; a configuration that cannot be read has none."""
    try:
        return int(configuration.load().get("monitor", {}).get("metrics_port", 0))
    except (configuration.ConfigError, TypeError, ValueError):
        return 0


def boot(path: str = BOOT_ID) -> str:
    """Return what is another text whenever CLOCK_BOOTTIME began anew."""
    with open(path, encoding="ascii") as stream:
        return stream.read().strip()


def watchdog_seconds() -> float:
    """Return after how long without a word systemd ends us, infinity for never."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() and int(text) else float("inf")
