"""The public internet's DNS: every name exists, except below `invalid`; what is asked is noted."""

from __future__ import annotations

import ipaddress
import struct

from . import addresses

HEADER_BYTES = 12
TYPE_A, TYPE_AAAA = 1, 28
NAME_ERROR = 3
TTL_SECONDS = 60
ANSWERS = {
    TYPE_A: ipaddress.ip_address(addresses.WEB).packed,
    TYPE_AAAA: ipaddress.ip_address(addresses.WEB_IPV6).packed,
}


def question(query: bytes) -> tuple[str, int, int]:
    """The name, type and end offset of the first question. Raises ValueError, IndexError."""
    labels = []
    position = HEADER_BYTES
    while query[position]:
        length = query[position]
        if length > 63 or position + length >= len(query):
            raise ValueError("not a plain name")
        labels.append(query[position + 1 : position + 1 + length].decode("ascii"))
        position += 1 + length
    if position + 5 > len(query):
        raise ValueError("no type")
    kind = struct.unpack_from("!H", query, position + 1)[0]
    return ".".join(labels).lower(), kind, position + 5


def name_of(message: bytes) -> str:
    """The name a message asks for, "" when it is none that can be read."""
    try:
        return question(message)[0]
    except (ValueError, IndexError):
        return ""


def answer(query: bytes) -> bytes:
    """The reply to a query. Raises ValueError, IndexError."""
    name, kind, end = question(query)
    missing = name == "invalid" or name.endswith(".invalid")
    packed = None if missing else ANSWERS.get(kind)
    flags = 0x8580 | (NAME_ERROR if missing else 0)
    reply = query[:2] + struct.pack("!HHHHH", flags, 1, int(packed is not None), 0, 0)
    reply += query[HEADER_BYTES:end]
    if packed is not None:
        reply += struct.pack("!HHHIH", 0xC00C, kind, 1, TTL_SECONDS, len(packed)) + packed
    return reply
