"""A small HTTP server for stand-ins: routes are functions, answers are (status, body)."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import control

MAXIMUM_BODY_BYTES = 4 * 1024 * 1024


@dataclass
class Request:
    """One question: method, path, query and header values (lower-case names), raw body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Answer:
    """One answer: a str or bytes body is sent as it is, anything else as JSON."""

    body: Any = ""
    status: int = 200
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Answer]
_servers: list[ThreadingHTTPServer] = []
_closing: list[Callable[[], None]] = []


def at_end(action: Callable[[], None]) -> None:
    """Run `action` when the process is told to stop (close a database, kill a child)."""
    _closing.append(action)


def serve(port: int, handler: Handler, *, address: str = "::") -> None:
    """Answer on `port` in a thread of its own; `::` means both families where IPv6 exists."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64
        address_family = socket.AF_INET6 if address == "::" and _has_ipv6() else socket.AF_INET

        def server_bind(self) -> None:
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)
            self.server_name, self.server_port = "standin", port

    bound = address if address != "::" or _has_ipv6() else ""
    server = Server((bound, port), _answering(handler))
    _servers.append(server)
    threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 1}).start()
    print(f"listening on port {port}")


def wait_for_signal(state: str = "") -> int:
    """Sleep until SIGTERM or SIGINT, run the at_end actions, return 0."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        ignored = str(control.read(state).get("ignore_sigterm", "")).lower() in ("true", "1")
        if number == signal.SIGTERM and ignored:
            print("SIGTERM ignored as told")
            return
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    while not stop.wait(3600):
        pass
    print("stopping")
    for action in _closing:
        action()
    sys.stdout.flush()
    return 0


def _has_ipv6() -> bool:
    return os.path.exists("/proc/net/if_inet6") and socket.has_ipv6


def _answering(handler: Handler) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "standin"

        def _respond(self) -> None:
            parts = urlsplit(self.path)
            length = min(int(self.headers.get("Content-Length") or 0), MAXIMUM_BODY_BYTES)
            request = Request(
                "GET" if self.command == "HEAD" else self.command,
                parts.path or "/",
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {key.lower(): value for key, value in self.headers.items()},
                self.rfile.read(length) if length else b"",
            )
            try:
                answer = handler(request)
            except Exception as error:  # a broken stand-in must say so, not hang the client
                print(f"error: {self.command} {parts.path}: {error!r}", file=sys.stderr)
                answer = Answer({"error": str(error)}, 500)
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            kind = answer.kind
            if isinstance(answer.body, bytes):
                content = answer.body
            elif isinstance(answer.body, str):
                content = answer.body.encode()
                kind = kind or "text/plain; charset=utf-8"
            else:
                content = json.dumps(answer.body).encode()
                kind = kind or "application/json"
            self.send_response(answer.status)
            if kind:
                self.send_header("Content-Type", kind)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD" and answer.status not in (204, 304):
                self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Health questions every few seconds are no news."""

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Answering, f"do_{method}", Answering._respond)
    return Answering
