"""Gluetun's server list, baked into the image: one provider whose servers are all one endpoint.

The endpoint and its public key are those of the provider that a sandbox has (internet_files/).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ENDPOINT = "198.51.100.10"
PORT = 51820
PUBLIC_KEY = "kafxsHCRLYPVpqzFDYwwXLgQsHY28yubDPIcKa/7jTI="
PROVIDERS = ("protonvpn", "custom")


@dataclass(frozen=True)
class Server:
    """One entry of the list."""

    country: str
    region: str
    city: str
    hostname: str
    free: bool = False
    port_forward: bool = True


SERVERS = (
    Server("Germany", "Europe", "Frankfurt", "node-de-01.protonvpn.net"),
    Server("Netherlands", "Europe", "Amsterdam", "node-nl-01.protonvpn.net"),
    Server(
        "Netherlands", "Europe", "Amsterdam", "node-nl-free-01.protonvpn.net",
        free=True, port_forward=False,
    ),
    Server("Switzerland", "Europe", "Zurich", "node-ch-01.protonvpn.net"),
)  # fmt: skip


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


def problem(selection: Selection) -> str:
    """What is wrong with the names of a selection, "" when nothing is: one valid name suffices."""
    for kind, wanted in _wanted(selection).items():
        choices = sorted({FILTERS[kind](server) for server in SERVERS})
        known = {choice.lower() for choice in choices}
        if wanted and not any(value.lower() in known for value in wanted):
            return (
                f"the {kind} specified is not valid: value is not one of the possible choices: "
                f"none of {', '.join(wanted)} is one of the choices available {', '.join(choices)}"
            )
    return ""


def select(selection: Selection) -> Connection | None:
    """The first server that fits, None when none does."""
    wanted = {
        kind: {value.lower() for value in values} for kind, values in _wanted(selection).items()
    }
    for server in SERVERS:
        named = all(
            not values or FILTERS[kind](server).lower() in values for kind, values in wanted.items()
        )
        free = server.free or not selection.free_only
        if named and free and (server.port_forward or not selection.port_forward_only):
            return Connection(ENDPOINT, PORT, PUBLIC_KEY, server.hostname)
    return None


def _wanted(selection: Selection) -> dict[str, Sequence[str]]:
    return {
        "country": selection.countries,
        "region": selection.regions,
        "city": selection.cities,
        "hostname": selection.hostnames,
    }
