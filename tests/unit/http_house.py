"""A small HTTP server for tests of clients: it answers what it is told, and keeps what it saw."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Seen(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, dict[str, str], str]


class Server:
    """Answers by "METHOD /path" (or a function of what was seen); others get 404. `way`: "hangs"
    says nothing, "drips" a byte now and then, "short" less than it announced."""

    def __init__(
        self, answers: dict[str, Answer] | Callable[[Seen], Answer], *, way: str = ""
    ) -> None:
        self.seen: list[Seen] = []
        self.seconds = 0.0
        outer = self
        done = self._done = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                seen = Seen(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                outer.seen.append(seen)
                if way == "hangs":
                    done.wait(5)
                    return
                if way == "drips":
                    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100:
                        if done.wait(0.05):
                            return
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                    return
                key = f"{seen.method} {seen.path}"
                found = answers(seen) if callable(answers) else answers.get(key, (404, {}, ""))
                self.send_response(found[0])
                for name, value in found[1].items():
                    for one in value.split("\n"):
                        self.send_header(name, one)
                self.send_header("Content-Length", str(len(found[2]) + 9 * (way == "short")))
                self.end_headers()
                self.wfile.write(found[2].encode())

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        self._began = time.monotonic()
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        self._done.set()
        self._server.shutdown()
        self._server.server_close()
