"""The client's side of NAT-PMP (RFC 6886): one request, one reply, asked again when it is lost."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
import time

PORT = 5351
EXTERNAL_ADDRESS = 0
OPERATIONS = {"udp": 1, "tcp": 2}
FIRST_TIMEOUT_SECONDS = 0.25
TOTAL_SECONDS = 8.0
POLL_SECONDS = 0.25
RESULTS = {
    1: "version is not supported", 2: "not authorized or refused", 3: "network failure",
    4: "out of resources", 5: "operation code is not supported",
}  # fmt: skip


def map_request(protocol: str, internal: int, external: int, lifetime: int) -> bytes:
    """The request for a mapping."""
    return struct.pack("!BBHHHI", 0, OPERATIONS[protocol], 0, internal, external, lifetime)


def check(reply: bytes, operation: int, size: int) -> bytes:
    """The reply without its header. Raise OSError when it is none to `operation`, or a refusal."""
    if len(reply) < 8 or reply[0] != 0 or reply[1] != operation + 128:
        raise OSError("reply is not valid")
    result = int.from_bytes(reply[2:4], "big")
    if result:
        raise OSError(RESULTS.get(result, f"result code {result}"))
    if len(reply) < size:
        raise OSError(f"reply is too short: {len(reply)} bytes")
    return reply[8:]


class Client:
    """Talks to the gateway of the tunnel. Every method raises OSError when it is not answered.

    `stopped` ends the waiting: whoever stops the tunnel must not wait for one that is dead.
    """

    def __init__(self, gateway: str, stopped: threading.Event) -> None:
        self._gateway = gateway
        self._stopped = stopped

    def external_address(self) -> str:
        """The exit address."""
        reply = self._ask(bytes([0, EXTERNAL_ADDRESS]))
        return str(ipaddress.IPv4Address(check(reply, EXTERNAL_ADDRESS, 12)[:4]))

    def map(self, protocol: str, internal: int, external: int, lifetime: int) -> int:
        """Lease a port for `protocol`; the public port, and it may be another than wanted."""
        reply = self._ask(map_request(protocol, internal, external, lifetime))
        content = check(reply, OPERATIONS[protocol], 16)
        return int(struct.unpack("!HHI", content[:8])[1])

    def _ask(self, request: bytes) -> bytes:
        deadline = time.monotonic() + TOTAL_SECONDS
        timeout = FIRST_TIMEOUT_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.connect((self._gateway, PORT))
            connection.settimeout(POLL_SECONDS)
            while time.monotonic() < deadline:
                connection.send(request)
                until = time.monotonic() + timeout
                timeout *= 2
                while time.monotonic() < until and not self._stopped.is_set():
                    try:
                        return connection.recv(64)
                    except TimeoutError:
                        continue
                if self._stopped.is_set():
                    break
        raise OSError(f"no answer from {self._gateway}")
