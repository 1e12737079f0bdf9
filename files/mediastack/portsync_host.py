"""portsync's surroundings on a real host: two servers, the spool, the ledger, its two files.

portsync.json in the state directory is what a killed portsync needs to go on; the one of the same
name in the runtime directory is what `portsync-status` shows. Neither holds a secret.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from mediastack import atomic, clock, portsync_look, tell, torrent_tries
from mediastack.gluetun_client import Gluetun
from mediastack.portsync_step import State
from mediastack.qbittorrent_client import QBittorrent

ACTOR = "portsync"
STATE = "portsync.json"
SUBJECT = "qbittorrent"
PUBLISH_SECONDS = 60.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Host:
    """The real house."""

    def __init__(self, config: Mapping[str, Any], watch: portsync_look.Watch) -> None:
        vpn = config["vpn"]
        self._gluetun = Gluetun(vpn["control_url"], vpn["control_key_file"])
        self._client = QBittorrent(
            vpn["torrent_url"], vpn["torrent_user"], vpn["torrent_password_file"]
        )
        self.now = boot_seconds
        self.forwarded = self._gluetun.port
        self.preferences = self._client.preferences
        self.change = self._client.change
        self.facts = watch.facts
        # One try, if all programs of ours together have one left.
        self.login = partial(torrent_tries.attempt, config["paths"], STATE, self._client.login)
        self.tell = partial(tell.carry_out, ACTOR, SUBJECT)
        self._state_file = state_file(config["paths"])
        self._report_file = report_file(config["paths"])
        self._shown: dict[str, Any] = {}
        self._shown_at = 0.0
        self._since = clock.timestamp()

    def save(self, state: State) -> None:
        """Replace portsync.json."""
        atomic.write_json(self._state_file, state)

    def publish(self, report: dict[str, Any]) -> None:
        """Show it when it is another one, and now and then that we are there."""
        now = self.now()
        if report == self._shown and now - self._shown_at < PUBLISH_SECONDS:
            return
        if report.get("in_sync") != self._shown.get("in_sync"):
            self._since = clock.timestamp()
        self._shown, self._shown_at = report, now
        times = {"since": self._since, "time": clock.timestamp(), "pid": os.getpid()}
        atomic.write_json(self._report_file, {**report, **times})


def boot_seconds() -> float:
    """Seconds since boot, sleep of the machine included; no clock setting moves them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Return what is another text after each boot of the machine."""
    with open(BOOT_ID, encoding="ascii") as stream:
        return stream.read().strip()


def state_file(paths: Mapping[str, str]) -> str:
    """Return where the state of the last round is kept."""
    return os.path.join(paths["state"], STATE)


def report_file(paths: Mapping[str, str]) -> str:
    """Return where one sees how things are."""
    return os.path.join(paths["runtime"], "portsync.json")
