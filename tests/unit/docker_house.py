"""A little Docker engine on a unix socket, for tests of who speaks HTTP with one."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mediastack.docker_socket import DockerSocket

Answer = tuple[int, Any] | Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by "METHOD /path" (without version and query); others get 404."""

    protocol_version = "HTTP/1.1"
    server: EngineServer

    def handle_any(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(split.query).items()}
        version, _, rest = split.path.lstrip("/").partition("/")
        path = f"/{rest}" if version.startswith("v1.") else split.path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = f"{self.command} {path}"
        self.server.seen.append((key, query, json.loads(body) if body else None))
        self.server.versions.append(version)
        answer = self.server.answers.get(key, (404, {"message": f"no {path}"}))
        if callable(answer):
            answer(self)
        else:
            self.say(*answer)

    do_GET = do_POST = do_DELETE = do_HEAD = handle_any

    def say(self, status: int, value: Any = None) -> None:
        """A whole answer, as JSON or bytes, of known length."""
        body = value if isinstance(value, bytes) else b"" if value is None else encoded(value)
        self.send_response(status)
        self.send_header("Api-Version", self.server.version)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


class EngineServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path) -> None:
        self.answers: dict[str, Answer] = {"GET /_ping": (200, b"OK")}
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        self.versions: list[str] = []
        self.version = "1.45"
        self.connections: list[Any] = []
        super().__init__(str(path), Handler)

    def get_request(self) -> tuple[Any, Any]:
        request, _ = super().get_request()
        self.connections.append(request)
        return request, ("here", 0)

    def handle_error(self, *_: Any) -> None:
        pass

    def called(self) -> list[str]:
        return [key for key, _, _ in self.seen if key != "GET /_ping"]

    def __enter__(self) -> EngineServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def framed(text: bytes, kind: int = 1) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def client(engine: EngineServer) -> DockerSocket:
    """One who asks this engine and gives up after half a second."""
    return DockerSocket(str(engine.server_address), timeout_seconds=0.5)


def too_late(handler: Handler) -> None:
    """An engine that says nothing until the client has given up."""
    time.sleep(1.0)
    handler.hang_up()
