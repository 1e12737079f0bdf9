"""portsync: qBittorrent listens on the port that Gluetun forwards, always. One loop.

Every three seconds, or at once when something stirs (portsync_look.Watch.signature, looked at twice
a second), it makes a pass: rounds of looking, deciding (portsync_step.step) and doing, until there
is nothing left to do. In each round first what is told and written down, then the state is saved,
then a login or a change is made; the next round looks at what came of it. Killed anywhere it goes
on from what is; a message may then come twice, a login is never tried once too often. Gluetun's UP
and DOWN commands only touch a file: they run inside, where FlareSolverr's browser is, and hold no
credential.

What one sees of it: /run/mediastack/portsync.json, which `mediastack portsync-status` shows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from mediastack import atomic, portsync_host, portsync_look, portsync_step
from mediastack import config as configuration
from mediastack.docker_client import Docker
from mediastack.gluetun_client import GluetunError
from mediastack.portsync_look import Facts
from mediastack.portsync_observed import Observed
from mediastack.portsync_step import Action, State
from mediastack.qbittorrent_client import Client, LoginNeeded, TorrentError

STIR_SECONDS = 0.5
PASS_SECONDS = 3.0
SOON_SECONDS = 1.0
# How long after something stirred, or went wrong, it looks again every second: DOWN is run before
# the port is gone, UP before the tunnel is known to be up.
ALERT_SECONDS = 120.0
# Login, change, and the look at each, twice over.
ROUNDS = 8


class House(Protocol):
    """Everything outside of this module's decisions; tests and the simulation bring their own."""

    def now(self) -> float:
        """Seconds since boot."""

    def forwarded(self) -> int:
        """Gluetun's port, 0 for none. Raise GluetunError."""

    def preferences(self) -> Client:
        """qBittorrent's side. Raise LoginNeeded, TorrentError."""

    def login(self) -> str:
        """Try the password; what came of it, in QBittorrent.login's words."""

    def change(self, values: dict[str, Any]) -> None:
        """Set preferences. Raise LoginNeeded, TorrentError."""

    def facts(self, port: int | None) -> Facts:
        """What is known without asking over HTTP."""

    def tell(self, action: Action) -> None:
        """Carry out a "tell" or a "record"."""

    def save(self, state: State) -> None:
        """Keep the state, whatever happens next."""

    def publish(self, report: dict[str, Any]) -> None:
        """Show how things are."""


