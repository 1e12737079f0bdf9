"""The deciding parts of Gluetun's stand-in: settings, servers, rules, routes, names, commands."""

from __future__ import annotations

import base64
import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from mediastack import endpoint_list
from sandbox.internet_files import natpmp as provider_natpmp
from sandbox.internet_files import provider
from sandbox.standins import (
    gluetun_dns,
    gluetun_firewall,
    gluetun_health,
    gluetun_natpmp,
    gluetun_ports,
    gluetun_servers,
    gluetun_settings,
    gluetun_storage,
    gluetun_system,
    gluetun_tunnel,
)

KEY = base64.b64encode(b"k" * 32).decode()
PROTON = {"VPN_SERVICE_PROVIDER": "protonvpn", "VPN_TYPE": "wireguard"}
LINK = gluetun_system.Link("eth0", ipaddress.ip_interface("172.30.0.10/24"), "172.30.0.1")
LINK_IPV6 = gluetun_system.Link("eth0", ipaddress.ip_interface("fd00::10/64"), "fd00::1")
LAN = ipaddress.ip_network("192.168.1.0/24")


def read(tmp_path: Path, key: str = KEY, **environment: str) -> gluetun_settings.Settings:
    if key:
        (tmp_path / "wireguard_private_key").write_text(f"{key}\n")
    return gluetun_settings.read({**PROTON, **environment}, tmp_path, ipv6=":" in str(environment))


def refusal(tmp_path: Path, key: str = KEY, **environment: str) -> str:
    with pytest.raises(gluetun_settings.SettingsError) as caught:
        read(tmp_path, key, **environment)
    assert not key or key not in str(caught.value)
    return str(caught.value)


def test_the_defaults_are_those_of_protonvpn(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.private_key == KEY
    assert [str(address) for address in settings.addresses] == ["10.2.0.2/32"]
    assert (settings.interface, settings.mtu) == ("tun0", 1320)
    assert (settings.connection.address, settings.connection.port) == ("198.51.100.10", 51820)
    assert settings.status_file == "/tmp/gluetun/forwarded_port"
    assert settings.firewall
    assert settings.restart_vpn


def test_a_secret_file_wins_over_the_environment(tmp_path: Path) -> None:
    other = base64.b64encode(b"o" * 32).decode()
    assert read(tmp_path, WIREGUARD_PRIVATE_KEY=other).private_key == KEY
    (tmp_path / "wireguard_private_key").unlink()
    assert read(tmp_path, "", WIREGUARD_PRIVATE_KEY=other).private_key == other


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"VPN_TYPE": "openvpn"}, "only wireguard is covered"),
        ({"VPN_SERVICE_PROVIDER": "nobody"}, "VPN service provider name"),
        ({"WIREGUARD_ADDRESSES": "10.2.0.2/33"}, "parsing address"),
        ({"SERVER_COUNTRIES": "Atlantis"}, "the country specified is not valid"),
        ({"SERVER_CITIES": "Atlantis"}, "the city specified is not valid"),
        ({"SERVER_HOSTNAMES": "none.example"}, "the hostname specified is not valid"),
        ({"FREE_ONLY": "on", "VPN_PORT_FORWARDING": "on"}, "together with free only filter"),
        ({"FREE_ONLY": "on", "SERVER_COUNTRIES": "Switzerland"}, "no server found"),
        ({"FREE_ONLY": "perhaps"}, "FREE_ONLY"),
        ({"WIREGUARD_ENDPOINT_PORT": "1"}, "endpoint port is set"),
        ({"VPN_SERVICE_PROVIDER": "custom"}, "endpoint IP is not set"),
        ({"WIREGUARD_PUBLIC_KEY": "x"}, "public key is not valid"),
        ({"FIREWALL_OUTBOUND_SUBNETS": "lan"}, "lan"),
    ],
)
def test_what_upstream_refuses_is_refused(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    assert words in refusal(tmp_path, **environment)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "private key is not set"),
        ("short", "failed to parse base64-encoded key"),
        (base64.b64encode(b"x" * 31).decode(), "incorrect key size: 31"),
    ],
)
def test_a_key_that_is_none_is_refused_without_showing_it(
    tmp_path: Path, key: str, words: str
) -> None:
    assert words in refusal(tmp_path, key)


