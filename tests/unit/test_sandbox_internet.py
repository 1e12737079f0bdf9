"""The box's internet, as far as it decides: what the tap records, names, leases, addresses."""

from __future__ import annotations

import ipaddress
import struct
import subprocess
from pathlib import Path

import pytest

from sandbox import internet, names, secrets_file, state
from sandbox.command import SandboxError
from sandbox.internet_files import addresses, dns, natpmp, packets, tap

BOX = "10.89.0.17"
ENDPOINT, PORT = addresses.ENDPOINT, addresses.WIREGUARD_PORT
HANDSHAKE, DATA = b"\x01\0\0\0", b"\x04\0\0\0"


def ipv4(protocol: int, destination: str, content: bytes, *, fragment: int = 0) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, fragment, 64, protocol, 0)
    places = ipaddress.IPv4Address(BOX).packed + ipaddress.IPv4Address(destination).packed
    return bytes(12) + b"\x08\x00" + header + places + content


def ipv6(following: int, content: bytes) -> bytes:
    header = struct.pack("!IHBB", 6 << 28, len(content), following, 64)
    places = ipaddress.ip_address("2001:db8::1").packed + ipaddress.ip_address("2001:db8::2").packed
    return bytes(12) + b"\x86\xdd" + header + places + content


def udp(port: int, content: bytes = b"") -> bytes:
    return struct.pack("!HHHH", 4000, port, 8 + len(content), 0) + content


def tcp(port: int, flags: int) -> bytes:
    return struct.pack("!HHIIBBHHH", 4000, port, 0, 0, 0x50, flags, 0, 0, 0)


def passes(program: list[tuple[int, int, int, int]], frame: bytes) -> bool:
    """Run a classic packet filter, as far as ours need it; a load beyond the frame drops it."""
    accumulator = index = counter = 0
    loads = {tap.LOAD_WORD: 4, tap.LOAD_HALF: 2, tap.LOAD_BYTE: 1}
    loads_at = {tap.LOAD_HALF_AT: 2, tap.LOAD_BYTE_AT: 1}
    while True:
        code, if_true, if_false, value = program[counter]
        counter += 1
        if code == tap.RETURN:
            return value > 0
        if code in loads or code in loads_at:
            size = loads.get(code) or loads_at[code]
            start = value + (index if code in loads_at else 0)
            if start + size > len(frame):
                return False
            accumulator = int.from_bytes(frame[start : start + size], "big")
        elif code == tap.LOAD_HEADER_LENGTH:
            index = (frame[value] & 15) * 4
        else:
            holds = accumulator == value if code == tap.IF_EQUAL else bool(accumulator & value)
            counter += if_true if holds else if_false


@pytest.mark.parametrize(
    ("frame", "recorded"),
    [
        (ipv4(17, ENDPOINT, udp(PORT, DATA)), False),
        (ipv4(17, ENDPOINT, udp(PORT, HANDSHAKE)), True),
        (ipv4(17, ENDPOINT, udp(PORT + 1, DATA)), True),
        (ipv4(17, "198.51.100.11", udp(PORT, DATA)), True),
        (ipv4(17, ENDPOINT, udp(PORT, DATA), fragment=1), True),
        (ipv4(6, ENDPOINT, udp(PORT, DATA)), True),
        (ipv6(17, udp(PORT, DATA)), True),
    ],
)
def test_the_tap_leaves_out_the_tunnel_s_data_and_nothing_else(
    frame: bytes, recorded: bool
) -> None:
    assert passes(tap.without_tunnel_data(), frame) is recorded


@pytest.mark.parametrize(
    ("frame", "recorded"),
    [
        (ipv4(6, "203.0.113.80", tcp(443, packets.SYN)), True),
        (ipv4(6, "203.0.113.80", tcp(443, packets.ACK)), False),
        (ipv4(17, "203.0.113.80", udp(53)), True),
        (ipv4(1, "203.0.113.80", b"\x08\0\0\0"), True),
        (ipv6(6, tcp(443, packets.SYN)), True),
        (ipv6(6, tcp(443, packets.ACK)), False),
        (ipv6(17, udp(53)), True),
        (ipv6(58, b"\x80\0\0\0"), True),
    ],
)
def test_the_public_tap_leaves_out_running_streams(frame: bytes, recorded: bool) -> None:
    assert passes(tap.without_streams(), frame) is recorded


