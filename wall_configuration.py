"""[wall] and the endpoints of [vpn] in mediastack.toml, and what containers carry of them.

By address, since addresses are fixed (docs/decisions/016-second-wall-by-address.md). Gluetun's
labels are for a change of endpoint: the wall lets through what is configured and what the existing
container was created with, which nobody else remembers.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from service import Service
from settings import Settings, address, enabled, ipv6_address
from settings.vpn_providers import ENDPOINT_ADDRESS, endpoint_port

# Where Docker forwards the names it does not know, for whoever must not reach the internet: from
# inside the container's namespace, to a link-local address without a link, which the kernel refuses
# at once and without a packet, whatever the namespace has of IPv6. Without it the daemon asks the
# host's own resolver from the host's namespace, which no wall sees. A loopback address would not do
# for Gluetun: its own resolver listens on all of them, and asks Docker for names without a dot,
# which would ask it, and so on.
NOWHERE = "fe80::1"


def wall(settings: Settings) -> dict[str, Any]:
    """[wall]: the bridge's networks, who may leave it, and what Gluetun's zone may call."""
    services = enabled(settings).values()
    ipv6 = settings.network.ipv6_subnet
    return {
        "subnets": [settings.network.subnet, *([ipv6] if ipv6 else [])],
        "owner_addresses": addresses(settings, [one for one in services if one.owner]),
        "egress_addresses": addresses(settings, [one for one in services if one.egress]),
        "outbound_subnets": outbound(settings),
    }


def addresses(settings: Settings, services: list[Service]) -> list[str]:
    """Their addresses on the bridge, of both families."""
    found = [address(settings, one) for one in services]
    found += [ipv6_address(settings, one) for one in services]
    return [one for one in found if one]


def endpoints(settings: Settings) -> list[dict[str, Any]]:
    """Where Gluetun's tunnel goes: {"address": "" for any of the provider's servers, "port"}."""
    holder = owner(settings)
    if holder is None:
        return []
    told, provider = holder.environment, settings.vpn.provider
    exact = told.get(ENDPOINT_ADDRESS, "") if provider == "custom" else ""
    known = str(ipaddress.ip_address(exact)) if exact else ""
    return [{"address": known, "port": endpoint_port(provider, told)}]


def outbound(settings: Settings) -> list[str]:
    """Networks beside the tunnel that the user asked for."""
    return list(settings.vpn.outbound_subnets) if owner(settings) else []


def owner(settings: Settings) -> Service | None:
    """The enabled service that the tunnel runs in."""
    return next((one for one in enabled(settings).values() if one.owner), None)


def labels(settings: Settings, service: Service) -> dict[str, str]:
    """What the tunnel's container says of the tunnel that it was created for."""
    if not service.owner:
        return {}
    ways = [f"{one['address'] or '*'} {one['port']}" for one in endpoints(settings)]
    made = {"endpoints": ways, "outbound": outbound(settings)}
    return {f"io.mediastack.{name}": ",".join(several) for name, several in made.items() if several}


def name_servers(service: Service) -> tuple[str, ...]:
    """Where Docker forwards names that it does not know; empty: wherever the host would ask."""
    return () if service.zone != "bridge" or service.egress else (NOWHERE,)
