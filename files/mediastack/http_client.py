"""One small HTTP request with an end: in time and in size, whatever the other side does.

For the programs in Gluetun's namespace, of which each may be down, hang, or be another one than we
think. `http.client` bounds one read, not all of them, so a watch hangs up when the time is over.
What was never sent is told apart from what may have been acted upon: for a login that counts.
Redirects and environment proxies are not followed; a credential goes where it was meant to go.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2.0
MAXIMUM_BYTES = 256 * 1024


class NoAnswer(Exception):
    """No complete answer came; `sent`: the request may have been acted upon all the same."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class Answer(NamedTuple):
    """A complete answer; header names in lower case, a repeated one as often as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of that name, "" without one."""
        return next((value for key, value in self.headers if key == name), "")


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    maximum_bytes: int = MAXIMUM_BYTES,
) -> Answer:
    """Return the answer, whatever its status. Raise NoAnswer; no message holds a header's value."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    where = parts.netloc
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=timeout_seconds
    )
    try:
        try:
            connection.connect()
        except OSError as error:
            raise NoAnswer(f"{where}: {_words(error)}", sent=False) from None
        with _hung_up_after(connection.sock, timeout_seconds):
            try:
                connection.request(
                    method, path, body=body, headers={"Connection": "close", **(headers or {})}
                )
            except ValueError:
                # Its text would quote the header: a key with a line break in it, say.
                raise NoAnswer(f"{where}: a header that HTTP does not allow", sent=False) from None
            response = connection.getresponse()
            content = response.read(maximum_bytes + 1)
            expected = response.length
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{where}: {_words(error)}", sent=True) from None
    finally:
        connection.close()
    if len(content) > maximum_bytes:
        raise NoAnswer(f"{where}: more than {maximum_bytes} bytes", sent=True)
    if expected:
        raise NoAnswer(f"{where}: the answer ended too early", sent=True)
    return Answer(response.status, [(k.lower(), v) for k, v in response.getheaders()], content)


@contextlib.contextmanager
def _hung_up_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    def hang_up() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
