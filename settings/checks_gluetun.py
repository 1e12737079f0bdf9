"""What must not be told to Gluetun beside the settings, and what it could not start with.

Its firewall, its control server and the name of its tunnel are what the other walls and programs
rely on, so a hand in its environment may add and not take away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from settings.model import Network, Parts, Vpn
from settings.problems import Problem
from shared import wireguard_key

# What a setting or another part of the product decides; given by hand it would undo a guard.
OWNED_ENVIRONMENT: dict[str, str] = {
    "VPN_SERVICE_PROVIDER": "vpn.provider",
    "SERVER_COUNTRIES": "vpn.countries",
    "SERVER_REGIONS": "vpn.regions",
    "SERVER_CITIES": "vpn.cities",
    "SERVER_HOSTNAMES": "vpn.hostnames",
    "FREE_ONLY": "vpn.free_only",
    "VPN_PORT_FORWARDING": "vpn.port_forwarding",
    "WIREGUARD_ADDRESSES": "vpn.addresses",
    "FIREWALL_OUTBOUND_SUBNETS": "vpn.outbound_subnets",
    "EXTRA_SUBNETS": "vpn.outbound_subnets",
    "DNS_UPSTREAM_RESOLVERS": "vpn.dns_upstream",
}
LIST_PLACE = "the host's second wall reads Gluetun's list of servers where it is by default"
GUARDED_ENVIRONMENT: dict[str, str] = {
    "STORAGE_FILEPATH": LIST_PLACE,
    "STORAGE_SERVERS_ENABLED": LIST_PLACE,
    "STORAGE_SERVERS_DIRECTORY_PATH": LIST_PLACE,
    "VPN_TYPE": "only WireGuard is supported",
    "VPN_INTERFACE": "qBittorrent and the host's second wall know the tunnel by its name",
    "WIREGUARD_INTERFACE": "qBittorrent and the host's second wall know the tunnel by its name",
    "FIREWALL_ENABLED_DISABLING_IT_SHOOTS_YOU_IN_YOUR_FOOT": "it is what keeps all traffic inside",
    "DNS_KEEP_NAMESERVER": "names would be asked beside the tunnel",
    "HTTP_CONTROL_SERVER_ADDRESS": "the host's programs ask Gluetun there",
    "HTTP_CONTROL_SERVER_AUTH_CONFIG_FILEPATH": "the file lists exactly what may be asked",
    "HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE": "whoever reaches Gluetun could stop the tunnel",
    "VPN_PORT_FORWARDING_STATUS_FILE": "the host's programs read the port there",
    "VPN_PORT_FORWARDING_UP_COMMAND": "the host's programs are woken by it",
    "VPN_PORT_FORWARDING_DOWN_COMMAND": "the host's programs are woken by it",
}


def owner_environment(parts: Parts) -> Iterator[Problem]:
    """What is told to Gluetun by hand must not undo what settings and the other walls rely on."""
    owner = parts.owner()
    override = parts.overrides.get(owner.name) if owner else None
    table = override.get("environment") if isinstance(override, dict) else None
    if owner is None or not owner.enabled or not isinstance(table, dict):
        return
    path = f"services.{owner.name}.environment"
    for name, value in table.items():
        if name in OWNED_ENVIRONMENT:
            yield Problem(
                f"{path}.{name}", "is what a setting decides", f"{OWNED_ENVIRONMENT[name]} instead"
            )
        elif name in GUARDED_ENVIRONMENT:
            yield Problem(
                f"{path}.{name}",
                f"cannot be changed: {GUARDED_ENVIRONMENT[name]}",
                "delete the line",
            )
        elif name == "WIREGUARD_PUBLIC_KEY" and (
            wrong := wireguard_key.problem(str(value), "PublicKey")
        ):
            yield Problem(f"{path}.{name}", *wrong)


def control_server(parts: Parts) -> Iterator[Problem]:
    """Whoever reaches Gluetun's control server and has its key can stop the tunnel."""
    owner = parts.owner()
    if owner is None or not owner.enabled:
        return
    if owner.publish:
        yield Problem(
            f"services.{owner.name}.publish",
            f"is true, but port {owner.port} is {owner.name}'s control server",
            "publish = false; what the vpn zone publishes, it publishes by itself",
        )
    for service in parts.enabled():
        if service.zone == "vpn" and owner.port in service.extra_ports:
            return  # told as a clash in the namespace they share
    if owner.port in owner.extra_ports:
        yield Problem(
            f"services.{owner.name}.extra_ports",
            f"has {owner.port}, which is {owner.name}'s control server",
            "leave it out",
        )


def tunnel_ipv6(parts: Parts) -> Iterator[Problem]:
    """Gluetun refuses to start with an IPv6 address where its network has no IPv6."""
    vpn, network = parts.table(Vpn), parts.table(Network)
    owner = parts.owner()
    if (owner and not owner.enabled) or vpn is None or network is None:
        return
    if network.ipv6_subnet or ":" not in vpn.addresses:
        return
    kept = ", ".join(part.strip() for part in vpn.addresses.split(",") if ":" not in part)
    yield Problem(
        "vpn.addresses",
        "has an IPv6 address, but the containers' network has no IPv6, and Gluetun would not start",
        f'addresses = "{kept}", or give network.ipv6_subnet a range such as "fd00:30::/64"',
    )


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    owner_environment,
    control_server,
    tunnel_ipv6,
)
