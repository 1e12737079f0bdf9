"""The way to the healer: one JSON line each way on a unix socket, every question with a deadline.

Whatever goes wrong on the way (nobody there, no answer in time, an answer that is not what it
should be) is one thing to those who ask: unknown. Looks and messages share a connection; an act may
take a quarter of an hour, so each has a thread and a connection of its own, and a byte in a pipe
says that it has ended. Events come over a third one, on which nothing is asked (`Ear`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections import deque
from typing import Any

from mediastack.monitor.firewall import Firewall
from mediastack.monitor.state import Act, Look, Message, Result

SOCKET = "/run/mediastack-healer/healer.sock"
LOOK_SECONDS = 10.0
ACT_SECONDS = 900.0
CONNECT_SECONDS = 5.0
# A healer that has too many connections refuses, too; not for long.
REFUSALS = 3
MAXIMUM_BYTES = 64 * 1024
SCHEMA = 1
# What step goes by; a look without any of it is no look.
OF_A_LOOK = frozenset(
    ("owner", "boot", "services", "actions", "undecided", "busy", "data", "settings")
    + ("firewall", "disk_free")
)
OF_A_SERVICE = frozenset(
    ("status", "id", "name", "health", "health_check", "netns", "network_mode", "started_at")
    + ("finished_at", "exit_code", "pid", "wanted", "stopped_by_user")
)


class Unknown(Exception):
    """No answer that says anything; the message says why."""


class Door:
    """The connection for looks and messages, and the threads of acts."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._connection: socket.socket | None = None
        self._ended: deque[Result] = deque()
        self._said = ""
        self._refusals = 0
        self._firewall = Firewall(self._probe, lambda: _say(self._ending))
        # A byte per act that has ended.
        self.ended, self._ending = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def look(self, firewall: bool) -> Look | None:
        """Return what is, None when nobody knows.

        With `firewall` what a probe of this owner has lately told of its packet filter is in it,
        and the next probe is under way, whose end wakes the loop: a look does not wait for it.
        """
        try:
            look = looked(self._ask({"do": "look"}))
        except Unknown as error:
            self._complain(f"no look: {error}")
            return None
        self._said = ""
        if not firewall:
            return look
        return {**look, "firewall": self._firewall.of(look)}

    def tell(self, message: Message) -> bool:
        """Hand one message over; return whether the healer has it, or can never take it."""
        try:
            answer = self._ask({"do": "tell", **message})
        except Unknown as error:
            self._complain(f"a message waits: {error}")
            return False
        if "refused" not in answer:
            return answer.get("ok") is True
        self._refusals += 1
        if self._refusals < REFUSALS:
            return False
        # It will be refused for ever, and all others would wait behind it.
        print(f"mediastack monitor: a message is lost: {_words(answer)}", file=sys.stderr)
        self._refusals = 0
        return True

    def act(self, act: Act) -> None:
        """Start an act in a thread of its own; its result comes through `results`."""
        threading.Thread(target=self._act, args=(act,), daemon=True).start()

    def results(self) -> list[Result]:
        """Return what became of acts that ended since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.ended, 64)
        found = []
        while self._ended:
            found.append(self._ended.popleft())
        return found

    def _act(self, act: Act) -> None:
        answer: dict[str, Any] = {}
        request = {"do": "act", "verb": act["verb"], "services": act["services"]}
        try:
            with connected(self._path) as connection:
                answer = ask(connection, request, ACT_SECONDS)
            unknown = "" if answer.get("ok") is True or "busy" in answer else _words(answer)
        except (Unknown, OSError) as error:
            unknown = str(error)
        failed = answer.get("failed")
        self._ended.append(
            {
                "verb": act["verb"],
                "services": list(act["services"]),
                "failed": dict(failed) if isinstance(failed, dict) else {},
                "busy": str(answer.get("busy", "")),
                "unknown": unknown,
            }
        )
        _say(self._ending)

    def _probe(self) -> Look | None:
        """Look at the packet filter, too; that takes a command inside the owner's container."""
        try:
            with connected(self._path) as connection:
                return looked(ask(connection, {"do": "look", "firewall": True}, LOOK_SECONDS))
        except (Unknown, OSError):
            return None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask over the shared connection, which is a new one after anything went wrong."""
        try:
            if self._connection is None:
                self._connection = connected(self._path)
            return ask(self._connection, request, LOOK_SECONDS)
        except (Unknown, OSError) as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise Unknown(str(error)) from error

    def _complain(self, text: str) -> None:
        # Once in the journal, not every two seconds.
        if text != self._said:
            print(f"mediastack monitor: {text}", file=sys.stderr)
        self._said = text


class Ear:
    """The connection that carries events, read without ever waiting."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._connection: socket.socket | None = None
        self._rest = b""
        self._cut = False

    @property
    def hears(self) -> bool:
        """Whether events of Docker would come through."""
        return self._connection is not None and not self._cut

    def fileno(self) -> int:
        """Return the descriptor to poll, -1 when there is none."""
        return -1 if self._connection is None else self._connection.fileno()

    def listen(self) -> bool:
        """Connect when there is no connection; return whether there is a new one."""
        if self._connection is not None:
            return False
        try:
            self._connection = connected(self._path)
            self._connection.sendall(b'{"do":"listen"}\n')
            self._connection.setblocking(False)
        except OSError:
            self.close()
            return False
        self._rest, self._cut = b"", False
        return True

    def events(self) -> list[dict[str, Any]]:
        """Return what was said since the last call; the end of the connection is {"event":"cut"}.

        What is not a line of JSON ends the connection, too: the next one starts afresh.
        """
        found: list[dict[str, Any]] = []
        if self._connection is None:
            return found
        try:
            while data := self._connection.recv(MAXIMUM_BYTES):
                *lines, self._rest = (self._rest + data).split(b"\n")
                found += [_object(line) for line in lines]
                if len(self._rest) > MAXIMUM_BYTES:
                    raise Unknown("a line without an end")
            self.close()
        except BlockingIOError:
            pass
        except (Unknown, OSError):
            self.close()
        if self._connection is None:
            found.append({"event": "cut"})
        for one in found:
            if one.get("event") in ("cut", "back"):
                self._cut = one["event"] == "cut"
        return found

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connected(path: str) -> socket.socket:
    """Return a connection to the healer. Raise OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def ask(connection: socket.socket, request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Send one line and return the line that comes back within so many seconds.

    Raise Unknown or OSError; the connection is of no use then.
    """
    deadline = time.monotonic() + seconds
    connection.settimeout(seconds)
    connection.sendall(json.dumps(request).encode() + b"\n")
    received = b""
    while not received.endswith(b"\n"):
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        data = connection.recv(MAXIMUM_BYTES)
        received += data
        if not data:
            raise Unknown("the healer hung up")
        if len(received) > MAXIMUM_BYTES:
            raise Unknown("the healer says too much")
    return _object(received)


def looked(answer: dict[str, Any]) -> Look:
    """Return the look in an answer. Raise Unknown."""
    if answer.get("ok") is not True:
        raise Unknown(_words(answer))
    return checked(answer.get("look"))


def checked(look: Any) -> Look:
    """Return a look in which everything is that step goes by. Raise Unknown."""
    if not isinstance(look, dict) or look.get("schema") != SCHEMA or not look.keys() >= OF_A_LOOK:
        raise Unknown("the look is of another schema; run the deploy")
    services = look["services"]
    if not isinstance(services, dict) or look["owner"] not in services:
        raise Unknown("the look has no owner in it")
    for name, one in services.items():
        if not isinstance(one, dict) or not one.keys() >= OF_A_SERVICE:
            raise Unknown(f"the look does not say enough of {name}")
    return look


def _say(pipe: int) -> None:
    # Full is as good as one more byte.
    with contextlib.suppress(BlockingIOError):
        os.write(pipe, b"\0")


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Unknown("that is not JSON") from error
    if not isinstance(value, dict):
        raise Unknown("that is no object")
    return value


def _words(answer: dict[str, Any]) -> str:
    return str(answer.get("refused") or answer.get("unknown") or answer.get("busy") or answer)[:500]
