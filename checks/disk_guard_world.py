"""Disks that fill up and a qBittorrent in virtual time, as the disk guard sees them.

Nothing waits: time is a number, and what happens next is the first entry of a heap. qBittorrent
behaves as the real one does where the guard could be hurt: a stopped torrent runs while it is
checked, a list may not be whole yet after a start, five failed logins ban, an answer may get lost
after the deed. What the guard promises is judged in disk_guard_oracle, of which this is the half
that happens.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

GIB = 1024**3
MIB = 1024**2
TIMEOUT_SECONDS = 2.0
WRONG = ("html", "500", "truncated", "refused", "hangs")
# What is loaded last appears so long after the first.
LOADING_SECONDS = 3.0


class Killed(BaseException):
    """The guard dies here; no handler of its own may notice."""


@dataclass
class Disk:
    """A file system; `there`: it is mounted and answers."""

    total: int
    free: float
    warn: int
    pause: int
    resume: int
    there: bool = True

    def is_low(self) -> bool:
        """At or below the threshold of a pause."""
        return self.free <= self.pause

    def has_room(self) -> bool:
        """At or above the threshold of going on."""
        return self.free >= self.resume


@dataclass
class Item:
    """A torrent. `by`: who stopped it. `unsure`: nobody could tell, the guard least of all."""

    name: str
    added_on: int
    left: float
    stopped: bool = False
    forced: bool = False
    checking: bool = False
    by: str = ""
    was_forced: bool = False
    unsure: bool = False
    stopped_at: float = 0.0
    checked_at: float = 0.0
    running_since: float = 0.0
    finished_at: float = 0.0
    loaded_at: float = 0.0

    def downloads(self) -> bool:
        """Does it write now?"""
        return not self.stopped and not self.checking and self.left > 0


@dataclass
class Server:
    """qBittorrent, but for its torrents."""

    started: str = "1"
    running: bool = True
    ready: bool = True
    mode: str = ""
    password: str = "p1"  # noqa: S105 - of a server that does not exist
    password_file: str = "p1"  # noqa: S105
    written: int = 1
    session: int = 0
    cookie: int = 0
    failures: int = 0
    rate: float = 80 * MIB


@dataclass
class World:
    """Time, disks, qBittorrent, and the guard's own file."""

    seed: int
    random: random.Random = field(init=False)
    now: float = 1000.0
    clock_error: float = 0.0
    counter: Any = field(default_factory=lambda: itertools.count(2))
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    disks: dict[str, Disk] = field(default_factory=dict)
    server: Server = field(default_factory=Server)
    items: dict[str, Item] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    kill_in: int | None = None
    kill_at_act: int = 0
    lose_answer: bool = False
    kills: int = 0
    looked_at: float = -1e9
    last: float = 1000.0
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - choices of a test, not secrets

    def at(self, delay: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self.events, (self.now + delay, next(self.counter), do))

    def lasts(self, seconds: float) -> float:
        """The history lasts at least until this is over."""
        self.last = max(self.last, self.now + seconds)
        return seconds

    def advance(self, until: float) -> None:
        """Let time pass, and happen what is due."""
        while self.events and self.events[0][0] <= until:
            when, _, do = heapq.heappop(self.events)
            self._pass(when)
            do()
            self.watch()
        self._pass(until)

    def _pass(self, until: float) -> None:
        """Downloads write; in steps, as what is full or finished writes no more."""
        while self.now < until:
            step = min(until - self.now, 1.0)
            self.now += step
            if self.server.running and self.disks["/data"].there:
                self._write(step * self.server.rate)
            self.watch()

    def _write(self, amount: float) -> None:
        busy = [one for one in self.items.values() if one.downloads()]
        data = self.disks["/data"]
        for one in busy:
            part = min(amount / len(busy), one.left, data.free)
            one.left -= part
            data.free -= part
            if one.left <= 0:
                one.finished_at = self.now

    def watch(self) -> None:
        """Let the oracle look."""
        for look in self.watchers:
            look()

    def good(self) -> bool:
        """Can the guard do its work?"""
        server = self.server
        return bool(
            server.running
            and server.ready
            and server.mode == ""
            and (server.password == server.password_file or server.cookie == server.session != 0)
            and server.failures == 0
            and all(disk.there for disk in self.disks.values())
            # A try that was counted and, killed, never made.
            and self.saved.get("login", {}).get("tries", 0) == 0
        )

    def change(self, path: str, gib: float) -> None:
        """Somebody else writes (less than 0: deletes) at once."""
        disk = self.disks[path]
        disk.free = min(max(disk.free - gib * GIB, 2 * GIB), disk.total * 0.97)

    # What the guard's calls have in common. Each takes a moment, and may be the last one.

    def call(self) -> None:
        """One step of the guard's: time passes, or it is killed here."""
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in = None
                raise Killed
        self.advance(self.now + self.random.uniform(0.001, 0.02))

    def ask(self, seconds: float) -> str:
        """Wait for an answer as long as it may take; return what is wrong with it, "" if nothing:
        "unsent" nobody was there, "lost" no usable answer came, "login"."""
        started = self.server.started
        self.call()
        if not (self.server.running and self.server.ready) or self.server.mode == "refused":
            return "unsent"
        end = self.now + seconds
        while self.server.mode == "hangs" and self.now < end:
            following = self.events[0][0] if self.events else end
            self.advance(min(max(following, self.now + 0.001), end))
        if self.server.mode or not self.server.ready or self.server.started != started:
            return "lost"
        return "" if self.server.session and self.server.cookie == self.server.session else "login"
