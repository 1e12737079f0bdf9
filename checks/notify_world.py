"""A house that has things to say, a sender that gets killed, a server with moods; in virtual time.

Spool, sender and queue are the real ones, on a directory in memory; only the clock and the server
are played. A kill comes at one of the sender's file operations or around a delivery, chosen by the
seed; from then on nothing of that sender has any effect, as after SIGKILL (an exception alone would
let it tidy up). `judge` knows only what was said and what the server took.
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
from collections import defaultdict
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


def judge(world: World, ended: float, deadline: float) -> list[str]:
    """What was promised and not kept."""
    problems = [*_lost(world), *_order(world), *_storms(world), *_quiet(world)]
    if ended > deadline:
        problems.append(f"after {ended - deadline:.0f} s too many something still waits")
    return problems


def _lost(world: World) -> Iterator[str]:
    """Everything that was said was taken, by itself or counted; and nothing twice for no reason."""
    storms: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in world.said:
        storms[one.subject, one.key].append(one.number)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    excused: dict[tuple[str, str], int] = defaultdict(int)
    shown: set[int] = set()
    for message in world.taken:
        for number, count in message.parts:
            storm = (world.said[number].subject, world.said[number].key)
            taken[storm] += count
            excused[storm] += count if message.excused else 0
            shown.add(number)
            if f"#{number}#" not in message.text and "more" not in message.text:
                yield f"message {number} is counted and not in the text {message.text!r}"
    for storm, numbers in storms.items():
        missing = [number for number in (numbers if not storm[1] else numbers[-1:])
                   if number not in shown]  # fmt: skip
        if missing:
            yield f"lost of {storm}: {missing[:5]}"
        if taken[storm] < len(numbers):
            yield f"lost of {storm}: {len(numbers) - taken[storm]} of {len(numbers)} not counted"
        if taken[storm] > len(numbers) + excused[storm]:
            yield f"told twice of {storm}: {taken[storm]} for {len(numbers)}"


def _order(world: World) -> Iterator[str]:
    """What a subject says is taken in the order in which it was said."""
    last: dict[str, int] = defaultdict(lambda: -1)
    seen: set[int] = set()
    for one in world.taken:
        for number, _ in one.parts:
            if number in seen:
                continue
            seen.add(number)
            if number < last[one.subject]:
                yield f"order of {one.subject}: {number} came after {last[one.subject]}"
            last[one.subject] = max(last[one.subject], number)


def _storms(world: World) -> Iterator[str]:
    """A storm is one message within its window."""
    last: dict[tuple[str, str], Taken] = {}
    for one in world.taken:
        storm = (one.subject, one.key)
        before = last.get(storm)
        last[storm] = one
        if not one.key or before is None or before.excused:
            continue
        # A clock that was set moves the window with it.
        stepped = sum(abs(by) for when, by in world.steps if before.at <= when <= one.at)
        if one.at - before.at + stepped < WINDOW_SECONDS - 1.0:
            yield f"storm {storm}: two messages within {one.at - before.at:.0f} s"


def _quiet(world: World) -> Iterator[str]:
    """In quiet hours only what is urgent comes, alone or with others."""
    if not world.quiet:
        return
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in world.quiet.split("-"))
    zone = zoneinfo.ZoneInfo(ZONE)
    for one in world.taken:
        # From when it began to be delivered; the night may begin while a slow server takes it.
        moment = one.at - SLOW_SECONDS
        stepped = sum(by for when, by in world.steps if when <= one.at)
        quiet = []
        for when in (moment, one.at):
            local = datetime.fromtimestamp(when + stepped, zone)
            minute = local.hour * 60 + local.minute
            quiet.append(begin <= minute or minute < end if begin > end else begin <= minute < end)
        urgent = any(world.said[number].priority >= URGENT for number, _ in one.parts)
        # Of a storm the newest is shown and an earlier one may be what is urgent.
        urgent = urgent or one.priority >= URGENT
        if all(quiet) and not urgent:
            yield f"{one.subject}: {one.parts} came in quiet hours"