def test_one_valid_name_of_several_suffices_in_any_case_of_letters(tmp_path: Path) -> None:
    found = read(tmp_path, SERVER_COUNTRIES="Atlantis, sWitzerland").connection
    assert found.name == "node-ch-01.protonvpn.net"


def test_an_ipv6_address_is_refused_where_no_link_has_ipv6(tmp_path: Path) -> None:
    environment = {**PROTON, "WIREGUARD_ADDRESSES": "10.2.0.2/32,2001:db8:f:2::2/128"}
    with pytest.raises(gluetun_settings.SettingsError, match="private key is not set"):
        gluetun_settings.read(environment, tmp_path, ipv6=True)
    with pytest.raises(gluetun_settings.SettingsError, match="IPv6 is not supported"):
        gluetun_settings.read(environment, tmp_path, ipv6=False)


def test_free_servers_forward_no_port(tmp_path: Path) -> None:
    assert "free" in read(tmp_path, FREE_ONLY="on").connection.name
    assert "free" not in read(tmp_path, VPN_PORT_FORWARDING="on").connection.name


def test_a_custom_endpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    custom = {
        "VPN_SERVICE_PROVIDER": "custom", "WIREGUARD_ENDPOINT_IP": "198.51.100.99",
        "WIREGUARD_ENDPOINT_PORT": "443", "WIREGUARD_PUBLIC_KEY": KEY,
    }  # fmt: skip
    assert "interface address is not set" in refusal(tmp_path, key="", **custom)
    settings = gluetun_settings.read(
        {**PROTON, **custom, "WIREGUARD_ADDRESSES": "10.9.0.2", "WIREGUARD_PRIVATE_KEY": KEY},
        tmp_path,
    )
    connection = settings.connection
    assert (connection.address, connection.port, connection.public_key) == (
        "198.51.100.99", 443, KEY,
    )  # fmt: skip
    assert str(settings.addresses[0]) == "10.9.0.2/32"


def test_the_servers_key_is_the_provider_s() -> None:
    assert len(base64.b64decode(gluetun_servers.PUBLIC_KEY)) == 32
    private = base64.b64decode(provider.private_key())
    assert public_key(private) == base64.b64decode(gluetun_servers.PUBLIC_KEY)


def public_key(private: bytes) -> bytes:
    """X25519 of the base point, written down from RFC 7748: the other way to the same key."""
    prime, x1 = 2**255 - 19, 9
    scalar = int.from_bytes(private, "little") & ~7 & (2**255 - 1) | 2**254
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for bit in reversed(range(255)):
        wanted = scalar >> bit & 1
        if swapped != wanted:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = wanted
        plus, minus = (x2 + z2) % prime, (x2 - z2) % prime
        cross, other = (x3 + z3) * minus % prime, (x3 - z3) * plus % prime
        x3, z3 = (cross + other) ** 2 % prime, x1 * (cross - other) ** 2 % prime
        square, difference = plus * plus % prime, (plus * plus - minus * minus) % prime
        x2, z2 = square * minus * minus % prime, difference * (square + 121665 * difference) % prime
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")


def test_the_firewall_drops_first_and_lets_only_local_networks_pass() -> None:
    rules = gluetun_firewall.base_rules(4, [LINK, LINK_IPV6], [LAN], [9000])
    table = gluetun_firewall.table(rules).splitlines()
    assert table[:4] == ["*filter", *(f":{c} DROP [0:0]" for c in ("INPUT", "FORWARD", "OUTPUT"))]
    outgoing = [" ".join(rule) for rule in rules if rule[0] == "OUTPUT"]
    assert outgoing == [
        "OUTPUT -o lo -j ACCEPT",
        "OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "OUTPUT -o eth0 -s 172.30.0.10 -d 172.30.0.0/24 -j ACCEPT",
        "OUTPUT -o eth0 -s 172.30.0.10 -d 192.168.1.0/24 -j ACCEPT",
    ]
    assert ("INPUT", "-i", "eth0", "-d", "172.30.0.0/24", "-j", "ACCEPT") in rules
    assert sum("9000" in rule for rule in rules) == 2


