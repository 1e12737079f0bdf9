"""One DNS question and its answer, over a socket that the caller has made.

The system's resolver would read this machine's resolv.conf, also inside another network namespace;
a leak test has to ask exactly the server it means. Facts: RFC 1035 (header, names), RFC 7766 (TCP
lengths). Answers come from strangers: what is malformed is a ValueError and nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import NamedTuple

TYPES = {4: 1, 6: 28}
HEADER = struct.Struct("!HHHHHH")
RECORD = struct.Struct("!HHIH")
RECURSION_DESIRED = 0x0100
IS_ANSWER = 0x8000
MAXIMUM_BYTES = 65535
POINTER = 0xC0
NO_ERROR, NO_SUCH_NAME = 0, 3
CODES = {0: "no error", 1: "malformed", 2: "server failure", 3: "no such name", 5: "refused"}


class Reply(NamedTuple):
    """`code`: DNS's own (0 no error, 2 server failure, 3 no such name, 5 refused)."""

    code: int
    addresses: list[str]


def question(name: str, family: int, number: int) -> bytes:
    """Return a query for the addresses of a name (`family` 4 or 6). Raise ValueError."""
    labels = name.rstrip(".").encode("idna").split(b".")
    if any(not 0 < len(label) < 64 for label in labels):  # noqa: PLR2004
        raise ValueError(f"{name!r} is no name")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0)
    return header + encoded + struct.pack("!HH", TYPES[family], 1)


def answer(packet: bytes, number: int, family: int) -> Reply:
    """Return what a packet answers to the question of that number. Raise ValueError."""
    try:
        found, flags, questions, answers, _, _ = HEADER.unpack_from(packet)
        if found != number or not flags & IS_ANSWER:
            raise ValueError("an answer to something else")
        offset = HEADER.size
        for _ in range(questions):
            offset = _after_name(packet, offset) + 4
        addresses = []
        for _ in range(answers):
            offset = _after_name(packet, offset)
            kind, _, _, length = RECORD.unpack_from(packet, offset)
            offset += RECORD.size
            data = packet[offset : offset + length]
            if kind == TYPES[family]:
                addresses.append(str(ipaddress.ip_address(data)))
            offset += length
    except (struct.error, IndexError) as error:
        raise ValueError(f"a malformed answer ({error})") from error
    return Reply(flags & 0xF, addresses)


def ask(connected: socket.socket, name: str, family: int) -> Reply:
    """Ask over a connected UDP or TCP socket with a time-out. Raise OSError or ValueError."""
    number = int.from_bytes(os.urandom(2), "big")
    packet = question(name, family, number)
    if connected.type & socket.SOCK_DGRAM:
        connected.send(packet)
        return answer(connected.recv(MAXIMUM_BYTES), number, family)
    connected.sendall(struct.pack("!H", len(packet)) + packet)
    (length,) = struct.unpack("!H", _exactly(connected, 2))
    return answer(_exactly(connected, length), number, family)


def _exactly(connected: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        more = connected.recv(wanted - len(data))
        if not more:
            raise ValueError("the answer ended too early")
        data += more
    return data


def _after_name(packet: bytes, offset: int) -> int:
    """Return where the name ends; a pointer is its last part."""
    while True:
        length = packet[offset]
        if length & POINTER == POINTER:
            return offset + 2
        offset += 1 + length
        if length == 0:
            return offset
