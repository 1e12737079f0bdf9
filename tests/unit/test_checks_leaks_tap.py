"""checks.inside.tap and prober: packets as they stand on the wire, and what counts as whose."""

from __future__ import annotations

import itertools
import socket
import struct

import pytest

from checks.inside import prober, tap

CANARY = "msleak1a2b3c"
NETWORKS = ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:f::/48"]
OWN = ["172.30.0.0/24", "fd00:30::/64"]
ETHERNET = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"
HOST, HOST6, ENDPOINT = "203.0.113.80", "2001:db8:f::80", "198.51.100.10"


def ipv4(protocol: int, target: str, inner: bytes, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), 1, fragment, 64, protocol, 0)
    addresses = socket.inet_aton("172.30.0.10") + socket.inet_aton(target)
    return ETHERNET + b"\x08\x00" + head + addresses + inner


def ipv6(protocol: int, target: str, inner: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(inner), protocol, 64)
    both = [socket.inet_pton(socket.AF_INET6, one) for one in ("fd00:30::10", target)]
    return ETHERNET + b"\x86\xdd" + head + b"".join(both) + inner


def udp(port: int, text: bytes) -> bytes:
    return struct.pack("!HHHH", 4000, port, 8 + len(text), 0) + text


def tcp(port: int, text: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", 4000, port, 1, 0, 0x50, 2, 0, 0, 0) + text


TEXT = f"{CANARY}-udp-abc-17".encode()
ASKED = prober.question(17, f"{CANARY}-dns-abc-17.leak.example")
PINGED = prober.echo_request(8, 17, TEXT)


def tally() -> tap.Tally:
    return tap.Tally(CANARY, NETWORKS, OWN, [[ENDPOINT, 51820]])


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (ipv4(17, HOST, udp(39999, TEXT)), "udp"),
        (ipv4(17, "203.0.113.53", udp(53, ASKED)), "dns"),
        (ipv4(1, HOST, PINGED), "icmp"),
        (ipv4(6, HOST, tcp(40123)), "tcp"),
        (ipv4(6, HOST, tcp(443)), "tcp"),
        (ipv6(17, HOST6, udp(39999, TEXT)), "ipv6"),
        (ipv6(58, HOST6, prober.echo_request(128, 17, TEXT)), "ipv6"),
        (ipv6(6, HOST6, tcp(40123)), "ipv6"),
        (ipv4(17, HOST, udp(51820, TEXT)), "endpoint-port"),
        # Not ours, and not the tunnel either: somebody's.
        (ipv4(17, HOST, udp(39999, b"hello")), "other"),
        (ipv4(6, HOST, tcp(80)), "other"),
        (ipv4(17, ENDPOINT, udp(51821, b"x")), "other"),
        (ipv4(6, ENDPOINT, tcp(51820)), "other"),
        # A resolver of the user's, outside the bridge, is asked for a name of ours.
        (ipv4(17, "192.168.1.1", udp(53, ASKED)), "dns"),
        (ipv4(17, "192.168.1.1", udp(53, b"x")), ""),
        (ipv4(6, "192.168.1.1", tcp(443)), ""),
        # A later piece of a packet has no header, and is as much outside as its first.
        (ipv4(17, HOST, TEXT, fragment=100), "udp"),
        # The tunnel, an address inside the house, and what a network says to itself.
        (ipv4(17, ENDPOINT, udp(51820, TEXT)), ""),
        (ipv4(17, "172.30.0.1", udp(53, ASKED)), ""),
        (ipv6(58, "ff02::1:ff00:10", b"\x87" + bytes(23)), ""),
        (ETHERNET + b"\x08\x06" + bytes(28), ""),
        (ETHERNET, ""),
        (ETHERNET + b"\x08\x00" + bytes(5), ""),
    ],
    # Frames hold a process id, which would make another name for each worker.
    ids=itertools.count(),
)
def test_each_packet_is_known_by_its_kind(frame: bytes, kind: str) -> None:
    counted = tally()
    assert counted.add(frame, 1.0) == kind
    assert sum(counted.kinds.values()) == bool(kind)


def test_only_the_tunnels_own_packets_count_as_tunnelled() -> None:
    counted = tally()
    counted.add(ipv4(17, ENDPOINT, udp(51820, b"x")), 1.0)
    counted.add(ipv4(17, ENDPOINT, udp(53, b"x")), 1.0)
    assert counted.tunnelled == 1


def test_the_first_packets_of_a_kind_are_shown_in_words() -> None:
    counted = tally()
    for _ in range(100):
        counted.add(ipv4(17, HOST, udp(39999, TEXT)), 12.3456)
    assert len(counted.shown) == tap.SHOWN_OF_A_KIND
    assert counted.shown[0] == "12.346 udp: 172.30.0.10 > 203.0.113.80:39999 udp"
    assert counted.kinds["udp"] == 100


def test_an_echo_request_has_a_checksum_that_sums_up() -> None:
    assert prober.checksum(prober.echo_request(8, 70000, b"odd")) == 0
    assert prober.echo_request(128, 1, b"")[2:4] == b"\0\0"


def test_a_question_is_read_back_as_its_name() -> None:
    packet = prober.question(0x12345, "ab.leak.example")
    assert packet[:6] == b"\x23\x45\x01\x00\x00\x01"
    assert packet[12:] == b"\x02ab\x04leak\x07example\x00\x00\x01\x00\x01"


def test_every_kind_is_sent_by_routing_and_bound_to_the_interface() -> None:
    targets = {
        "tunnel": "10.2.0.2",
        "port": "51820",
        "host": HOST,
        "host6": HOST6,
        "resolver": HOST,
        "resolver6": HOST6,
    }
    found = {kind: {way for way, _ in ways} for kind, ways in prober.probes(targets).items()}
    assert set(found) == {"tcp", "udp", "icmp", "dns", "ipv6"}
    assert all({"routed", "eth0"} <= ways for kind, ways in found.items() if kind != "ipv6")
    assert found["ipv6"] == {
        f"{kind}-{way}" for kind in ("tcp", "udp", "icmp", "dns") for way in ("routed", "eth0")
    }
    assert "docker" in found["dns"]
