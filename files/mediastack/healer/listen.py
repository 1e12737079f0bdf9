"""Docker's events of the group, as lines for the monitor: they only wake it early.

A stream that ends is opened again from where it ended, so that what happened meanwhile comes, as
far as the engine remembers it. That it is cut, and that it is back, is said as well: until then the
monitor has to look more often. Facts: Docker Engine API "events"; the filters are exact words but
for health_status, which has its result behind a colon.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from mediastack.docker_client import NotReachable
from mediastack.docker_engine import LABEL
from mediastack.docker_http import EventStream
from mediastack.docker_socket import DockerSocket

ACTIONS = (
    *("create", "start", "restart", "rename", "pause", "unpause"),
    *("die", "stop", "kill", "oom", "destroy", "health_status"),
)
FILTERS = {"type": "container", "label": LABEL, "event": list(ACTIONS)}
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
NANO = 1_000_000_000
SEEN = 64


class Listener:
    """Relays events until it is ended, or nobody takes them any more."""

    def __init__(
        self,
        docker: DockerSocket,
        group: Callable[[], Collection[str]],
        send: Callable[[dict[str, Any]], None],
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._docker = docker
        self._group = group
        self._send = send
        self._ended = threading.Event()
        self._stream: EventStream | None = None
        self._since = clock()
        self._seen: collections.deque[tuple[int, str, str]] = collections.deque(maxlen=SEEN)

    def run(self) -> None:
        """Relay. Raise OSError when an event cannot be sent."""
        cut = False
        pause = FIRST_PAUSE_SECONDS
        while not self._ended.is_set():
            try:
                since = f"{self._since // NANO}.{self._since % NANO:09}"
                self._stream = self._docker.stream(since, dict(FILTERS))
                if self._ended.is_set():
                    self._stream.close()
                    return
                if cut:
                    self._send({"event": "back"})
                cut, pause = False, FIRST_PAUSE_SECONDS
                for event in self._stream:
                    self._relay(event)
            except NotReachable:
                if not cut and not self._ended.is_set():
                    self._send({"event": "cut"})
                    cut = True
                self._ended.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def end(self) -> None:
        """End it, from another thread."""
        self._ended.set()
        if self._stream is not None:
            self._stream.close()

    def _relay(self, event: dict[str, Any]) -> None:
        actor = event.get("Actor") or {}
        action = str(event.get("Action", "")).partition(":")[0]
        at = int(event.get("timeNano") or 0)
        # A stream that is opened again begins with the event it ended with. Not by comparing times:
        # the clock may have been set.
        mark = (at, str(actor.get("ID", "")), action)
        if mark in self._seen:
            return
        self._seen.append(mark)
        self._since = at
        service = (actor.get("Attributes") or {}).get(LABEL, "")
        if action in ACTIONS and service in self._group():
            self._send({"event": action, "service": service, "at": at / NANO})