def test_ipv6_has_rules_of_its_own_and_neighbour_discovery() -> None:
    rules = gluetun_firewall.base_rules(6, [LINK, LINK_IPV6], [LAN])
    assert ("OUTPUT", "-o", "eth0", "-d", "ff02::1:ff00:0/104", "-j", "ACCEPT") in rules
    assert not any("172.30" in word or "192.168" in word for rule in rules for word in rule)


def test_the_endpoint_gets_udp_on_its_port_and_nothing_else() -> None:
    assert [" ".join(r) for r in gluetun_firewall.endpoint_rules(["eth0"], "198.51.100.10", 7)] == [
        "OUTPUT -d 198.51.100.10 -o eth0 -p udp -m udp --dport 7 -j ACCEPT"
    ]


def test_links_are_ethernet_with_both_families() -> None:
    shown = [
        {"ifname": "lo", "link_type": "loopback", "addr_info": []},
        {
            "ifname": "eth0",
            "link_type": "ether",
            "addr_info": [
                {"local": "172.30.0.10", "prefixlen": 24},
                {"local": "fe80::1", "prefixlen": 64},
            ],
        },
        {"ifname": "tun0", "link_type": "none", "addr_info": []},
    ]
    gateways = {("eth0", 4): "172.30.0.1", ("eth0", 6): "fe80::9"}
    found = gluetun_system.list_links(shown, gateways)
    assert [(link.device, link.gateway) for link in found] == [("eth0", "172.30.0.1"), ("eth0", "")]


def test_all_but_the_tunnel_s_own_packets_are_routed_into_it(tmp_path: Path) -> None:
    lines = gluetun_tunnel.up_commands(read(tmp_path), ipv6=False)
    assert "-4 rule add not fwmark 51820 lookup 51820 priority 101" in lines
    assert not any(line.startswith("-6") for line in lines)
    both = gluetun_tunnel.up_commands(
        read(tmp_path, WIREGUARD_ADDRESSES="10.2.0.2,2001:db8:f:2::2/128"), ipv6=True
    )
    assert "-6 address add 2001:db8:f:2::2/128 dev tun0 nodad" in both
    assert "-6 route add default dev tun0 table 51820" in both


def test_local_networks_and_outbound_subnets_stay_beside_the_tunnel() -> None:
    lines = gluetun_tunnel.base_routes([LINK], [LAN])
    assert lines[0] == "-4 rule add to 172.30.0.0/24 lookup main priority 98"
    assert "-4 route replace 192.168.1.0/24 via 172.30.0.1 dev eth0 table 199" in lines


def test_the_device_is_told_keys_in_hexadecimal(tmp_path: Path) -> None:
    text = gluetun_tunnel.device_configuration(read(tmp_path))
    assert f"private_key={(b'k' * 32).hex()}\n" in text
    assert "endpoint=198.51.100.10:51820\n" in text
    assert text.endswith("\n\n")


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\0\0\1\0\1"


def test_plain_names_go_to_docker_and_all_others_into_the_tunnel() -> None:
    assert gluetun_dns.resolver_for(query("sonarr")) == "127.0.0.11"
    assert gluetun_dns.resolver_for(query("example.com")) == "203.0.113.53"
    assert gluetun_dns.resolver_for(b"short") == "203.0.113.53"


def test_a_name_that_cannot_be_asked_fails_with_its_question() -> None:
    asked = query("example.com")
    failed = gluetun_dns.failure(asked)
    assert failed[:2] == asked[:2]
    assert failed[3] & 15 == 2
    assert failed[12:] == asked[12:]


def test_resolv_conf_keeps_all_but_the_name_servers() -> None:
    before = "nameserver 127.0.0.11\nsearch lan\noptions ndots:0\n"
    assert gluetun_dns.rewritten(before, "127.0.0.1") == (
        "nameserver 127.0.0.1\nsearch lan\noptions ndots:0\n"
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("touch /tmp/x", ["touch", "/tmp/x"]),
        ("/bin/sh -c 'echo $PORT; true'", ["/bin/sh", "-c", "echo $PORT; true"]),
        ('a "b c"d \\" e\\ f', ["a", "b cd", '"', "e f"]),
        ("a '' b", ["a", "", "b"]),
        ("  a\tb\n", ["a", "b"]),
        ("", []),
    ],
)
def test_a_command_is_split_without_a_shell(command: str, words: list[str]) -> None:
    assert gluetun_ports.split(command) == words


