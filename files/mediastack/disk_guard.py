"""disk-guard: downloads are paused before a disk is full, and go on when there is room. One loop.

A full disk damages databases, stops every app at once, and leaves torrents in errors; what fills it
here is mostly qBittorrent. Each pass is rounds of looking, deciding (disk_guard_step.step) and
doing, until nothing is left to do. In each round first what is told and written down, then the
state is saved, then something is done, and what came of that is saved at once: killed anywhere,
the next one goes on from what is. qBittorrent is asked only while downloads are paused or somebody
has to be started; else a pass is a few statvfs, and the further the disks are from the next
threshold the rarer it is.

A loop, and no timer that starts it: a look costs microseconds and the start of Python a second on
a small board, the session with qBittorrent lives in it (each run of a timer would log in, and
logins are few), and half a minute is gigabytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from mediastack import config as configuration
from mediastack import (
    disk_guard_host,
    disk_guard_levels,
    disk_guard_step,
    portsync_look,
)
from mediastack.disk_guard_observed import Disk, Observed
from mediastack.disk_guard_step import Action, State
from mediastack.docker_client import Docker
from mediastack.qbittorrent_client import LoginNeeded, TorrentError
from mediastack.torrents import Torrent

# While downloads are paused: how long a new one may run.
PAUSED_SECONDS = 5.0
# While somebody on the list is still missing.
MISSING_SECONDS = 30.0
TICK_SECONDS = 1.0
# Login, look, stop, look; and the same for those that came meanwhile.
ROUNDS = 8


class House(Protocol):
    """Everything outside of this module's decisions; tests and the simulation bring their own."""

    def now(self) -> float:
        """Seconds since boot."""

    def disks(self) -> tuple[list[Disk], list[str]]:
        """The disks, and the paths of which nothing is known."""

    def client(self) -> tuple[str | None, str]:
        """When qBittorrent's container was started (as in Observed), identity of its password."""

    def torrents(self) -> list[Torrent]:
        """All torrents. Raise LoginNeeded, TorrentError."""

    def login(self) -> str:
        """Try the password; what came of it, in QBittorrent.login's words."""

    def stop(self, hashes: list[str]) -> str:
        """As Torrents.stop."""

    def start(self, hashes: list[str], *, forced: bool) -> str:
        """As Torrents.start."""

    def tell(self, action: Action) -> None:
        """Carry out a "tell" or a "record"."""

    def save(self, state: State) -> None:
        """Keep the state, whatever happens next. Raise OSError."""

    def publish(self, report: dict[str, Any]) -> None:
        """Show how things are."""


class Guard:
    """What it remembers from one pass to the next."""

    def __init__(self, house: House, state: State, *, pausing: bool) -> None:
        self._house = house
        self._state = state
        self._pausing = pausing
        self._tried = ""

    def make_pass(self) -> float:
        """Look and act until nothing is left to do; return after how many seconds to look again.

        Raise OSError when the state cannot be kept; nothing was done then that it does not know.
        """
        for _ in range(ROUNDS):
            observed = self._observe()
            if not self._round(observed):
                break
        if self._state["phase"] != "open":
            return PAUSED_SECONDS
        patience = disk_guard_levels.patience(observed, self._state)
        return min(patience, MISSING_SECONDS) if self._state["stopped"] else patience

    def _observe(self) -> Observed:
        disks, unknown = self._house.disks()
        found: Observed = {
            "disks": disks,
            "unknown": unknown,
            "asked": disk_guard_step.wants_torrents(self._state),
            "torrents": None,
            "started": None,
            "login": False,
            "tried": self._tried,
            "password": "",
            "trouble": "",
        }
        if found["asked"]:
            self._tried = ""
            found["started"], found["password"] = self._house.client()
            try:
                found["torrents"] = self._house.torrents()
            except LoginNeeded:
                found["login"] = True
            except TorrentError as error:
                found["trouble"] = str(error)
        return found

    def _round(self, observed: Observed) -> bool:
        """Decide and do; say whether there is something to be looked at again."""
        before = self._state
        actions, self._state = disk_guard_step.step(
            observed, before, self._house.now(), pausing=self._pausing
        )
        for action in actions:
            if action["do"] in ("tell", "record"):
                self._house.tell(action)
        if self._state != before:
            self._save(before)
        self._house.publish(report(observed, self._state))
        acts = [action for action in actions if action["do"] not in ("tell", "record")]
        for action in acts:
            self._act(action)
        return bool(acts) or (disk_guard_step.wants_torrents(self._state) and not observed["asked"])

    def _act(self, action: Action) -> None:
        if action["do"] == "login":
            self._tried = self._house.login()
            return
        if action["do"] == "stop":
            said = self._house.stop(action["hashes"])
        else:
            said = self._house.start(action["hashes"], forced=action["forced"])
        before = self._state
        self._state = disk_guard_step.acknowledge(before, action, said)
        if self._state != before:
            self._save(before)

    def _save(self, before: State) -> None:
        try:
            self._house.save(self._state)
        except OSError:
            # Else it would go on from what nobody knows after a kill.
            self._state = before
            raise


def report(observed: Observed, state: State) -> dict[str, Any]:
    """Return what doctor and checks look at: nothing in it is secret."""
    return {
        "schema": 1,
        "phase": state["phase"],
        # Not those that its user has deleted, to make room: they are waited for in silence.
        "stopped": sum(one["absent"] is None for one in state["stopped"].values()),
        "deaf": state["deaf"],
        "error": state["login"]["stuck"] or observed["trouble"],
        "unknown": observed["unknown"],
        "disks": [
            {**disk, **state["levels"].get(disk["paths"][0], disk_guard_levels.NONE)}
            for disk in observed["disks"]
        ],
    }


def main(arguments: list[str]) -> int:
    """Watch the disks until ended. Raise ConfigError."""
    argparse.ArgumentParser(prog="mediastack disk-guard", description=main.__doc__).parse_args(
        arguments
    )
    docker = Docker()
    while True:
        until_changed(configuration.load(), docker)


def until_changed(config: Mapping[str, Any], docker: Docker) -> None:
    """Work with this configuration until mediastack.toml is another file."""
    file = configuration.file()
    house = disk_guard_host.Host(config, docker)
    guard = Guard(house, house.load(), pausing=disk_guard_host.pausing(config))
    version, next_pass = portsync_look.identity(file), 0.0
    while portsync_look.identity(file) in (version, ""):
        if time.monotonic() >= next_pass:
            try:
                next_pass = time.monotonic() + guard.make_pass()
            except OSError as error:
                print(f"mediastack disk-guard: {error}", file=sys.stderr)
                next_pass = time.monotonic() + PAUSED_SECONDS
        time.sleep(TICK_SECONDS)
