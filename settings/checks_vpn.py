"""What the VPN, the notifications and their secrets need from each other.

Gluetun refuses most of this too, but only on the host, after minutes, and by restarting for ever;
here it costs a second. When Gluetun is disabled nothing of it is asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from catalog import HOST_SECRETS
from settings.model import Network, Notify, Parts, Vpn
from settings.problems import Problem
from settings.user_secrets import NOTIFY_TOKEN, variable
from settings.vpn_providers import (
    ANY_PORT,
    CUSTOM_ENVIRONMENT,
    CUSTOM_PORT_FORWARDING,
    ENDPOINT_ADDRESS,
    ENDPOINT_PORT,
    PROVIDERS,
    Provider,
)

PRIVATE_KEY = "wireguard_private_key"
PRESHARED_KEY = "wireguard_preshared_key"


def provider_needs(parts: Parts) -> Iterator[Problem]:
    """Port forwarding, free servers and addresses depend on the provider."""
    vpn = _active(parts)
    if vpn is None:
        return
    provider = PROVIDERS[vpn.provider]
    environment = _owner_environment(parts)
    forwards = provider.port_forwarding or (
        vpn.provider == "custom" and CUSTOM_PORT_FORWARDING in environment
    )
    if vpn.port_forwarding and not forwards:
        able = ", ".join(name for name, entry in PROVIDERS.items() if entry.port_forwarding)
        yield Problem(
            "vpn.port_forwarding",
            f"is true, but Gluetun cannot forward a port with {vpn.provider} over WireGuard",
            f"port_forwarding = false, or a provider that can: {able}",
        )
    if vpn.free_only and not provider.free_servers:
        yield Problem(
            "vpn.free_only", f"is true, but {vpn.provider} has no free servers", "free_only = false"
        )
    elif vpn.free_only and vpn.port_forwarding:
        yield Problem(
            "vpn.free_only",
            "is true together with vpn.port_forwarding, but free servers forward no port",
            "set one of them to false",
        )
    if provider.needs_addresses and not vpn.addresses:
        yield Problem(
            "vpn.addresses",
            f"is empty, but {vpn.provider} gives each customer an address of their own",
            "copy the IPv4 of the Address line of your WireGuard file, with its /32",
        )
    if vpn.provider == "custom":
        missing = [name for name in CUSTOM_ENVIRONMENT if name not in environment]
        if missing:
            yield Problem(
                "vpn.provider",
                f'is "custom", which lacks {", ".join(missing)}',
                "copy them from your WireGuard file to [services.gluetun.environment]",
            )


def endpoint(parts: Parts) -> Iterator[Problem]:
    """Where the tunnel goes, when the user says so: the second wall lets out nothing else."""
    vpn = _active(parts)
    if vpn is None:
        return
    environment = _owner_environment(parts)
    path = f"services.{owner.name if (owner := parts.owner()) else 'gluetun'}.environment"
    for name in ENDPOINT_PORT:
        told, allowed = environment.get(name, ""), PROVIDERS[vpn.provider].ports
        if not told:
            continue
        valid = told.isascii() and told.isdecimal() and 0 < int(told) < 1 << 16
        if not allowed:
            yield Problem(
                f"{path}.{name}",
                f"is set, but {vpn.provider}'s servers listen on one port only",
                "remove it",
            )
        elif not valid or (allowed != ANY_PORT and int(told) not in allowed):
            choice = ", ".join(map(str, allowed)) if allowed != ANY_PORT else "1 to 65535"
            problem = f'is "{told}", no port of {vpn.provider}'
            yield Problem(f"{path}.{name}", problem, f"one of {choice}")
    address = environment.get(ENDPOINT_ADDRESS, "")
    if vpn.provider != "custom" or not address:
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        yield Problem(
            f"{path}.{ENDPOINT_ADDRESS}",
            f'is "{address}", no address',
            "the address of the server, no name: names are asked through the tunnel only",
        )


def tunnel_networks(parts: Parts) -> Iterator[Problem]:
    """A network reached beside the tunnel must not be the tunnel's own, nor the bridge."""
    vpn, network = _active(parts), parts.table(Network)
    if vpn is None:
        return
    tunnels = _tunnels(vpn, PROVIDERS[vpn.provider])
    bridge = ipaddress.IPv4Network(network.subnet) if network else None
    for index, value in enumerate(vpn.outbound_subnets):
        subnet = ipaddress.IPv4Network(value)
        path = f"vpn.outbound_subnets[{index}]"
        if any(subnet.overlaps(tunnel) for tunnel in tunnels):
            yield Problem(
                path,
                f'is "{value}", which covers the tunnel\'s own network {tunnels[0]}: its gateway '
                "would be looked for in your LAN",
                "only the network you mean, such as 192.168.1.0/24",
            )
        if bridge and subnet.overlaps(bridge):
            yield Problem(
                path,
                f'is "{value}", which covers network.subnet {bridge}, reachable anyway',
                "only the network you mean, such as 192.168.1.0/24",
            )
    if bridge and any(bridge.overlaps(tunnel) for tunnel in tunnels):
        yield Problem(
            "network.subnet",
            f'is "{bridge}", which the tunnel of {vpn.provider} uses as well ({tunnels[0]})',
            "another range, such as 172.30.0.0/24",
        )


