"""NAT-PMP as ProtonVPN answers it: one public port for both protocols, a lease of 60 seconds.

The port may change at any time; a renewal then gets another one than it had, which is how a client
learns of it. Port 0 means that the provider has none to give.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from . import addresses

LEASE_SECONDS = 60
DEFAULT_PORT = 41234
EXTERNAL_ADDRESS, MAP_UDP, MAP_TCP = 0, 1, 2
PROTOCOLS = {MAP_UDP: "udp", MAP_TCP: "tcp"}
OK, BAD_VERSION, NO_RESOURCES, BAD_OPERATION = 0, 1, 4, 5
Changed = Callable[[str, int, int], None]
"""Called with protocol, port and seconds of a lease (0: it ended)."""


class Mappings:
    """The provider's side: which port is leased for which protocol, until when."""

    def __init__(self, port: int, now: Callable[[], float], changed: Changed) -> None:
        self.port = port
        self._now = now
        self._started = now()
        self._changed = changed
        self._leases: dict[str, tuple[int, float]] = {}

    def leases(self) -> dict[str, dict[str, float]]:
        """Protocol -> {"port", "seconds"} of each lease that has not ended."""
        now = self._now()
        return {
            protocol: {"port": port, "seconds": round(until - now, 1)}
            for protocol, (port, until) in self._leases.items()
            if until > now
        }

    def reply(self, request: bytes) -> bytes:
        """The reply to one request, b"" when it deserves none."""
        if len(request) < 2 or request[1] >= 128:
            return b""
        version, operation = request[0], request[1]
        epoch = int(self._now() - self._started)
        if version != 0 or operation not in (EXTERNAL_ADDRESS, MAP_UDP, MAP_TCP):
            result = BAD_VERSION if version != 0 else BAD_OPERATION
            return struct.pack("!BBHI", 0, operation + 128, result, epoch)
        if operation == EXTERNAL_ADDRESS:
            exit_address = ipaddress.IPv4Address(addresses.EXIT).packed
            return struct.pack("!BBHI", 0, 128, OK, epoch) + exit_address
        if len(request) < 12:
            return b""
        internal, _, lifetime = struct.unpack("!HHI", request[4:12])
        port, seconds = self._map(PROTOCOLS[operation], lifetime)
        result = OK if port or not lifetime else NO_RESOURCES
        header = struct.pack("!BBHI", 0, operation + 128, result, epoch)
        return header + struct.pack("!HHI", internal, port, seconds)

    def _map(self, protocol: str, lifetime: int) -> tuple[int, int]:
        had = self._leases.pop(protocol, None)
        if had is not None and (had[0] != self.port or lifetime == 0):
            self._changed(protocol, had[0], 0)
        if lifetime == 0 or self.port == 0:
            return 0, 0
        seconds = min(lifetime, LEASE_SECONDS)
        self._leases[protocol] = (self.port, self._now() + seconds)
        self._changed(protocol, self.port, seconds)
        return self.port, seconds