class Portsync:
    """The reconciler: what it remembers from one pass to the next."""

    def __init__(self, house: House, state: State, *, interface: str, alarm_seconds: float) -> None:
        self._house = house
        self._state = state
        self._interface = interface
        self._alarm_seconds = alarm_seconds
        self._tried = ""
        self._torrent: str | None = None
        self._fresh = True
        self._failed = ""
        self._uneasy_since: float | None = None
        self.port: int | None = None

    def make_pass(self) -> float:
        """Look and act until nothing is left to do; return after how many seconds to look again."""
        observed = None
        for _ in range(ROUNDS):
            observed = self._observe()
            if not self._round(observed):
                break
        agreed = observed is not None and self._agreed(observed)
        if agreed:
            self._uneasy_since = None
            return PASS_SECONDS
        now = self._house.now()
        if self._uneasy_since is None:
            self._uneasy_since = now
        return SOON_SECONDS if now - self._uneasy_since < ALERT_SECONDS else PASS_SECONDS

    def stirred(self) -> None:
        """Something happened: look often again."""
        self._uneasy_since = None

    def _observe(self) -> Observed:
        forwarded, client, login, trouble = None, None, False, ""
        try:
            forwarded = self._house.forwarded()
        except GluetunError as error:
            trouble = str(error)
        if forwarded:
            # Without a port there is nothing to ask qBittorrent for.
            self.port = forwarded
            try:
                client = self._house.preferences()
            except LoginNeeded:
                login = True
            except TorrentError as error:
                trouble = str(error)
        facts = self._house.facts(forwarded)
        self._fresh = self._fresh and self._torrent in (None, facts["torrent"])
        self._torrent = facts["torrent"]
        tried, self._tried = self._tried, ""
        failed, self._failed = self._failed, ""
        return {
            **facts,
            "forwarded": forwarded,
            "client": client,
            "login": login,
            "tried": tried,
            "fresh": self._fresh,
            "trouble": trouble or failed,
        }

    def _round(self, observed: Observed) -> bool:
        """Decide and do; say whether something was done that has to be looked at."""
        before = self._state
        actions, self._state = portsync_step.step(
            observed,
            before,
            self._house.now(),
            interface=self._interface,
            alarm_seconds=self._alarm_seconds,
        )
        if self._state["port"] != before["port"]:
            # Killed while it tells, it must not take the port before for the one last told.
            self._house.save({**before, "port": None})
        for action in actions:
            if action["do"] in ("tell", "record"):
                self._house.tell(action)
        if self._state != before:
            self._house.save(self._state)
        self._house.publish(report(observed, self._state, agreed=self._agreed(observed)))
        done = [self._act(action) for action in actions if action["do"] in ("login", "change")]
        return any(done)

    def _act(self, action: Action) -> bool:
        if action["do"] == "login":
            self._tried = self._house.login()
            return True
        try:
            self._house.change(action["values"])
        except LoginNeeded:
            pass
        except TorrentError as error:
            self._failed = str(error)
            return False
        return True

    def _agreed(self, observed: Observed) -> bool:
        client = observed["client"]
        return (
            client is not None
            and client["port"] == observed["forwarded"]
            and self._state["setting"] is None
        )


def report(observed: Observed, state: State, *, agreed: bool) -> dict[str, Any]:
    """Return what `portsync-status` shows: nothing in it is secret."""
    client = observed["client"]
    return {
        "schema": 1,
        "forwarded_port": observed["forwarded"],
        "listen_port": client["port"] if client else None,
        "in_sync": agreed,
        "listening": observed["listening"],
        "error": observed["trouble"] or state["login"]["stuck"],
        "alarms": list(state["told"]),
    }


def main(arguments: list[str]) -> int:
    """Keep qBittorrent's port the forwarded one until ended; 0 at once when no port is wanted.

    Raise ConfigError.
    """
    argparse.ArgumentParser(prog="mediastack portsync", description=main.__doc__).parse_args(
        arguments
    )
    docker = Docker()
    while True:
        config = configuration.load()
        if not config["vpn"].get("port_forwarding"):
            print("mediastack portsync: no port is forwarded here (vpn.port_forwarding)")
            return 0
        until_changed(config, docker)


def until_changed(config: Mapping[str, Any], docker: Docker) -> None:
    """Work with this configuration until mediastack.toml is another file."""
    vpn, file = config["vpn"], configuration.file()
    watch = portsync_look.Watch(vpn, docker, file)
    house = portsync_host.Host(config, watch)
    kept = atomic.read_json(portsync_host.state_file(config["paths"]), {})
    state = portsync_step.of_this_boot(kept, portsync_host.boot())
    worker = Portsync(
        house,
        state,
        interface=vpn["interface"],
        alarm_seconds=float(vpn["no_port_alarm_seconds"]),
    )
    version, seen, next_pass = portsync_look.identity(file), None, 0.0
    while portsync_look.identity(file) in (version, ""):
        stirring = watch.signature(worker.port)
        if stirring != seen or time.monotonic() >= next_pass:
            if stirring != seen:
                worker.stirred()
            try:
                next_pass = time.monotonic() + worker.make_pass()
            except OSError as error:
                # A full disk, say: without a state on it no login may be tried.
                print(f"mediastack portsync: {error}", file=sys.stderr)
                next_pass = time.monotonic() + PASS_SECONDS
            # Not what was seen before the pass: what it did itself stirs nothing.
            seen = watch.signature(worker.port)
            if seen[0] != stirring[0]:
                next_pass = 0.0
        time.sleep(STIR_SECONDS)