def test_a_packet_to_the_endpoint_s_port_is_the_tunnel_s_and_no_other_is() -> None:
    found = packets.record(ipv4(17, ENDPOINT, udp(PORT, HANDSHAKE)), 1.0)
    assert found is not None
    assert found["wireguard"]
    assert (found["source"], found["length"]) == (BOX, 32)
    for frame in (
        ipv4(6, ENDPOINT, tcp(PORT, packets.SYN)),
        ipv4(17, ENDPOINT, udp(53)),
        ipv4(17, "203.0.113.80", udp(PORT)),
    ):
        other = packets.record(frame, 1.0)
        assert other is not None
        assert not other["wireguard"]


def test_an_error_about_a_late_packet_of_the_endpoint_is_told_from_others() -> None:
    def about(source: str, port: int) -> object:
        inner = ipv4(17, BOX, struct.pack("!HHHH", port, 4000, 8, 0))[14:]
        inner = inner[:12] + ipaddress.IPv4Address(source).packed + inner[16:]
        found = packets.record(ipv4(1, ENDPOINT, b"\x03\x03" + bytes(6) + inner), 1.0)
        assert found is not None
        assert not found["wireguard"]
        return found["about_tunnel"]

    assert about(ENDPOINT, PORT) is True
    assert about(ENDPOINT, 53) is False
    assert about("203.0.113.53", PORT) is False


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + struct.pack("!BHH", 0, kind, 1)


def test_the_name_of_a_lookup_is_recorded() -> None:
    found = packets.record(ipv4(17, "203.0.113.53", udp(53, query("Canary.example"))), 1.0)
    assert found is not None
    assert found["name"] == "canary.example"


def test_the_link_s_own_chatter_is_no_packet_but_a_ping_is() -> None:
    assert packets.record(bytes(12) + b"\x08\x06" + bytes(28), 1.0) is None
    assert packets.record(ipv6(58, b"\x87" + bytes(23)), 1.0) is None
    hop_by_hop = b"\x3a\0\5\2\0\0\1\0"
    assert packets.record(ipv6(0, hop_by_hop + b"\x8f" + bytes(7)), 1.0) is None
    found = packets.record(ipv6(58, b"\x80" + bytes(7)), 1.0)
    assert found is not None
    assert (found["protocol"], found["type"]) == ("icmpv6", 128)


def test_a_packet_that_cannot_be_read_is_recorded_all_the_same() -> None:
    found = packets.record(bytes(12) + b"\x08\x00\x45", 1.0)
    assert found is not None
    assert found["protocol"] == "broken"


def test_every_name_has_both_addresses_and_invalid_ones_do_not_exist() -> None:
    assert dns.answer(query("x.example"))[-4:] == ipaddress.ip_address(addresses.WEB).packed
    ipv6_answer = dns.answer(query("x.example", dns.TYPE_AAAA))
    assert ipv6_answer[-16:] == ipaddress.ip_address(addresses.WEB_IPV6).packed
    assert dns.answer(query("x.invalid"))[3] & 15 == dns.NAME_ERROR
    assert dns.name_of(b"no question") == ""


