"""A Gluetun and a qBittorrent in virtual time, as portsync sees them.

Nothing waits: time is a number, and what happens next is the first entry of a heap. Both behave as
the real ones do where portsync could be hurt: DOWN is run before the port is gone, the tunnel's
device is another one after each rebuild and qBittorrent may stay on the dead one, a port that is
set again unchanged does nothing, five failed logins ban, and no good one in between forgives them.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from mediastack.gluetun_client import GluetunError
from mediastack.portsync_look import Facts
from mediastack.portsync_step import Action, State
from mediastack.qbittorrent_client import LOGIN_SECONDS, Client, LoginNeeded, TorrentError

TIMEOUT_SECONDS = 2.0
BAN_FAILURES = 5
BAN_SECONDS = 3600.0
WRONG = ("html", "500", "truncated", "refused", "hangs")


class Killed(BaseException):
    """portsync dies here; no handler of its own may notice."""


class Side:
    """What both servers have: an API that answers rightly or not."""

    def __init__(self) -> None:
        self.mode = ""
        self.started = "1"


class World:
    """Time, both servers, portsync's disk, and a record of what must never or always happen."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - choices of a test, not secrets
        self.now = 1000.0
        self.clock_error = 0.0
        self.counter = itertools.count(2)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.gluetun, self.client = Side(), Side()
        self.port, self.device = 40000, 5
        self.key = self.key_file = "k1"
        self.wake = 0
        # qBittorrent: what is set, where it listens, what it has on disk.
        self.running = self.ready = True
        self.set: Client = {"port": 6881, "random": False, "upnp": False, "interface": "tun0"}
        self.disk: Client = dict(self.set)  # type: ignore[assignment]
        self.socket = (6881, 5)
        self.password, self.password_file, self.written = "p1", "p1", 1
        self.session = self.cookie = 0
        self.failures, self.banned_until, self.bans = 0, 0.0, 0
        self.unsuccessful = 0
        # portsync: its disk, and when it is to die.
        self.saved: State = {}
        self.kill_in: int | None = None
        self.kill_at_login = 0
        self.kills = 0
        self.told: list[tuple[float, Action]] = []
        self.records: list[Action] = []
        self.good_since: float | None = None
        self.agreed_since: float | None = None
        self.lost_at: float | None = None
        self.portless_since: float | None = None
        self.long_portless = 0
        self.agreed: list[int] = []
        self.times: list[float] = []
        self.violations: list[str] = []
        self.wrong_passwords = self.wrong_passwords_planned = 0
        self.ports_set = [self.port]
        self.last = self.now

    def at(self, delay: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self.events, (self.now + delay, next(self.counter), do))

    def advance(self, until: float) -> None:
        """Let time pass, and happen what is due."""
        while self.events and self.events[0][0] <= until:
            when, _, do = heapq.heappop(self.events)
            self.now = max(self.now, when)
            self.judge()
            do()
            self.changed()
        self.now = max(self.now, until)
        self.judge()

    def changed(self) -> None:
        """Something happened: the five seconds begin anew."""
        self.good_since = self.now if self.good() else None
        self.agreed_since = None
        lost_at = self.now if self.lost_at is None else self.lost_at
        self.lost_at = None if self.port else lost_at
        if self.good_since is not None:
            self.at_check()
        portless = self.gluetun.mode != "" or self.key != self.key_file or not self.port
        if portless and self.portless_since is None:
            self.portless_since = self.now
        elif not portless and self.portless_since is not None:
            self.long_portless += self.now - self.portless_since > 880
            self.portless_since = None

    def at_check(self) -> None:
        """Look again exactly when the five seconds are over."""
        heapq.heappush(self.events, (self.now + 5.001, next(self.counter), self._nothing))

    def _nothing(self) -> None:
        # A look is no event: put back what `changed` is about to take away.
        since, agreed = self.good_since, self.agreed_since
        self.changed = lambda: self._back(since, agreed)  # type: ignore[method-assign]

    def _back(self, since: float | None, agreed: float | None) -> None:
        self.good_since, self.agreed_since = since, agreed
        del self.changed

    def good(self) -> bool:
        """Are both up, and is it possible to agree?"""
        return bool(
            self.gluetun.mode == ""
            and self.port
            and self.device
            and self.key == self.key_file
            and self.running
            and self.ready
            and self.client.mode == ""
            and (self.password == self.password_file or self.cookie == self.session != 0)
            and self.unsuccessful < BAN_FAILURES - 1
            # A try that was counted and, killed, never made.
            and self.saved.get("login", {}).get("tries", 0) < BAN_FAILURES - 1
        )

    def equal(self) -> bool:
        """Is qBittorrent reachable on the forwarded port?"""
        return self.set["port"] == self.port and self.socket == (self.port, self.device)

    def judge(self) -> None:
        """The promise, looked at whenever anything happens."""
        if self.good_since is None:
            return
        if self.equal():
            if self.agreed_since is None:
                self.agreed_since = self.now
                # An event that changed nothing here is nothing to be measured.
                self.times += [self.now - self.good_since] if self.now > self.good_since else []
                if not self.agreed or self.agreed[-1] != self.port:
                    self.agreed.append(self.port)
        elif self.now - self.good_since > 5.0:
            self.violations.append(
                f"at {self.now - 1000:.1f} s the ports have differed for 5 s: {self.port} on "
                f"device {self.device}, qBittorrent {self.set['port']} on {self.socket}"
            )
            self.good_since = None

    # What portsync calls. Each call takes a moment, and may be the last one.

    def call(self) -> None:
        """One step of portsync's: time passes, or it is killed here."""
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in = None
                raise Killed
        self.advance(self.now + self.random.uniform(0.001, 0.02))

    def ask(self, side: Side, seconds: float) -> None:
        """Wait for an answer as long as it may take; raise what a client makes of a wrong one."""
        self.call()
        end = self.now + seconds
        while side.mode == "hangs" and self.now < end:
            following = self.events[0][0] if self.events else end
            self.advance(min(max(following, self.now + 0.001), end))
        if side.mode:
            raise ValueError(side.mode)

    def forwarded(self) -> int:
        """As Gluetun.port."""
        try:
            self.ask(self.gluetun, TIMEOUT_SECONDS)
        except ValueError as error:
            raise GluetunError(str(error)) from None
        if self.key != self.key_file:
            raise GluetunError("401")
        return self.port

    def _torrent(self, seconds: float = TIMEOUT_SECONDS) -> None:
        started = self.client.started
        self.ask(self.client, seconds)
        if not (self.running and self.ready) or self.client.started != started:
            raise ValueError("refused")

    def preferences(self) -> Client:
        """As QBittorrent.preferences."""
        try:
            self._torrent()
        except ValueError as error:
            raise TorrentError(str(error)) from None
        if not self.session or self.cookie != self.session:
            raise LoginNeeded
        return self.set.copy()

    def login(self) -> str:
        """As QBittorrent.login, with the counter that bans."""
        if self.kill_at_login:
            self.kill_at_login -= 1
            self.kill_in = 2
        self.cookie = 0
        tried = self.password_file
        try:
            self._torrent(LOGIN_SECONDS)
        except ValueError as error:
            said = {"html": "strange", "500": "strange", "refused": "unsent"}.get(
                str(error), "lost"
            )
            self.unsuccessful += said == "lost"
            return said
        self.unsuccessful += 1
        if self.now < self.banned_until:
            result = "banned"
        elif tried == self.password:
            self.failures = self.unsuccessful = 0
            self.session = self.session or next(self.counter)
            self.cookie, result = self.session, "ok"
        else:
            self.failures += 1
            if self.failures >= BAN_FAILURES:
                self.bans += 1
                self.banned_until = self.now + BAN_SECONDS
                self.violations.append(f"at {self.now - 1000:.1f} s qBittorrent has banned us")
            result = "refused"
        self.call()
        return result

    def change(self, values: dict[str, Any]) -> None:
        """As QBittorrent.change; what is set again unchanged does nothing."""
        try:
            self._torrent()
        except ValueError as error:
            raise TorrentError(str(error)) from None
        if not self.session or self.cookie != self.session:
            raise LoginNeeded
        # What was read before the port was lost may still be on its way.
        if self.lost_at is not None and self.now - self.lost_at > 2 * TIMEOUT_SECONDS:
            self.violations.append(f"at {self.now - 1000:.1f} s it set {values} without a port")
        if values.get("listen_port", self.set["port"]) != self.set["port"]:
            self.set["port"] = values["listen_port"]
            if self.set["port"] not in (0, self.ports_set[-1]):
                self.ports_set.append(self.set["port"])
            self.set["random"] = not values["listen_port"]
            self.socket = (self.set["port"] or 55555, self.device)
        self.set["upnp"] = values.get("upnp", self.set["upnp"])
        interface = values.get("current_network_interface", self.set["interface"])
        if interface != self.set["interface"]:
            self.set["interface"] = interface
            self.socket = (self.set["port"], self.device)
        self.judge()
        self.call()

    def facts(self, port: int | None) -> Facts:
        """As Watch.facts."""
        listens = self.running and self.ready and self.socket[1] != 0 and self.socket[0] == port
        return {
            "owner": self.gluetun.started,
            "torrent": self.client.started if self.running else "",
            "password": str(self.written),
            "device": self.device,
            "listening": listens if port else None,
        }

    def signature(self, port: int | None) -> tuple[Any, ...]:
        """As Watch.signature."""
        facts = self.facts(port)
        return (self.wake, self.written, self.key_file, *facts.values())

    def tell(self, action: Action) -> None:
        """What reaches the user, or the ledger."""
        self.call()
        if action["do"] == "tell":
            self.told.append((self.now, action))
        else:
            self.records.append(action)

    def save(self, state: State) -> None:
        """On disk before anything is done."""
        self.call()
        self.saved = state

    def publish(self, report: dict[str, Any]) -> None:
        """Not looked at here."""

    def clock(self) -> float:
        """Seconds since boot."""
        return self.now
