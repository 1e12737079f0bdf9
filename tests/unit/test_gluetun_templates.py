"""What Gluetun is told, against what its release knows: variables, roles, and nothing published.

Facts: Gluetun's branch v3.41, Dockerfile (variables) and internal/server/middlewares/auth (routes).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from compose_house import services
from settings_house import load

import layout
import render

VARIABLES = {
    *("VPN_SERVICE_PROVIDER", "VPN_TYPE", "WIREGUARD_ADDRESSES", "SERVER_COUNTRIES"),
    *("SERVER_REGIONS", "SERVER_CITIES", "SERVER_HOSTNAMES", "FREE_ONLY", "VPN_PORT_FORWARDING"),
    *("VPN_PORT_FORWARDING_UP_COMMAND", "VPN_PORT_FORWARDING_DOWN_COMMAND"),
    *("VPN_PORT_FORWARDING_STATUS_FILE", "DNS_UPSTREAM_RESOLVERS", "FIREWALL_OUTBOUND_SUBNETS"),
    *("HTTP_CONTROL_SERVER_LOG", "HTTP_CONTROL_SERVER_AUTH_CONFIG_FILEPATH", "TZ", "PUID", "PGID"),
}
ROUTES = {
    # portsync, by the new route and by the old one, which answers with a redirect to it
    "GET /v1/portforward",
    "GET /v1/openvpn/portforwarded",
    # leaktest
    "GET /v1/publicip/ip",
    "GET /v1/vpn/status",
    "PUT /v1/vpn/status",
}
EVERYTHING = {
    "countries": ["Netherlands"],
    "regions": ["Europe"],
    "cities": ["Amsterdam"],
    "hostnames": ["node-nl-01.protonvpn.net"],
    "free_only": True,
    "port_forwarding": False,
    "outbound_subnets": ["192.168.1.0/24"],
    "addresses": "10.2.0.2/32",
}


def environment(tmp_path: Path, vpn: dict[str, Any]) -> dict[str, str]:
    text = layout.gluetun_environment(load(tmp_path, {"vpn": vpn}))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("vpn", [{}, EVERYTHING])
def test_gluetun_is_told_only_what_its_release_knows(tmp_path: Path, vpn: dict[str, Any]) -> None:
    assert environment(tmp_path, vpn).keys() <= VARIABLES


def test_a_network_beside_the_tunnel_is_opened_only_when_asked(tmp_path: Path) -> None:
    assert "FIREWALL_OUTBOUND_SUBNETS" not in environment(tmp_path, {})
    found = environment(tmp_path, EVERYTHING)
    assert found["FIREWALL_OUTBOUND_SUBNETS"] == "192.168.1.0/24"


def test_the_default_is_wireguard_of_protonvpn_with_a_forwarded_port(tmp_path: Path) -> None:
    found = environment(tmp_path, {})
    assert found["VPN_SERVICE_PROVIDER"] == "protonvpn"
    assert found["VPN_TYPE"] == "wireguard"
    assert found["VPN_PORT_FORWARDING"] == "on"
    assert "FREE_ONLY" not in found


def test_the_control_servers_role_lists_exactly_what_we_use() -> None:
    text = (render.TEMPLATES / "services" / "gluetun" / "auth.toml").read_text(encoding="utf-8")
    (role,) = tomllib.loads(text)["roles"]
    assert set(role["routes"]) == ROUTES
    assert len(role["routes"]) == len(ROUTES)
    assert role["auth"] == "apikey"
    assert set(role) == {"name", "routes", "auth", "apikey"}, "unknown keys are fatal to Gluetun"
    assert role["apikey"].startswith("@@SECRET gluetun/control_api_key")


def test_nobody_publishes_the_control_server(tmp_path: Path) -> None:
    found = services(load(tmp_path))
    ports = [port for one in found.values() for port in one.get("ports", [])]
    assert ports, "the vpn zone's pages are published on gluetun"
    inside = {port.rpartition(":")[2] for port in ports}
    assert "8000" not in inside
    assert "9999" not in inside