class Provider:
    """The provider's mappings with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changes: list[tuple[str, int, int]] = []
        self.mappings = natpmp.Mappings(
            41234, lambda: self.now, lambda *change: self.changes.append(change)
        )

    def map(self, operation: int, lifetime: int = 60) -> tuple[int, int, int]:
        reply = self.mappings.reply(struct.pack("!BBHHHI", 0, operation, 0, 0, 1, lifetime))
        result = int.from_bytes(reply[2:4], "big")
        _, port, seconds = struct.unpack("!HHI", reply[8:16])
        return result, port, seconds


def test_both_protocols_get_the_same_port_for_a_minute() -> None:
    provider = Provider()
    assert provider.map(natpmp.MAP_UDP) == (0, 41234, 60)
    assert provider.map(natpmp.MAP_TCP, 3600) == (0, 41234, 60)
    assert set(provider.mappings.leases()) == {"udp", "tcp"}
    provider.now += 60
    assert provider.mappings.leases() == {}


def test_a_renewal_after_a_change_gets_the_new_port_and_ends_the_old() -> None:
    provider = Provider()
    provider.map(natpmp.MAP_TCP)
    provider.mappings.port = 50000
    assert provider.map(natpmp.MAP_TCP) == (0, 50000, 60)
    assert provider.changes == [("tcp", 41234, 60), ("tcp", 41234, 0), ("tcp", 50000, 60)]


def test_a_lifetime_of_zero_gives_the_port_back() -> None:
    provider = Provider()
    provider.map(natpmp.MAP_TCP)
    assert provider.map(natpmp.MAP_TCP, 0) == (0, 0, 0)
    assert provider.mappings.leases() == {}


@pytest.mark.parametrize(
    ("request_bytes", "result"), [(b"\1\1" + bytes(10), 1), (b"\0\7" + bytes(10), 5)]
)
def test_what_nat_pmp_does_not_know_is_refused(request_bytes: bytes, result: int) -> None:
    reply = Provider().mappings.reply(request_bytes)
    assert int.from_bytes(reply[2:4], "big") == result


@pytest.mark.parametrize("request_bytes", [b"", b"\0", b"\0\x82" + bytes(10), b"\0\1short"])
def test_what_is_no_request_is_not_answered(request_bytes: bytes) -> None:
    assert Provider().mappings.reply(request_bytes) == b""


def test_a_box_and_its_internet_are_a_hundred_addresses_apart() -> None:
    assert names.LAST_BOX_ADDRESS < names.FIRST_BOX_ADDRESS + names.INTERNET_OFFSET
    assert names.internet_address("10.89.0.17") == "10.89.0.117"
    routes = (Path(internet.__file__).parent / "box_files" / "sandbox-routes").read_text()
    assert f"+ {names.INTERNET_OFFSET}" in routes
    assert names.internet_address_ipv6("10.89.0.17").replace("117", "$number") in routes
    for address in (
        names.internet_address_ipv6(BOX), names.box_address_ipv6(BOX),
    ):  # fmt: skip
        assert ipaddress.ip_address(address) in ipaddress.ip_network(names.SUBNET_IPV6)


def test_a_refusal_and_silence_of_the_internet_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(['{"error": "0 is no port"}', "", '{"port": 7}'])

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 1, next(answers), "No such container")

    monkeypatch.setattr(internet, "run", run)
    with pytest.raises(SandboxError, match="is no port"):
        internet.control("box", "port", "0")
    with pytest.raises(SandboxError, match="No such container"):
        internet.control("box", "ports")
    assert internet.control("box", "port", "7") == {"port": 7}


def test_the_keys_of_both_files_of_secrets_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / "secrets.toml", tmp_path / "other.toml"
    monkeypatch.setattr(secrets_file, "SECRETS_FILE", own)
    monkeypatch.setattr(state, "DIRECTORY", tmp_path)
    monkeypatch.delenv(secrets_file.OTHER_FILE, raising=False)
    assert secrets_file.wireguard_keys() == []
    secrets_file.ensure()
    assert own.stat().st_mode & 0o777 == 0o600
    (made,) = secrets_file.wireguard_keys()
    other.write_text('[hosts.quiet.gluetun]\nwireguard_private_key = "abc"\n')
    monkeypatch.setenv(secrets_file.OTHER_FILE, str(other))
    assert secrets_file.wireguard_keys() == sorted(["abc", made])
    other.write_text("broken")
    assert secrets_file.wireguard_keys() == [made]
