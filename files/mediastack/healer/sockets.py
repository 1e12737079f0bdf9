"""The healer's ways in and out: its socket, lines with deadlines, who is there, systemd."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mediastack.healer import protocol

ACCOUNT = "mediastack-monitor"
# The first descriptor that systemd passes (sd_listen_fds).
PASSED = 3
CONNECTIONS = 8
ANSWER_SECONDS = 5.0
CREDENTIALS = struct.Struct("3i")


def lines(connection: socket.socket, seconds: float) -> Iterator[bytes]:
    """Yield whole lines. Raise Refused when one does not end in time, or not at all."""
    received = b""
    while True:
        deadline = time.monotonic() + seconds
        while b"\n" not in received:
            if len(received) > protocol.MAXIMUM_BYTES:
                raise protocol.Refused(f"longer than {protocol.MAXIMUM_BYTES} bytes")
            # Between two requests it may be quiet for as long as it likes.
            connection.settimeout(max(0.001, deadline - time.monotonic()) if received else None)
            try:
                data = connection.recv(protocol.MAXIMUM_BYTES)
            except TimeoutError as error:
                raise protocol.Refused(f"no end of line in {seconds:g} s") from error
            if not data:
                return
            if not received:
                deadline = time.monotonic() + seconds
            received += data
        line, _, received = received.partition(b"\n")
        yield line


def send(connection: socket.socket, answer: Mapping[str, Any]) -> None:
    """Send one line. Raise OSError, also when the other end does not read it."""
    connection.settimeout(ANSWER_SECONDS)
    connection.sendall(json.dumps(answer).encode() + b"\n")


def uid(connection: socket.socket) -> int:
    """Return whose process connected, as the kernel says."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(packed)[1])


def is_trusted(uid: int) -> bool:
    """Root, and the monitor's account as it is now (a deploy may have made it meanwhile)."""
    if uid == 0:
        return True
    try:
        return uid == pwd.getpwnam(ACCOUNT).pw_uid
    except KeyError:
        return False


def listening(path: str) -> socket.socket:
    """The socket from systemd, else a new one at `path`."""
    passed = os.environ.pop("LISTEN_FDS", "")
    if os.environ.pop("LISTEN_PID", "") == str(os.getpid()) and passed.isdecimal() and int(passed):
        # Docker Compose and others that are started shall not have it.
        os.set_inheritable(PASSED, False)
        listening = socket.socket(fileno=PASSED)
    else:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o177)
        try:
            listening.bind(path)
        finally:
            os.umask(before)
        with contextlib.suppress(KeyError):
            os.chown(path, pwd.getpwnam(ACCOUNT).pw_uid, 0)
        listening.listen(CONNECTIONS)
    # Whoever hangs up between poll and accept must not make us wait.
    listening.setblocking(False)
    return listening
