"""The deciding parts of Gluetun's stand-in: rules, routes, names, commands, ports."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from gluetun_house import read

from sandbox.internet_files import natpmp as provider_natpmp
from sandbox.standins import (
    gluetun_dns,
    gluetun_firewall,
    gluetun_health,
    gluetun_natpmp,
    gluetun_ports,
    gluetun_system,
    gluetun_tunnel,
)

LINK = gluetun_system.Link("eth0", ipaddress.ip_interface("172.30.0.10/24"), "172.30.0.1")


LINK_IPV6 = gluetun_system.Link("eth0", ipaddress.ip_interface("fd00::10/64"), "fd00::1")


LAN = ipaddress.ip_network("192.168.1.0/24")


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