@pytest.mark.parametrize("command", ["a 'b", 'a "b', "a \\"])
def test_an_unterminated_command_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="unterminated"):
        gluetun_ports.split(command)


def test_placeholders_are_filled_in() -> None:
    command = "x {{PORT}} {{PORTS}} {{VPN_INTERFACE}} {{OTHER}}"
    assert gluetun_ports.filled(command, 7, "tun0") == "x 7 7 tun0 {{OTHER}}"


def test_client_and_provider_speak_the_same_nat_pmp() -> None:
    opened: list[tuple[str, int, int]] = []
    mappings = provider_natpmp.Mappings(41234, lambda: 0.0, lambda *change: opened.append(change))
    request = gluetun_natpmp.map_request("tcp", 0, 1, 60)
    content = gluetun_natpmp.check(mappings.reply(request), 2, 16)
    assert content == (0).to_bytes(2, "big") + (41234).to_bytes(2, "big") + (60).to_bytes(4, "big")
    assert opened == [("tcp", 41234, 60)]
    address = gluetun_natpmp.check(mappings.reply(bytes(2)), 0, 12)
    assert ipaddress.IPv4Address(address) == ipaddress.IPv4Address("203.0.113.7")
    mappings.port = 0
    with pytest.raises(OSError, match="out of resources"):
        gluetun_natpmp.check(mappings.reply(request), 2, 16)
    with pytest.raises(OSError, match="not valid"):
        gluetun_natpmp.check(b"", 2, 16)


def test_an_echo_request_sums_up_to_nothing() -> None:
    assert gluetun_health.checksum(gluetun_health.echo_request(7, 1)) == 0


def listed(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_list_of_the_image_is_written_before_anything_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "gluetun" / "servers.json"
    servers = gluetun_storage.synced(path, "protonvpn")
    assert servers == gluetun_servers.SERVERS
    assert path.read_text().startswith('{\n  "version": 1,\n  "mullvad": {\n    "version"')
    # It is what the host's wall goes by: the endpoint, and nothing of other kinds or providers.
    assert endpoint_list.read(str(path.parent), ["protonvpn"]) == {
        "protonvpn": [gluetun_servers.ENDPOINT]
    }
    before = path.stat().st_mtime_ns
    assert gluetun_storage.synced(path, "protonvpn") == servers
    assert path.stat().st_mtime_ns == before
    assert gluetun_storage.synced(path, "custom") == ()


def test_of_two_lists_the_younger_one_wins_but_for_what_is_to_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    gluetun_storage.synced(path, "protonvpn")
    own = {"vpn": "wireguard", "hostname": "own.example", "ips": ["198.51.100.7"], "wgpubkey": KEY}
    younger = listed(path)
    younger["protonvpn"] |= {"timestamp": 1_763_504_613, "servers": [own]}
    path.write_text(json.dumps(younger))
    (server,) = gluetun_storage.synced(path, "protonvpn")
    settings = read_with(tmp_path, (server,))
    assert (settings.connection.address, settings.connection.public_key) == ("198.51.100.7", KEY)
    for timestamp in (1, 99_999_999_999):
        older = listed(path)
        older["protonvpn"] |= {"timestamp": timestamp, "servers": [own, {**own, "keep": True}]}
        path.write_text(json.dumps(older))
        found = gluetun_storage.synced(path, "protonvpn")
        assert [one.hostname for one in found] == [
            *(one.hostname for one in gluetun_servers.SERVERS), "own.example",
        ]  # fmt: skip


def read_with(
    tmp_path: Path, servers: tuple[gluetun_servers.Server, ...]
) -> gluetun_settings.Settings:
    (tmp_path / "wireguard_private_key").write_text(KEY)
    return gluetun_settings.read(PROTON, tmp_path, servers=servers)


def test_list_of_another_version_is_discarded_and_one_that_is_none_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"version": 1, "protonvpn": {"version": 3, "timestamp": 2**40}}))
    assert gluetun_storage.synced(path, "protonvpn") == gluetun_servers.SERVERS
    for text in ("", "{", "[]"):
        path.write_text(text)
        with pytest.raises(gluetun_storage.StorageError, match="reading servers from file"):
            gluetun_storage.synced(path, "protonvpn")
