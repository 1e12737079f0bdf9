"""The real sender, in a process of its own, against a server on loopback that behaves as asked.

The process is a fork, so that what a break plants here holds there; it is killed with SIGKILL.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mediastack import notify_sender

SLOW_SECONDS = 1.5


class Server:
    """An ntfy, as far as the sender sees one. `moods` are for one request each, then all is well:
    a status, "slow", "cut" (taken, and the answer never comes) or "mute" (not taken)."""

    def __init__(self) -> None:
        self.moods: list[int | str] = []
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        # Bound now and listening later: until then it is down.
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler, bind_and_activate=False
        )
        self._server.daemon_threads = True
        self._server.server_bind()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """One request."""
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self._lock:
            self.asked += 1
            mood = self.moods.pop(0) if self.moods else 200
        if mood == "slow":
            time.sleep(SLOW_SECONDS)
            mood = 200
        if mood in (200, "cut"):
            with self._lock:
                self.taken.append(body)
        if isinstance(mood, str):
            with contextlib.suppress(OSError):
                request.connection.shutdown(socket.SHUT_RDWR)
            return
        with contextlib.suppress(OSError):
            request.send_response(mood)
            request.send_header("Content-Length", "2")
            request.end_headers()
            request.wfile.write(b"{}")

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """It answers during the block."""
        self._server.server_activate()
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()

    def close(self) -> None:
        """It is gone."""
        self._server.server_close()


@contextlib.contextmanager
def house(directory: Path, url: str, secrets: dict[str, str] | None = None) -> Iterator[Path]:
    """A house in this directory whose messages go to `url`; return its spool."""
    for name, value in (secrets or {}).items():
        path = directory / "etc" / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    config = directory / "mediastack.toml"
    config.write_text(
        "schema = 1\n"
        f'[paths]\netc = "{directory}/etc"\nstate = "{directory}/state"\n'
        f'runtime = "{directory}/run"\n'
        f'[notify]\nurl = "{url}"\ntopic = "t"\n'
        f'token_file = "{directory}/etc/secrets/notify/token"\n'
    )
    before = os.environ.get("MEDIASTACK_CONFIG")
    os.environ["MEDIASTACK_CONFIG"] = str(config)
    try:
        yield directory / "state" / "spool"
    finally:
        if before is None:
            del os.environ["MEDIASTACK_CONFIG"]
        else:
            os.environ["MEDIASTACK_CONFIG"] = before


def start(log: Path) -> int:
    """Start a sender; return its process id. What it prints goes to the file."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = notify_sender.main([])
    finally:
        os._exit(code)


def end(child: int, seconds: float) -> int | None:
    """Wait for a sender to end by itself; kill it after so long. Return its exit code or None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
