"""HTTP to Docker over its unix socket: connections, and what an answer means; no SDK.

Whatever leaves us in the dark (no socket, no answer in time, a connection that was cut, an answer
that is no JSON, 500 on a question) is NotReachable; what Docker refused is DockerError with its
words, and 404 a kind of that. A connection is kept per thread; one that Docker closed meanwhile is
noticed before it is used. The API version is asked for with each new connection, since we outlive
an update of the engine.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from mediastack.docker_client import DockerError, NotReachable

NOT_FOUND, SERVER_ERROR = 404, 500


class Wire:
    """Connections to one engine, one per thread."""

    def __init__(self, path: str, timeout_seconds: float) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._local = threading.local()

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        reading: bool = True,
    ) -> Any:
        """Like ask; return what the body's JSON says."""
        answer = self.ask(method, path, query, body=body, reading=reading)
        with translated(self._path):
            return json.loads(answer)

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        timeout_seconds: float | None = None,
        reading: bool = True,
    ) -> bytes:
        """Return the answer's body; what went wrong is translated as docker_client does."""
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.is_stale():
            connection = self._connected()
        # Not kept before it has answered in full: what is left half-read is of no use.
        self._local.connection = None
        with translated(self._path):
            connection.sock.settimeout(timeout_seconds or self._timeout_seconds)
            target = f"{connection.version}{path}" + (
                f"?{urllib.parse.urlencode(query)}" if query else ""
            )
            sent = None if body is None else json.dumps(body).encode()
            headers = {} if sent is None else {"Content-Type": "application/json"}
            connection.request(method, target, sent, headers)
            response = connection.getresponse()
            answer = response.read()
        if connection.sock is not None:
            self._local.connection = connection
        status = response.status
        if status == NOT_FOUND:
            raise Absent(_words(answer, status))
        if status >= SERVER_ERROR and reading:
            # A dockerd that is going down answers questions with 500: still "unknown".
            raise NotReachable(f"Docker: {_words(answer, status)}")
        if status >= http.client.BAD_REQUEST:
            raise DockerError(_words(answer, status))
        return answer

    def stream(self, since: str, filters: str) -> EventStream:
        """Return what happens from `since` (seconds since the epoch, as text: a float is too
        coarse) on. Raise NotReachable."""
        connection = self._connected()
        query = urllib.parse.urlencode({"since": since, "filters": filters})
        with translated(self._path):
            connection.request("GET", f"{connection.version}/events?{query}")
            response = connection.getresponse()
            if response.status >= http.client.BAD_REQUEST:
                raise NotReachable(f"Docker: {_words(response.read(), response.status)}")
            if connection.sock is None:
                raise OSError("it does not keep its stream of events open")
        return EventStream(connection, response)

    def _connected(self) -> _Connection:
        connection = _Connection(self._path, self._timeout_seconds)
        with translated(self._path):
            connection.request("GET", "/_ping")
            response = connection.getresponse()
            response.read()
            if response.status >= http.client.BAD_REQUEST or connection.sock is None:
                raise OSError(f"it answers {response.status}")
            version = response.headers.get("Api-Version", "")
            connection.version = f"/v{version}" if version else ""
        return connection


class EventStream:
    """Events as they come: an iterator that waits, and ends with NotReachable. `close` may be
    called from another thread; then it just ends."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse) -> None:
        self._response = response
        self._closed = False
        # A handle of our own: the connection's may be gone when it is to be shut.
        self._handle = connection.sock.dup()
        connection.sock.settimeout(None)
        self._connection = connection

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            with translated("its stream of events"):
                while line := self._response.readline():
                    if text := bare(line):
                        yield json.loads(text)
        except NotReachable:
            if not self._closed:
                raise
        finally:
            self._response.close()
            self._connection.close()
        if not self._closed:
            raise NotReachable("Docker ended its stream of events")

    def close(self) -> None:
        """End it, also while somebody waits for the next event."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._handle.shutdown(socket.SHUT_RDWR)
        self._handle.close()


class _Connection(http.client.HTTPConnection):
    """HTTP/1.1 over a unix socket; `version` is the prefix of its paths."""

    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self.version = ""
        self._unix_path = path

    def connect(self) -> None:
        """Connect, within the time-out."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._unix_path)

    def is_stale(self) -> bool:
        """Whether the other end has closed it: nothing else is said unasked."""
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(poller.poll(0))


class Absent(DockerError):
    """404; a DockerError for those who did not expect it."""


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise NotReachable for whatever leaves us in the dark."""
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotReachable(f"Docker at {where} does not answer: {error}") from error


def _words(answer: bytes, status: int) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(answer)["message"])
    return f"it answers {status}"


def bare(line: bytes) -> bytes:
    """Return a line of a stream of JSON without what API 1.52 may put around it."""
    return line.strip(b"\x1e \r\n")
