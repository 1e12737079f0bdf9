"""A house that has things to say, a sender that gets killed, a server with moods; in virtual time.

Spool, sender and queue are the real ones, on a directory in memory; only the clock and the server
are played. A kill comes at one of the sender's file operations or around a delivery, chosen by the
seed; from then on nothing of that sender has any effect, as after SIGKILL (an exception alone would
let it tidy up).
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import random
import shutil
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from unittest import mock

from mediastack import atomic, notify, notify_message, notify_sender, quiet_hours
from mediastack.notify_sender import Result

WINDOW_SECONDS = 300.0
RESTART_SECONDS = 30.0
URGENT = 4
OPERATIONS = ("open", "write", "fsync", "replace", "rename", "unlink", "listdir", "fchmod")
ZONE = "Europe/Berlin"
SUBJECTS = ("gluetun", "data", "sonarr", "qbittorrent", "drift")
KEYS = ("", "", "down", "back")
MOODS = ("ok", "away", "later", "slow", "cut")
# What the server is like for each of them, in seconds.
SLOW_SECONDS = 9.0
QUICK_SECONDS = 0.05
# After the last trouble everything is out within a back-off, a storm window and a quiet look.
PATIENCE_SECONDS = 900.0


class Killed(BaseException):
    """SIGKILL."""


class Said(NamedTuple):
    """One call of notify.send."""

    number: int
    at: float
    subject: str
    key: str
    priority: int


class Taken(NamedTuple):
    """One message that the server took: what it stands for, as (number of the newest, how many)."""

    at: float
    subject: str
    key: str
    priority: int
    parts: tuple[tuple[int, int], ...]
    excused: bool
    """The sender could not know that it was taken, or was killed before it could remember."""
    text: str


class World:
    """One history."""

    def __init__(self, seed: int, *, start: float, quiet: str = "", kills: float = 0.0) -> None:
        self.choice = random.Random(seed)  # noqa: S311 - choices of a test
        self.quiet = quiet
        self.hours = quiet_hours.of(quiet, ZONE)
        self.kills = kills
        self.killed = 0
        self.time = start
        self.steps: list[tuple[float, float]] = []
        self.moods: list[tuple[float, str]] = []
        self.said: list[Said] = []
        self.taken: list[Taken] = []
        self.coming: list[tuple[float, str, str, int]] = []
        self.path = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)  # noqa: S108
        self.spool = os.path.join(self.path, "spool")
        self._dead = False
        self._fuse = -1
        self._in_sender = False
        self._lives = 0

    def now(self) -> float:
        """The wall clock, with what somebody has set it by."""
        return self.time + sum(by for at, by in self.steps if at <= self.time)

    def sleep(self, seconds: float) -> None:
        """Let time pass; what is said meanwhile is said."""
        self.time += max(seconds, 0.001)
        self._in_sender, before = False, self._in_sender
        while self.coming and self.coming[0][0] <= self.time:
            _, subject, key, priority = self.coming.pop(0)
            self.send(subject, key, priority)
        self._in_sender = before
        self._burn()

    def send(self, subject: str, key: str, priority: int) -> None:
        """Say something."""
        number = len(self.said)
        self.said.append(Said(number, self.time, subject, key, priority))
        notify.send(
            subject, f"{subject}: {key}", f"#{number}#", priority=priority, key=key,
            spool=self.spool,
        )  # fmt: skip

    def mood(self) -> str:
        """How the server is now."""
        return next((mood for at, mood in reversed(self.moods) if at <= self.time), "ok")

    def deliver(self, message: dict[str, Any]) -> Result:
        """The server's answer."""
        mood = self.mood()
        self.sleep(SLOW_SECONDS if mood == "slow" else QUICK_SECONDS)
        if mood in ("away", "later"):
            return Result(mood, mood)
        body = notify_message.payload(message, "topic")
        parts = tuple(
            (int(one["message"].strip("#")), int(one["count"]))
            for one in (*message["before"], message)
        )
        excused = mood == "cut"
        self.taken.append(
            Taken(
                self.time,
                message["subject"],
                message["key"],
                message["priority"],
                parts,
                excused,
                body["message"],
            )  # fmt: skip
        )
        self._burn()
        return Result("away", "cut") if excused else Result("ok")

    def run(self, until: float) -> float:
        """Play on until everything is said and taken; return when that was (or `until`)."""
        with self._as_clock():
            while self.time < until:
                if not self.coming and not os.listdir(f"{self.spool}/new"):
                    return self.time
                if not os.path.isdir(f"{self.spool}/new") or not os.listdir(f"{self.spool}/new"):
                    self.sleep(max(self.coming[0][0] - self.time, 0.0))
                    continue
                if not self._sender_runs():
                    self.sleep(RESTART_SECONDS)
        return self.time

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _sender_runs(self) -> bool:
        """One life of the sender; whether it ended by itself and well."""
        self._dead = False
        self._fuse = -1
        if self.kills and self.choice.random() < self.kills:
            self._fuse = self.choice.randrange(1, 60)
        self._in_sender = True
        self._lives += 1
        try:
            with self._perilous():
                return notify_sender.drain(
                    self.spool, self.deliver, hours=self.hours, now=self.now, sleep=self.sleep,
                    jitter=self.choice.random,
                )  # fmt: skip
        except Killed:
            self.killed += 1
            # Whatever it had just delivered it may not have known.
            if self.taken:
                self.taken[-1] = self.taken[-1]._replace(excused=True)
            return False
        finally:
            self._in_sender = False

    def _burn(self) -> None:
        if not self._in_sender:
            return
        if self._fuse > 0:
            self._fuse -= 1
        if self._fuse == 0 or self._dead:
            self._dead = True
            raise Killed

    @contextlib.contextmanager
    def _perilous(self) -> Iterator[None]:
        """Every file operation of the sender may be its last; after that none has an effect."""

        def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
            def operation(*arguments: Any, **more: Any) -> Any:
                self._burn()
                return real(*arguments, **more)

            return operation

        with contextlib.ExitStack() as stack:
            # Each life is a process of its own to those who sweep up after the dead.
            process = f"{os.getpid()}-{self._lives}"
            stack.enter_context(mock.patch.object(atomic, "_process", lambda _: process))
            for name in OPERATIONS:
                stack.enter_context(mock.patch.object(os, name, guarded(getattr(os, name))))
            stack.enter_context(mock.patch.object(builtins, "open", guarded(builtins.open)))
            yield

    @contextlib.contextmanager
    def _as_clock(self) -> Iterator[None]:
        with (
            mock.patch.object(time, "time", self.now),
            mock.patch.object(time, "time_ns", lambda: int(self.now() * 1e9)),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            notify.make_directories(self.spool)
            yield


def at(text: str) -> float:
    """A moment on the wall in the zone of these worlds."""
    return datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(ZONE)).timestamp()


def schedule(world: World, *, hours: float, messages: int, troubles: int) -> float:
    """Fill a world with what is said and how the server is; return when all trouble is over."""
    start, choice = world.time, world.choice
    length = hours * 3600.0
    for _ in range(messages):
        subject, key = choice.choice(SUBJECTS), choice.choice(KEYS)
        priority = choice.choice((2, 3, 3, 4, 5))
        # A third of them in bursts.
        many = choice.randrange(2, 9) if choice.random() < 0.1 else 1
        moment = start + choice.random() * length
        world.coming += [
            (moment + number * choice.random() * 30, subject, key, priority)
            for number in range(many)
        ]
    world.coming.sort()
    over = start
    for _ in range(troubles):
        begin = start + choice.random() * length
        end = begin + choice.choice((20.0, 120.0, 900.0))
        world.moods += [(begin, choice.choice(MOODS)), (end, "ok")]
        over = max(over, end)
    world.moods.sort()
    return max(over, start + length)
