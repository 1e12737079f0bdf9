"""A healer of a test's own: a unix socket that answers as the test says."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Healer:
    """`answer` gets each request and returns the bytes to send, None to hang up."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], bytes | None] = lambda request: b'{"ok":true}\n'
        self.listeners: list[socket.socket] = []
        self.connections: list[socket.socket] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                self.asked.append(request)
                if request.get("do") == "listen":
                    self.listeners.append(connection)
                    continue
                answer = self.answer(request)
                if answer is None:
                    break
                connection.sendall(answer)
        # A thread that reads keeps the connection open after close().
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def say(self, data: bytes | dict[str, Any]) -> None:
        """Send to all who listen."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
        for one in self.listeners:
            one.sendall(raw)

    def hang_up(self) -> None:
        """End every connection."""
        for one in self.connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.connections, self.listeners = [], []

    def close(self) -> None:
        """Go away, and take the socket along."""
        self.server.close()
        self.hang_up()
        Path(self.path).unlink(missing_ok=True)


@contextlib.contextmanager
def healer(directory: Path) -> Iterator[Healer]:
    """One that is there for the block."""
    made = Healer(directory / "healer.sock")
    try:
        yield made
    finally:
        made.close()


def line(value: Any) -> bytes:
    """One answer."""
    return json.dumps(value).encode() + b"\n"


def wait(until: Callable[[], Any], seconds: float = 5.0) -> None:
    """Return when it holds."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.005)
