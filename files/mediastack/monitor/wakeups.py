"""What wakes the watcher before its time: an event, a death, a signal, the end of an act.

All of it is one poll. Events come from the healer, deaths from pidfds of the processes of the last
look, which need no privilege and work while Docker is away. None of it is believed: it only makes
the next look come now. The first of a burst does so at once; after a few, a bucket that is refilled
twenty times a second keeps a storm of events from becoming a storm of looks.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from mediastack.monitor.door import Ear

PASSES_AT_ONCE = 4.0
PASSES_PER_SECOND = 20.0
RETRY_SECONDS = 1.0
# A signal was sent; the end, if it is one, is told as well, a moment later.
NOT_WORTH_WAKING = frozenset(("kill",))


class Woken(NamedTuple):
    """`end`: we were told to end. `event_at`: Docker's time of the first event, None for none."""

    end: bool
    event_at: float | None


class Wakeups:
    """The poll set: the ear, our own pipes, and a pidfd for each process of the last look."""

    def __init__(self, ear: Ear, ended: int) -> None:
        self._ear, self._ended = ear, ended
        self._signals = signals_as_bytes()
        self._poller = select.poll()
        for descriptor in (self._signals, ended):
            self._poller.register(descriptor, select.POLLIN)
        self._listening, self._retry_at = -1, 0.0
        self._pidfds: dict[int, int] = {}
        # Which have ended, as we know; Docker may not know yet.
        self._dead: set[int] = set()
        self._stirred = False
        self._credit, self._credited_at = PASSES_AT_ONCE, time.monotonic()
        self.listen()

    def listen(self) -> None:
        """See to it that events are heard, if somebody is there to tell them."""
        now = time.monotonic()
        if self._ear.fileno() < 0 and now >= self._retry_at:
            self._retry_at = now + RETRY_SECONDS
            # What happened before we listened we do not know.
            self._stirred |= self._ear.listen()
        if self._listening != (heard := self._ear.fileno()):
            if self._listening >= 0:
                self._poller.unregister(self._listening)
            if heard >= 0:
                self._poller.register(heard, select.POLLIN)
            self._listening = heard

    def watch(self, pids: Iterable[int]) -> None:
        """Wake when one of these processes ends, and forget all others."""
        wanted = {pid for pid in pids if pid > 0}
        self._dead &= wanted
        for pid in self._pidfds.keys() - wanted:
            self._forget(pid)
        for pid in wanted - self._pidfds.keys() - self._dead:
            try:
                self._pidfds[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                # Between the look and now. Look again, but only once: Docker may be slower.
                self._dead.add(pid)
                self._stirred = True
            except OSError:
                # No such call, or no descriptor left: events and the clock remain.
                continue
            else:
                self._poller.register(self._pidfds[pid], select.POLLIN)

    def wait(self, seconds: float, expected: Collection[str] = ()) -> Woken:
        """Return when something stirs, at the latest after so many seconds.

        `expected`: services whose events wake nobody, since an act of ours makes them.
        """
        until = time.monotonic() + seconds
        event_at: float | None = None
        while True:
            now = time.monotonic()
            if self._stirred:
                until = min(until, now + self._patience(now))
            if now >= until:
                break
            pause = until - now if self._listening >= 0 else min(until - now, RETRY_SECONDS)
            # Rounded up: a poll that ends a hair too early would spin.
            ready = {fd for fd, _ in self._poller.poll(math.ceil(pause * 1000))}
            if self._signals in ready:
                received = os.read(self._signals, 64)
                if signal.SIGTERM in received or signal.SIGINT in received:
                    return Woken(True, None)
                self._stirred = True
            for pid in [pid for pid, descriptor in self._pidfds.items() if descriptor in ready]:
                self._forget(pid)
                self._dead.add(pid)
                self._stirred = True
            if self._listening in ready:
                event_at = self._hear(event_at, expected)
            if self._ended in ready:
                # The byte is left to whoever takes the result; so no more polling now.
                break
            if self._listening < 0:
                self.listen()
        self._credit = max(0.0, self._credit - 1.0)
        self._stirred = False
        return Woken(False, event_at)

    def _hear(self, event_at: float | None, expected: Collection[str]) -> float | None:
        """Take what the ear heard; return the first time of an event, `event_at` if it has one."""
        for event in self._ear.events():
            if event.get("event") in NOT_WORTH_WAKING or event.get("service") in expected:
                continue
            self._stirred = True
            at = event.get("at")
            if event_at is None and isinstance(at, (int, float)):
                event_at = float(at)
        if self._ear.fileno() < 0:
            self.listen()
        return event_at

    def _patience(self, now: float) -> float:
        """How many seconds until one more pass may be made."""
        refilled = self._credit + (now - self._credited_at) * PASSES_PER_SECOND
        self._credit, self._credited_at = min(PASSES_AT_ONCE, refilled), now
        return max(0.0, 1.0 - self._credit) / PASSES_PER_SECOND

    def _forget(self, pid: int) -> None:
        descriptor = self._pidfds.pop(pid)
        self._poller.unregister(descriptor)
        os.close(descriptor)


def pids(look: Any, expected: Collection[str] = ()) -> list[int]:
    """Return the first processes of the containers in a look, but for expected services."""
    return [
        one["pid"]
        for name, one in look["services"].items()
        if isinstance(one["pid"], int) and name not in expected
    ]


def signals_as_bytes() -> int:
    """Return a pipe that gets a byte per SIGHUP, SIGTERM or SIGINT received."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading
