"""sandbox.name_server: knows the registry, denies the rest, survives any datagram."""

import contextlib
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import name_server

KNOWN = {"registry.lan": "10.89.0.2"}


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def code(reply: bytes) -> int:
    return reply[3] & 0x0F


def test_a_known_name_gets_its_address() -> None:
    reply = name_server.answer(query("Registry.LAN"), KNOWN)
    assert reply[:2] == b"\x00\x07"
    assert (code(reply), struct.unpack("!H", reply[6:8])[0]) == (0, 1)
    assert socket.inet_ntoa(reply[-4:]) == "10.89.0.2"


def test_a_known_name_has_no_ipv6_address_but_exists() -> None:
    reply = name_server.answer(query("registry.lan", kind=28), KNOWN)
    assert (code(reply), reply[6:8]) == (0, b"\0\0")


def test_any_other_name_does_not_exist() -> None:
    assert code(name_server.answer(query("files.example"), KNOWN)) == name_server.NAME_ERROR


@given(st.binary(max_size=80))
def test_no_datagram_raises_anything_the_server_does_not_expect(datagram: bytes) -> None:
    with contextlib.suppress(ValueError, IndexError, struct.error):
        name_server.answer(datagram, KNOWN)


def test_a_cut_off_question_is_refused() -> None:
    with pytest.raises((IndexError, struct.error)):
        name_server.question(query("registry.lan")[:-3])
