"""The sandbox's name server: knows the registry, denies everything else at once, logs every query.

A box has no resolver to reach outside; a name server that did not answer would make each lookup
hang for seconds, which no test means to measure. It runs in a helper container. Its log (one line
per query: time, client, type, name) shows tests which lookups left a box.

Usage: name_server.py NAME=ADDRESS...
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import time

HEADER_BYTES = 12
TYPE_A = 1
NAME_ERROR = 3
TTL_SECONDS = 60


def question(query: bytes) -> tuple[str, int, int]:
    """The name, type and end offset of the first question. Raises ValueError, IndexError."""
    labels = []
    position = HEADER_BYTES
    while query[position]:
        length = query[position]
        labels.append(query[position + 1 : position + 1 + length].decode("ascii"))
        position += 1 + length
    kind = struct.unpack_from("!H", query, position + 1)[0]
    return ".".join(labels).lower(), kind, position + 5


def answer(query: bytes, known: dict[str, str]) -> bytes:
    """The reply: an address for a known name, no data for its other types, else "no such name"."""
    name, kind, end = question(query)
    address = known.get(name)
    found = address is not None and kind == TYPE_A
    flags = 0x8580 | (0 if address is not None else NAME_ERROR)
    reply = query[:2] + struct.pack("!HHHHH", flags, 1, int(found), 0, 0)
    reply += query[HEADER_BYTES:end]
    if found and address is not None:
        packed = ipaddress.IPv4Address(address).packed
        reply += struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, TTL_SECONDS, len(packed)) + packed
    return reply


def main(arguments: list[str]) -> int:
    """Serve for ever on UDP port 53 of every address."""
    known = dict(argument.split("=", 1) for argument in arguments)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", 53))
        while True:
            query, client = server.recvfrom(4096)
            try:
                name, kind, _ = question(query)
                server.sendto(answer(query, known), client)
            except (ValueError, IndexError, struct.error, OSError):
                continue  # not a question we understand: silence is an answer too
            print(f"{time.time():.3f} {client[0]} {kind} {name}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
