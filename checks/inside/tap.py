"""What of the probes' packets crosses an interface, by kind, until told to end.

An AF_PACKET socket sees what really leaves, whatever firewalls do further up or down. Counted is
what goes to the sandbox's internet and is not the tunnel itself (our own by their texts, names and
ports, the rest as `other`), and a text or name of ours on its way to anywhere outside the bridge.
Address resolution, neighbour discovery and multicast listeners are no traffic of anybody. Ends with
one line of JSON.
"""

import collections
import ipaddress
import json
import os
import signal
import socket
import struct
import sys
import time
from typing import Any, NamedTuple

EVERYTHING = 3
OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
BUFFER_BYTES = 32 << 20
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
PROTOCOLS = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmp"}
FIRST_PORT, PORTS = 40000, 10000
FLOW_PORT = 443
LOCAL = ("169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8")
SHOWN_OF_A_KIND = 6


class Packet(NamedTuple):
    """The headers of one packet."""

    version: int
    source: str
    target: str
    protocol: int
    port: int
    payload: bytes


def parse(frame: bytes) -> "Packet | None":
    """The IP packet of an Ethernet frame; None for anything else."""
    kind = int.from_bytes(frame[12:14], "big")
    packet = frame[14:]
    if kind == IPV4 and len(packet) >= 20:
        start, protocol = (packet[0] & 15) * 4, packet[9]
        source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        # A later fragment has no header of its own.
        if struct.unpack_from("!H", packet, 6)[0] & 0x1FFF:
            return Packet(4, source, target, protocol, 0, packet[start:])
    elif kind == IPV6 and len(packet) >= 40:
        start, protocol = 40, packet[6]
        source = socket.inet_ntop(socket.AF_INET6, packet[8:24])
        target = socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else:
        return None
    port, inner = 0, packet[start:]
    if protocol in (TCP, UDP) and len(inner) >= 4:
        port = int.from_bytes(inner[2:4], "big")
    return Packet(4 if kind == IPV4 else 6, source, target, protocol, port, inner)


def kind_of(
    packet: Packet, canary: bytes, *, by_port: bool = True, servers: "frozenset[int]" = frozenset()
) -> str:
    """Which of our five kinds it is, "other" when it is none of ours.

    What goes to a port of the VPN's `servers` elsewhere is "endpoint-port", a kind of its own.
    """
    ours = canary in packet.payload
    if packet.protocol == TCP and by_port:
        # Nothing else goes to these ports; the flow's SYN carries no text either.
        ours |= FIRST_PORT <= packet.port < FIRST_PORT + PORTS or packet.port == FLOW_PORT
    if not ours:
        return "other"
    if packet.version == 6:
        return "ipv6"
    if packet.port == 53:
        return "dns"
    if packet.port in servers:
        return "endpoint-port"
    return PROTOCOLS.get(packet.protocol, "other")


class Tally:
    """Counts by kind, with the first packets in words."""

    def __init__(
        self, canary: str, networks: "list[str]", own: "list[str]", tunnel: "list[list[Any]]"
    ) -> None:
        self.canary = canary.encode()
        self.networks = [ipaddress.ip_network(one) for one in networks]
        self.own = [ipaddress.ip_network(one) for one in [*own, *LOCAL]]
        self.tunnel = {(str(address), int(port)) for address, port in tunnel}
        self.servers = frozenset(port for _, port in self.tunnel)
        self.targets: dict[str, str] = {}
        self.kinds: collections.Counter[str] = collections.Counter()
        self.sources: collections.Counter[str] = collections.Counter()
        self.shown: list[str] = []
        self.tunnelled = 0

    def where(self, target: str) -> str:
        """Whether an address is of the sandbox's internet, our own, or any other."""
        if target not in self.targets:
            address = ipaddress.ip_address(target)
            internet = any(address in network for network in self.networks)
            own = any(address in network for network in self.own)
            self.targets[target] = "internet" if internet else "own" if own else "elsewhere"
        return self.targets[target]

    def add(self, frame: bytes, when: float) -> str:
        """Count one frame; return its kind, "" when it does not count."""
        packet = parse(frame)
        where = self.where(packet.target) if packet else "own"
        if packet is None or where == "own":
            return ""
        if packet.protocol == UDP and (packet.target, packet.port) in self.tunnel:
            self.tunnelled += 1
            return ""
        kind = kind_of(packet, self.canary, by_port=where == "internet", servers=self.servers)
        if kind == "other" and where == "elsewhere":
            return ""
        self.kinds[kind] += 1
        self.sources[packet.source] += 1
        if self.kinds[kind] <= SHOWN_OF_A_KIND:
            protocol = PROTOCOLS.get(packet.protocol, str(packet.protocol))
            words = f"{packet.source} > {packet.target}:{packet.port} {protocol}"
            self.shown.append(f"{when:.3f} {kind}: {words}")
        return kind


def dropped(tap: socket.socket) -> int:
    """How many packets the kernel had no room for."""
    return int(struct.unpack("II", tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1])


def main(
    interface: str,
    canary: str,
    networks: "list[str]",
    own: "list[str]",
    tunnel: "list[list[Any]]",
) -> None:
    """Count until SIGTERM."""
    tally = Tally(canary, networks, own, tunnel)
    # Without a protocol until it is bound: it must never hear another interface.
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    tap.bind((interface, EVERYTHING))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    frames = 0
    os.write(1, b'{"event": "listening"}\n')
    try:
        while True:
            frame, where = tap.recvfrom(65536)
            frames += 1
            if where[2] != OUTGOING:
                tally.add(frame, time.time())
    finally:
        report = {
            "event": "counted",
            "frames": frames,
            "tunnelled": tally.tunnelled,
            "kinds": tally.kinds,
            "sources": tally.sources,
            "shown": tally.shown,
            "dropped": dropped(tap),
        }
        os.write(1, json.dumps(report).encode() + b"\n")