def missing_secrets(parts: Parts) -> Iterator[Problem]:
    """A service that shall run has the secrets that only the user can give."""
    for service in parts.enabled():
        for secret in service.secrets:
            reference = f"{service.name}/{secret.name}"
            if secret.origin != "user" or not secret.required or reference in parts.secrets:
                continue
            if reference in parts.unsure:
                continue
            what, how = "is missing", _where_to_put(service.name, secret.name, parts.secrets_file)
            if service.owner and secret.name == PRIVATE_KEY:
                vpn = parts.table(Vpn)
                source = PROVIDERS[vpn.provider].key_source if vpn else "your VPN provider's site"
                what = "is missing: the WireGuard private key of your VPN account"
                how = f"get it at {source}; copy the text after 'PrivateKey = ' and {how}"
            yield Problem(f"{service.name}.{secret.name}", what, how, parts.secrets_file)
    vpn, owner = _active(parts), parts.owner()
    if vpn and owner and PROVIDERS[vpn.provider].needs_preshared_key:
        reference = f"{owner.name}/{PRESHARED_KEY}"
        if PRESHARED_KEY not in [secret.name for secret in owner.secrets]:
            yield Problem(
                "vpn.provider",
                f'is "{vpn.provider}", which needs a pre-shared key; this release has no place '
                "for one",
                "another provider",
            )
        elif reference not in parts.secrets and reference not in parts.unsure:
            yield Problem(
                f"{owner.name}.{PRESHARED_KEY}",
                f"is missing: {vpn.provider} needs a pre-shared key",
                "copy the text after 'PresharedKey = ' and "
                + _where_to_put(owner.name, PRESHARED_KEY, parts.secrets_file),
                parts.secrets_file,
            )


def notifications(parts: Parts) -> Iterator[Problem]:
    """Messages go to the stack's own ntfy, or to a server that may want a token."""
    notify = parts.table(Notify)
    if notify is None or notify.server:
        return
    consumer, _, name = NOTIFY_TOKEN.partition("/")
    source = next(secret.source for secret in HOST_SECRETS[consumer] if secret.name == name)
    own = parts.services.get(source.partition("/")[0])
    if own and not own.enabled:
        yield Problem(
            "notify.server",
            f"is empty, which means the stack's own {own.name}, and that is disabled",
            f'server = "https://…" of another ntfy, or enable {own.name}',
        )
    if NOTIFY_TOKEN in parts.secrets:
        yield Problem(
            f"{consumer}.{name}",
            "is given, but the stack's own ntfy makes its token itself",
            "delete it, or set notify.server to the server it is for",
            parts.secrets_file,
        )


def _active(parts: Parts) -> Vpn | None:
    """Return the vpn table when it is valid and its owner may run."""
    owner = parts.owner()
    return None if owner and not owner.enabled else parts.table(Vpn)


def _owner_environment(parts: Parts) -> dict[str, str]:
    owner = parts.owner()
    return owner.environment if owner else {}


def _tunnels(vpn: Vpn, provider: Provider) -> list[ipaddress.IPv4Network]:
    """Return the IPv4 networks the tunnel lives in."""
    if not vpn.addresses:
        return [ipaddress.IPv4Network(provider.tunnel)] if provider.tunnel else []
    networks = [ipaddress.ip_interface(part.strip()).network for part in vpn.addresses.split(",")]
    return [network for network in networks if isinstance(network, ipaddress.IPv4Network)]


def _where_to_put(service: str, name: str, file: str) -> str:
    """Return how a secret is handed over."""
    return (
        f'put it into {file} (chmod 600) as [{service}] and on the next line {name} = "…", '
        f"or into the environment as {variable(f'{service}/{name}')}"
    )


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    provider_needs,
    endpoint,
    tunnel_networks,
    missing_secrets,
    notifications,
)
