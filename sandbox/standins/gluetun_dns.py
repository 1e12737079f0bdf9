"""Gluetun's name server on 127.0.0.1:53: public names through the tunnel, plain ones to Docker.

Upstream speaks DNS over TLS with its resolvers and blocks lists of names; here the one resolver is
the sandbox's, asked over UDP. With no tunnel there is no way to it, so names fail instead of
leaking.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

from .gluetun_system import log

RESOLVER = "203.0.113.53"
DOCKER_RESOLVER = "127.0.0.11"
ADDRESS = "127.0.0.1"
RESOLV_CONF = Path("/etc/resolv.conf")
TRIES = 2
TIMEOUT_SECONDS = 2.0
SERVER_FAILURE = 2
HEADER_BYTES = 12


def resolver_for(query: bytes) -> str:
    """Docker's resolver for a name of a single label (a container), the public one else."""
    first = query[HEADER_BYTES] if len(query) > HEADER_BYTES else 0
    after = HEADER_BYTES + 1 + first
    single = first > 0 and after < len(query) and query[after] == 0
    return DOCKER_RESOLVER if single else RESOLVER


def failure(query: bytes) -> bytes:
    """The reply "server failure" to a query."""
    flags = 0x8180 | SERVER_FAILURE
    return query[:2] + struct.pack("!H", flags) + query[4:6] + bytes(6) + query[HEADER_BYTES:]


def rewritten(resolv_conf: str, server: str) -> str:
    """resolv.conf with `server` as its only name server; everything else stays."""
    lines = [line for line in resolv_conf.splitlines() if not line.startswith("nameserver")]
    return "\n".join([f"nameserver {server}", *lines]) + "\n"


class NameServer:
    """Started once, when the tunnel first is up; it then stays."""

    def __init__(self, serves: bool) -> None:
        self._serves = serves
        self._started = False

    def start(self) -> None:
        """Answer on 127.0.0.1 and point resolv.conf there."""
        if self._started:
            return
        self._started = True
        if self._serves:
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind((ADDRESS, 53))
            streams = socket.create_server((ADDRESS, 53))
            threading.Thread(target=_serve_datagrams, args=(datagrams,), daemon=True).start()
            threading.Thread(target=_serve_streams, args=(streams,), daemon=True).start()
        # Docker mounts the file: it cannot be replaced, and the dependents see the same one.
        text = RESOLV_CONF.read_text(encoding="utf-8")
        server = ADDRESS if self._serves else RESOLVER
        RESOLV_CONF.write_text(rewritten(text, server), encoding="utf-8")
        log("dns", "ready")


def forward(query: bytes) -> bytes:
    """The reply of whoever is to be asked, or "server failure"."""
    for _ in range(TRIES):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(TIMEOUT_SECONDS)
            out.connect((resolver_for(query), 53))
            out.send(query)
            reply = out.recv(4096)
            if reply[:2] == query[:2]:
                return reply
    return failure(query)


def _serve_datagrams(server: socket.socket) -> None:
    def answer(query: bytes, client: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            server.sendto(forward(query), client)

    while True:
        query, client = server.recvfrom(4096)
        if len(query) > HEADER_BYTES:
            threading.Thread(target=answer, args=(query, client), daemon=True).start()


def _serve_streams(server: socket.socket) -> None:
    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(TIMEOUT_SECONDS)
            query = connection.recv(4096)[2:]
            if len(query) > HEADER_BYTES:
                reply = forward(query)
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()
