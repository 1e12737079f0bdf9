"""The tap: writes down every packet that arrives at an interface, with the kernel's own time.

The tunnel's data is only counted (by nft, main.py): a program that looked at each of its packets
would be what a measurement of the tunnel measures. So the filter in the kernel lets pass everything
but WireGuard's data messages to the endpoint; handshakes, and anything else sent to the endpoint's
port, are recorded.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import socket
import struct
import time
import traceback
from pathlib import Path

from . import addresses, packets

EVERYTHING = 0x0003  # ETH_P_ALL
PACKET_HOST = 0
PACKET_STATISTICS = 6
SOL_PACKET = 263
SO_ATTACH_FILTER, SO_TIMESTAMPNS, SO_RCVBUFFORCE = 26, 35, 33
BUFFER_BYTES = 32 * 1024 * 1024
SNAP_BYTES = 512
MAXIMUM_RECORDS = 500_000
WIREGUARD_DATA = 4

Instruction = tuple[int, int, int, int]
# Instructions of the classic packet filter: load word/half/byte, load the IP header's length.
LOAD_HALF, LOAD_BYTE, LOAD_WORD, LOAD_HEADER_LENGTH = 0x28, 0x30, 0x20, 0xB1
LOAD_HALF_AT, LOAD_BYTE_AT = 0x48, 0x50
IF_EQUAL, IF_BITS, RETURN = 0x15, 0x45, 0x06


def without_tunnel_data() -> list[Instruction]:
    """Pass everything but WireGuard data messages to the provider's endpoint."""
    endpoint = int(ipaddress.IPv4Address(addresses.ENDPOINT))
    return [
        (LOAD_HALF, 0, 0, 12),
        (IF_EQUAL, 0, 11, packets.IPV4),
        (LOAD_BYTE, 0, 0, 23),
        (IF_EQUAL, 0, 9, packets.UDP),
        (LOAD_WORD, 0, 0, 30),
        (IF_EQUAL, 0, 7, endpoint),
        (LOAD_HALF, 0, 0, 20),
        (IF_BITS, 5, 0, 0x1FFF),
        (LOAD_HEADER_LENGTH, 0, 0, 14),
        (LOAD_HALF_AT, 0, 0, 16),
        (IF_EQUAL, 0, 2, addresses.WIREGUARD_PORT),
        (LOAD_BYTE_AT, 0, 0, 22),
        (IF_EQUAL, 1, 0, WIREGUARD_DATA),
        (RETURN, 0, 0, SNAP_BYTES),
        (RETURN, 0, 0, 0),
    ]


def without_streams() -> list[Instruction]:
    """Pass everything but IPv4 and IPv6 TCP segments that do not open a connection."""
    return [
        (LOAD_HALF, 0, 0, 12),
        (IF_EQUAL, 0, 5, packets.IPV4),
        (LOAD_BYTE, 0, 0, 23),
        (IF_EQUAL, 0, 8, packets.TCP),
        (LOAD_HEADER_LENGTH, 0, 0, 14),
        (LOAD_BYTE_AT, 0, 0, 27),
        (IF_BITS, 5, 6, packets.SYN),
        (IF_EQUAL, 0, 4, packets.IPV6),
        (LOAD_BYTE, 0, 0, 20),
        (IF_EQUAL, 0, 2, packets.TCP),
        (LOAD_BYTE, 0, 0, 67),
        (IF_BITS, 0, 1, packets.SYN),
        (RETURN, 0, 0, SNAP_BYTES),
        (RETURN, 0, 0, 0),
    ]


class Recorder:
    """Writes the packets that arrive at one interface to a file, one JSON object per line."""

    def __init__(self, interface: str, path: Path, program: list[Instruction]) -> None:
        self._path = path
        self._lost = 0
        # With no protocol it receives nothing, so no packet comes before the filter stands.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        attach(self._socket, program)
        self._socket.bind((interface, EVERYTHING))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)

    def run(self) -> None:
        """Record for ever; an internet whose tap is broken must end rather than see nothing."""
        try:
            self._record()
        finally:
            traceback.print_exc()
            os._exit(1)

    def _record(self) -> None:
        written = 0
        while True:
            frame, extra, _, address = self._socket.recvmsg(SNAP_BYTES, 128)
            if address[2] != PACKET_HOST:
                continue  # sent by us, or flooded by the bridge on its way to somebody else
            self._note_lost(self._overrun())
            found = packets.record(frame, _time(extra))
            if found is None:
                continue
            if written >= MAXIMUM_RECORDS:
                written = os.fstat(self._file).st_size // 100  # it may have been cleared since
            if written >= MAXIMUM_RECORDS:
                self._note_lost(1)
                continue
            os.write(self._file, json.dumps(found).encode() + b"\n")
            written += 1

    def _overrun(self) -> int:
        """How many packets the kernel had no room for since the last question."""
        counted = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return int(struct.unpack("II", counted)[1])

    def _note_lost(self, number: int) -> None:
        if number:
            self._lost += number
            self._path.with_suffix(".lost").write_text(f"{self._lost}\n", encoding="ascii")


def attach(raw: socket.socket, program: list[Instruction]) -> None:
    """Give a packet socket its filter."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("HL", len(program), ctypes.addressof(buffer))
    raw.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)


def _time(extra: list[tuple[int, int, bytes]]) -> float:
    for level, kind, content in extra:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("ll", content[:16])
            return float(seconds + nanoseconds / 1e9)
    return time.time()
