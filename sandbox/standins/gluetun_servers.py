"""Gluetun's server list, baked into the image: one provider whose servers are all one endpoint.

The endpoint and its public key are those of the provider that a sandbox has (internet_files/).
Beside them is what nobody here may connect to: servers for OpenVPN, and another provider's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENDPOINT = "198.51.100.10"
PORT = 51820
PUBLIC_KEY = "kafxsHCRLYPVpqzFDYwwXLgQsHY28yubDPIcKa/7jTI="
PROVIDERS = ("protonvpn", "custom")
# A machine of the sandbox's internet that is no VPN server.
ELSEWHERE = "203.0.113.80"


@dataclass(frozen=True)
class Server:
    """One entry of the list."""

    country: str
    region: str
    city: str
    hostname: str
    free: bool = False
    port_forward: bool = True
    vpn: str = "wireguard"
    addresses: tuple[str, ...] = (ENDPOINT,)
    public_key: str = PUBLIC_KEY


SERVERS = (
    Server("Germany", "Europe", "Frankfurt", "node-de-01.protonvpn.net"),
    Server("Netherlands", "Europe", "Amsterdam", "node-nl-01.protonvpn.net"),
    Server(
        "Netherlands", "Europe", "Amsterdam", "node-nl-free-01.protonvpn.net",
        free=True, port_forward=False,
    ),
    Server("Switzerland", "Europe", "Zurich", "node-ch-01.protonvpn.net"),
    Server(
        "Switzerland", "Europe", "Zurich", "node-ch-01.protonvpn.net",
        vpn="openvpn", addresses=(ELSEWHERE,), public_key="",
    ),
)  # fmt: skip
OTHERS = (
    Server("Sweden", "", "Malmo", "se-mma-wg-001", port_forward=False, addresses=(ELSEWHERE,)),
)
# As the image of v3.41 has it: a version per provider, of the form of its entries, and a time.
BUILT_IN: dict[str, Any] = {
    "version": 1,
    "mullvad": {"version": 4, "timestamp": 1_721_997_873, "servers": list(OTHERS)},
    "protonvpn": {"version": 4, "timestamp": 1_763_504_612, "servers": list(SERVERS)},
}


@dataclass(frozen=True)
class Selection:
    """What the settings ask for; empty means any."""

    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    free_only: bool = False
    port_forward_only: bool = False


@dataclass(frozen=True)
class Connection:
    """Where the tunnel goes."""

    address: str
    port: int
    public_key: str
    name: str = ""


FILTERS: dict[str, Callable[[Server], str]] = {
    "country": lambda server: server.country,
    "region": lambda server: server.region,
    "city": lambda server: server.city,
    "hostname": lambda server: server.hostname,
}


def to_json(server: Server) -> dict[str, Any]:
    """An entry as upstream writes it: what is empty or false is left out."""
    openvpn = server.vpn == "openvpn"
    values = {
        "vpn": server.vpn,
        "country": server.country,
        "region": server.region,
        "city": server.city,
        "hostname": server.hostname,
        "udp": openvpn,
        "wgpubkey": server.public_key,
        "free": server.free,
        "port_forward": server.port_forward,
        "ips": list(server.addresses),
    }
    return {key: value for key, value in values.items() if value}


def from_json(entry: Mapping[str, Any]) -> Server:
    """An entry as it was read; what it has besides is of no use here."""
    return Server(
        country=entry.get("country", ""),
        region=entry.get("region", ""),
        city=entry.get("city", ""),
        hostname=entry.get("hostname", ""),
        free=entry.get("free", False),
        port_forward=entry.get("port_forward", False),
        vpn=entry.get("vpn", ""),
        addresses=tuple(entry.get("ips", ())),
        public_key=entry.get("wgpubkey", ""),
    )


def problem(selection: Selection, servers: Sequence[Server] = SERVERS) -> str:
    """What is wrong with the names of a selection, "" when nothing is: one valid name suffices."""
    for kind, wanted in _wanted(selection).items():
        choices = sorted({FILTERS[kind](server) for server in servers})
        known = {choice.lower() for choice in choices}
        if wanted and not any(value.lower() in known for value in wanted):
            return (
                f"the {kind} specified is not valid: value is not one of the possible choices: "
                f"none of {', '.join(wanted)} is one of the choices available {', '.join(choices)}"
            )
    return ""


def select(selection: Selection, servers: Sequence[Server] = SERVERS) -> Connection | None:
    """The first server that fits, None when none does."""
    wanted = {
        kind: {value.lower() for value in values} for kind, values in _wanted(selection).items()
    }
    for server in servers:
        if server.vpn != "wireguard" or not server.addresses:
            continue
        named = all(
            not values or FILTERS[kind](server).lower() in values for kind, values in wanted.items()
        )
        free = server.free or not selection.free_only
        if named and free and (server.port_forward or not selection.port_forward_only):
            return Connection(server.addresses[0], PORT, server.public_key, server.hostname)
    return None


def _wanted(selection: Selection) -> dict[str, Sequence[str]]:
    return {
        "country": selection.countries,
        "region": selection.regions,
        "city": selection.cities,
        "hostname": selection.hostnames,
    }
