"""The disk guard's surroundings on a real host: disks, qBittorrent, spool, ledger, its files.

disk_guard.json in the state directory is what a killed guard needs to go on, most of all the list
of what it stopped; the one of the same name in the runtime directory shows how things are. When the
state directory's own disk is full, the state is kept in the runtime directory, which is memory:
better than to stop torrents and forget which. Neither holds a secret.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from mediastack import (
    atomic,
    clock,
    disk_guard_look,
    disk_guard_step,
    portsync_host,
    portsync_look,
    tell,
    torrent_tries,
)
from mediastack.disk_guard_step import State
from mediastack.docker_client import Docker
from mediastack.torrents import Torrents

ACTOR = "disk-guard"
FILE = "disk_guard.json"
SUBJECT = "disk"
PUBLISH_SECONDS = 30.0


class Host:
    """The real house."""

    def __init__(self, config: Mapping[str, Any], docker: Docker) -> None:
        paths = config["paths"]
        vpn = config["vpn"]
        self._torrents = Torrents(
            vpn.get("torrent_url", ""),
            vpn.get("torrent_user", ""),
            vpn.get("torrent_password_file", ""),
        )
        self._watch = portsync_look.Watch(vpn, docker, "") if vpn.get("torrent_url") else None
        self.now = portsync_host.boot_seconds
        self.disks = disk_guard_look.Look(disk_guard_look.places(paths), config["disk"]).disks
        self.torrents = self._torrents.torrents
        self.stop = self._torrents.stop
        self.start = self._torrents.start
        # One try, if all programs of ours together have one left.
        self.login = partial(torrent_tries.attempt, paths, FILE, self._torrents.login)
        self.tell = partial(tell.carry_out, ACTOR, SUBJECT)
        self._state_file = os.path.join(paths["state"], FILE)
        self._spare_file = os.path.join(paths["runtime"], f"spare-{FILE}")
        self._report_file = report_file(paths)
        self._saves = 0
        self._shown: dict[str, Any] = {}
        self._shown_at = 0.0

    def client(self) -> tuple[str | None, str]:
        """Start of its container and identity of its password's file; where there is no client it
        does not run."""
        if self._watch is None:
            return "", ""
        facts = self._watch.facts(None)
        return facts["torrent"], facts["password"]

    def load(self) -> State:
        """Return the newest state that was saved, without another boot's moments."""
        kept = [atomic.read_json(path, {}) for path in (self._state_file, self._spare_file)]
        newest = max(kept, key=lambda one: int(one.get("saves", 0)))
        self._saves = int(newest.pop("saves", 0))
        boot = portsync_host.boot()
        return disk_guard_step.of_this_boot(newest, boot, self.now())

    def save(self, state: State) -> None:
        """Replace disk_guard.json. Raise OSError when nothing could be written anywhere."""
        self._saves += 1
        numbered = {**state, "saves": self._saves}
        try:
            atomic.write_json(self._state_file, numbered)
        except OSError as error:
            print(f"mediastack disk-guard: {error}; kept in memory", file=sys.stderr)
            atomic.write_json(self._spare_file, numbered)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._spare_file)

    def publish(self, report: dict[str, Any]) -> None:
        """Show it when something happened, and now and then that we are there."""
        now = self.now()
        shown = {**report, "disks": [{**disk, "free": 0} for disk in report["disks"]]}
        if shown == self._shown and now - self._shown_at < PUBLISH_SECONDS:
            return
        self._shown, self._shown_at = shown, now
        times = {"time": clock.timestamp(), "boot_seconds": now, "pid": os.getpid()}
        with contextlib.suppress(OSError):
            atomic.write_json(self._report_file, {**report, **times})


def pausing(config: Mapping[str, Any]) -> bool:
    """Say whether there is a torrent client here, and it may be paused."""
    return bool(config["vpn"].get("torrent_url") and config["disk"].get("pause_downloads", True))


def report_file(paths: Mapping[str, str]) -> str:
    """Return where one sees how things are."""
    return os.path.join(paths["runtime"], FILE)
