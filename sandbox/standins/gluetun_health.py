"""Gluetun's health checks: a dial when the tunnel comes up, pings each minute, a dial each five.

Intervals are upstream's; a control file or the environment of the stand-in makes them shorter
(`small_check_seconds`, `full_check_seconds`, `check_patience`: a factor for the timeouts of the
tries). The dial stops after the TCP connection, where upstream also speaks TLS.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from . import control

STARTUP_SECONDS = 6.0
SMALL_TRIES = (5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 15.0, 15.0, 15.0, 30.0)
FULL_TRIES = (10.0, 15.0, 30.0)
ECHO_REQUEST, ECHO_REPLY = 8, 0
Check = Callable[[int, float], bool]


def checksum(data: bytes) -> int:
    """The Internet checksum of `data`."""
    total = int(sum(struct.unpack(f"!{len(data) // 2}H", data)))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(identifier: int, sequence: int) -> bytes:
    """An ICMP echo request."""
    body = struct.pack("!HH", identifier, sequence)
    return struct.pack("!BBH", ECHO_REQUEST, 0, checksum(b"\x08\0\0\0" + body)) + body


def ping(address: str, timeout: float) -> bool:
    """True when an echo request to `address` is answered in time."""
    identifier = threading.get_native_id() & 0xFFFF
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(echo_request(identifier, 1), (address, 0))
            while (left := deadline - time.monotonic()) > 0:
                raw.settimeout(left)
                packet, sender = raw.recvfrom(1500)
                message = packet[(packet[0] & 15) * 4 :]
                ours = message[4:6] == struct.pack("!H", identifier)
                if message[0] == ECHO_REPLY and ours and sender[0] == address:
                    return True
    except OSError:
        # Refused by the firewall, or no route: as long as a try lasts, like upstream's dial.
        time.sleep(max(0.0, min(1.0, deadline - time.monotonic())))
    return False


def dial(target: str, timeout: float) -> bool:
    """True when a TCP connection to HOST:PORT can be made in time."""
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host or target, int(port) if host else 443), timeout).close()
    except OSError:
        return False
    return True


class Checker:
    """The checks of one life of the tunnel; `stopped` ends them."""

    def __init__(self, targets: Sequence[str], pings: Sequence[str], state: str) -> None:
        self._targets = targets
        self._pings = pings
        self._state = state

    def startup(self, stopped: threading.Event) -> bool:
        """True when one of the targets can be dialled within six seconds."""
        deadline = time.monotonic() + STARTUP_SECONDS
        number = 0
        while not stopped.is_set() and (left := deadline - time.monotonic()) > 0:
            if dial(self._targets[number % len(self._targets)], left):
                return True
            number += 1
            stopped.wait(0.2)
        return False

    def periodic(self, stopped: threading.Event, has_died: Callable[[], bool]) -> str:
        """Check until it fails: then what failed; "" when it was stopped."""
        last_small = last_full = time.monotonic()
        while not stopped.wait(min(1.0, self._value("small_check_seconds", 60.0))):
            if has_died():
                return "" if stopped.is_set() else "the tunnel's process ended"
            now = time.monotonic()
            if now - last_small >= self._value("small_check_seconds", 60.0):
                if not self._tries(SMALL_TRIES, self._ping, stopped):
                    return "" if stopped.is_set() else "small periodic check: ICMP echo"
                last_small = time.monotonic()
            if now - last_full >= self._value("full_check_seconds", 300.0):
                if not self._tries(FULL_TRIES, self._dial, stopped):
                    return "" if stopped.is_set() else "full periodic check: TCP dial"
                last_full = time.monotonic()
        return ""

    def _ping(self, number: int, timeout: float) -> bool:
        return ping(self._pings[number % len(self._pings)], timeout)

    def _dial(self, number: int, timeout: float) -> bool:
        return dial(self._targets[number % len(self._targets)], timeout)

    def _tries(self, timeouts: Sequence[float], check: Check, stopped: threading.Event) -> bool:
        patience = self._value("check_patience", 1.0)
        for number, timeout in enumerate(timeouts):
            if stopped.is_set():
                return False
            if check(number, timeout * patience):
                return True
        return False

    def _value(self, name: str, default: float) -> float:
        return float(control.read(self._state).get(name, default))
