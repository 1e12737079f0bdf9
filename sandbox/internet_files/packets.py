"""One Ethernet frame as a record: where from, where to, what, and whether it is the tunnel's."""

from __future__ import annotations

import ipaddress
from typing import Any

from . import addresses, dns

ETHERNET_BYTES = 14
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
PROTOCOLS = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6", 2: "igmp"}
# Neighbour discovery, router discovery and multicast listeners: every link has them.
LINK_TYPES = {130, 131, 132, 133, 134, 135, 136, 137, 143}
EXTENSIONS = {0, 43, 44, 60}
UNREACHABLE = 3
SYN, ACK = 0x02, 0x10


def record(frame: bytes, time: float) -> dict[str, Any] | None:
    """The record of a frame (its first bytes) that came at `time`; None for the link's own."""
    kind = int.from_bytes(frame[12:14], "big")
    packet = frame[ETHERNET_BYTES:]
    found: dict[str, Any] | None
    try:
        if kind == IPV4:
            found = _ipv4(packet)
        elif kind == IPV6:
            found = _ipv6(packet)
        else:
            return None
    except (IndexError, ValueError):
        return {"time": time, "protocol": "broken", "length": len(packet), "wireguard": False}
    return None if found is None else {"time": time, **found}


def _ipv4(packet: bytes) -> dict[str, Any]:
    header = (packet[0] & 15) * 4
    fragment = int.from_bytes(packet[6:8], "big") & 0x1FFF
    source = str(ipaddress.IPv4Address(packet[12:16]))
    destination = str(ipaddress.IPv4Address(packet[16:20]))
    found = _transport(source, destination, packet[9], b"" if fragment else packet[header:])
    return {**found, "length": int.from_bytes(packet[2:4], "big")}


def _ipv6(packet: bytes) -> dict[str, Any] | None:
    following, offset = packet[6], 40
    while following in EXTENSIONS:
        length = 8 if following == 44 else (packet[offset + 1] + 1) * 8
        following, offset = packet[offset], offset + length
    if following == ICMPV6 and packet[offset] in LINK_TYPES:
        return None
    source = str(ipaddress.IPv6Address(packet[8:24]))
    destination = str(ipaddress.IPv6Address(packet[24:40]))
    found = _transport(source, destination, following, packet[offset:])
    return {**found, "length": 40 + int.from_bytes(packet[4:6], "big")}


def _is_from_endpoint(packet: bytes) -> bool:
    """Whether the packet that an ICMP error is about was WireGuard's, from the endpoint.

    A tunnel that was just taken down answers the provider's late packets so: no data of anybody.
    """
    if len(packet) < 28 or packet[9] != UDP:
        return False
    header = (packet[0] & 15) * 4
    source = str(ipaddress.IPv4Address(packet[12:16]))
    port = int.from_bytes(packet[header : header + 2], "big")
    return (source, port) == (addresses.ENDPOINT, addresses.WIREGUARD_PORT)


def _transport(source: str, destination: str, number: int, content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "source": source,
        "destination": destination,
        "protocol": PROTOCOLS.get(number, str(number)),
    }
    if number in (TCP, UDP) and len(content) >= 4:
        found["source_port"] = int.from_bytes(content[0:2], "big")
        found["destination_port"] = int.from_bytes(content[2:4], "big")
    elif number in (ICMP, ICMPV6) and content:
        found["type"] = content[0]
        if number == ICMP and content[0] == UNREACHABLE:
            found["about_tunnel"] = _is_from_endpoint(content[8:])
    if number == TCP and len(content) >= 14:
        found["opens"] = content[13] & (SYN | ACK) == SYN
    if 53 in (found.get("source_port"), found.get("destination_port")):
        start = 8 if number == UDP else (content[12] >> 4) * 4 + 2 if len(content) > 12 else 0
        found["name"] = dns.name_of(content[start:])
    found["wireguard"] = (
        number == UDP
        and destination == addresses.ENDPOINT
        and found.get("destination_port") == addresses.WIREGUARD_PORT
    )
    return found
