"""[wall], the endpoints, and what containers carry of them, from settings."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest
import settings_house
import yaml

import layout
import wall_configuration
from settings.vpn_providers import PROVIDERS
from wall_configuration import NOWHERE

CUSTOM: dict[str, Any] = {
    "vpn": {"provider": "custom", "port_forwarding": False, "addresses": "10.64.0.2/32"},
    "services": {
        "gluetun": {
            "environment": {
                "WIREGUARD_ENDPOINT_IP": "198.51.100.10",
                "WIREGUARD_ENDPOINT_PORT": "1194",
                "WIREGUARD_PUBLIC_KEY": settings_house.KEY,
            }
        }
    },
}
IPV6 = {"network": {"ipv6_subnet": "fd00:30::/64"}}


def build(folder: Path, own: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """mediastack.toml, and every service as its compose file describes it."""
    entries, config = layout.build(
        settings_house.load(folder, own),
        host_name="box",
        bind_address="192.168.1.10",
        daemon={},
        data_is_mount=True,
    )
    composed: dict[str, Any] = {}
    for one in entries:
        if one["path"].endswith("/compose.yaml"):
            composed |= yaml.safe_load(one["text"])["services"]
    return config, composed


def test_gluetun_is_the_owner_and_never_among_those_who_may_leave(tmp_path: Path) -> None:
    config, _ = build(tmp_path)
    assert config["wall"]["owner_addresses"] == ["172.30.0.10"]
    assert "172.30.0.10" not in config["wall"]["egress_addresses"]
    assert config["wall"]["subnets"] == ["172.30.0.0/24"]
    assert config["vpn"]["endpoints"] == [{"address": "", "port": 51820}]


def test_only_services_that_are_marked_may_leave(tmp_path: Path) -> None:
    config, _ = build(tmp_path, {"services": {"seerr": {"enabled": False}}})
    allowed = config["wall"]["egress_addresses"]
    named = {one["address"]: name for name, one in config["services"].items() if one["address"]}
    assert {named[one] for one in allowed} == {
        *("tautulli", "maintainerr", "suggestarr", "wud", "homepage"),
    }


def test_with_ipv6_every_address_is_fixed_in_both_families(tmp_path: Path) -> None:
    config, composed = build(tmp_path, IPV6)
    assert config["wall"]["subnets"] == ["172.30.0.0/24", "fd00:30::/64"]
    assert config["wall"]["owner_addresses"] == ["172.30.0.10", "fd00:30::a"]
    for one in composed.values():
        bridge = one.get("networks", {}).get("bridge")
        if bridge:
            number = int(bridge["ipv4_address"].split(".")[3])
            own = ipaddress.IPv6Address(bridge["ipv6_address"])
            assert own == ipaddress.IPv6Network("fd00:30::/64")[number]


def test_without_ipv6_there_is_none(tmp_path: Path) -> None:
    _, composed = build(tmp_path)
    assert "ipv6_address" not in composed["gluetun"]["networks"]["bridge"]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_has_a_port_or_has_to_be_told_one(name: str) -> None:
    provider = PROVIDERS[name]
    assert (provider.port == 0) == (name == "custom")
    assert not provider.ports or provider.port in (*provider.ports, 0) or name == "mullvad"


@pytest.mark.parametrize(
    ("own", "endpoint"),
    [
        (CUSTOM, {"address": "198.51.100.10", "port": 1194}),
        (
            {
                "vpn": {"provider": "ivpn", "port_forwarding": False, "addresses": "172.16.0.2/32"},
                "services": {"gluetun": {"environment": {"WIREGUARD_ENDPOINT_PORT": "2049"}}},
            },
            {"address": "", "port": 2049},
        ),
        (
            {"vpn": {"provider": "ivpn", "port_forwarding": False, "addresses": "172.16.0.2/32"}},
            {"address": "", "port": 58237},
        ),
    ],
)
def test_endpoint_of_a_provider(
    tmp_path: Path, own: dict[str, Any], endpoint: dict[str, Any]
) -> None:
    assert build(tmp_path, own)[0]["vpn"]["endpoints"] == [endpoint]


def test_whose_servers_the_wall_lets_through_is_in_the_configuration(tmp_path: Path) -> None:
    config, _ = build(tmp_path)
    assert config["vpn"]["provider"] == "protonvpn"
    assert config["services"]["gluetun"]["config"] == "/srv/mediastack/config/gluetun"


@pytest.mark.parametrize(
    "name", ["STORAGE_FILEPATH", "STORAGE_SERVERS_ENABLED", "STORAGE_SERVERS_DIRECTORY_PATH"]
)
def test_gluetuns_list_stays_where_the_wall_reads_it(tmp_path: Path, name: str) -> None:
    own = {"services": {"gluetun": {"environment": {name: "/gluetun/else.json"}}}}
    (problem,) = settings_house.problems(tmp_path, own)
    assert name in problem
    assert "list of servers" in problem
    assert "delete the line" in problem


def test_gluetun_carries_the_way_it_was_created_for(tmp_path: Path) -> None:
    _, composed = build(tmp_path)
    labels = composed["gluetun"]["labels"]
    assert labels["io.mediastack.endpoints"] == "* 51820"
    assert "io.mediastack.outbound" not in labels
    assert "io.mediastack.endpoints" not in composed["seerr"]["labels"]
    outbound = {"outbound_subnets": ["192.168.1.0/24", "192.168.3.0/24"]}
    own = {**CUSTOM, "vpn": {**CUSTOM["vpn"], **outbound}}
    labels = build(tmp_path, own)[1]["gluetun"]["labels"]
    assert labels["io.mediastack.endpoints"] == "198.51.100.10 1194"
    assert labels["io.mediastack.outbound"] == "192.168.1.0/24,192.168.3.0/24"


def test_without_gluetun_there_is_no_way_for_it(tmp_path: Path) -> None:
    off = ("gluetun", "qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr", "bazarr")
    off += ("recyclarr", "cross-seed", "unpackerr")
    config, _ = build(tmp_path, {"services": {name: {"enabled": False} for name in off}})
    assert config["wall"]["owner_addresses"] == []
    assert config["vpn"]["endpoints"] == []


def test_docker_asks_nowhere_for_whoever_must_not_leave(tmp_path: Path) -> None:
    config, composed = build(tmp_path)
    allowed = set(config["wall"]["egress_addresses"])
    for name, one in composed.items():
        entry = config["services"][name]
        inside = entry["zone"] == "bridge" and entry["address"] not in allowed
        assert one.get("dns") == ([NOWHERE] if inside else None), name
    assert composed["gluetun"]["dns"] == [NOWHERE]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_nowhere_is_refused_by_the_kernel_before_any_packet(kind: socket.SocketKind) -> None:
    assert not ipaddress.ip_address(NOWHERE).is_loopback
    try:
        out = socket.socket(socket.AF_INET6, kind)
    except OSError:
        return  # a kernel without IPv6 refuses even sooner
    with out, pytest.raises(OSError, match="."):
        out.setblocking(False)
        out.connect((NOWHERE, 53))


def test_egress_for_the_owner_is_refused_with_what_to_do(tmp_path: Path) -> None:
    own = {"services": {"gluetun": {"egress": True}}}
    (problem,) = settings_house.problems(tmp_path, own)
    assert "services.gluetun" in problem
    assert "vpn.outbound_subnets" in problem


@pytest.mark.parametrize(
    ("provider", "environment", "told"),
    [
        ("protonvpn", {"WIREGUARD_ENDPOINT_PORT": "51820"}, "remove it"),
        ("ivpn", {"WIREGUARD_ENDPOINT_PORT": "80"}, "one of 53, 2049"),
        ("ivpn", {"VPN_ENDPOINT_PORT": "http"}, 'is "http"'),
        ("mullvad", {"WIREGUARD_ENDPOINT_PORT": "70000"}, "1 to 65535"),
        ("custom", {"WIREGUARD_ENDPOINT_PORT": "0"}, "1 to 65535"),
        ("custom", {"WIREGUARD_ENDPOINT_IP": "vpn.lan"}, "no name"),
    ],
)
def test_endpoint_that_cannot_be_is_refused_before_the_deploy(
    tmp_path: Path, provider: str, environment: dict[str, str], told: str
) -> None:
    whole = CUSTOM["services"]["gluetun"]["environment"] if provider == "custom" else {}
    own = {
        "vpn": {
            "provider": provider,
            "port_forwarding": provider == "protonvpn",
            "addresses": "10.64.0.2/32",
        },
        "services": {"gluetun": {"environment": {**whole, **environment}}},
    }
    (problem,) = settings_house.problems(tmp_path, own)
    assert told in problem
    assert next(iter(environment)) in problem


def test_labels_are_only_the_owners(tmp_path: Path) -> None:
    loaded = settings_house.load(tmp_path)
    assert wall_configuration.labels(loaded, loaded.services["seerr"]) == {}
