"""Gluetun's settings: secret files before environment, checked as v3.41.3 does, with its words.

Only what the stack uses is read; what else upstream knows is ignored.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import gluetun_servers
from .gluetun_servers import SERVERS, Connection, Selection, Server

SECRETS = Path("/run/secrets")
KEY_BYTES = 32
DEFAULT_ADDRESS = "10.2.0.2/32"
DEFAULT_MTU = "1320"
# Upstream dials cloudflare.com and github.com, and pings 1.1.1.1 and 8.8.8.8.
HEALTH_TARGETS = "203.0.113.80:443"
HEALTH_PINGS = "203.0.113.80"

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A setting that Gluetun refuses to start with; never contains a key."""


@dataclass(frozen=True)
class Settings:
    """What the rest of the stand-in needs to know."""

    private_key: str
    preshared_key: str
    addresses: tuple[Interface, ...]
    interface: str
    mtu: int
    connection: Connection
    port_forwarding: bool
    status_file: str
    up_command: str
    down_command: str
    outbound_subnets: tuple[Network, ...]
    input_ports: tuple[int, ...]
    vpn_input_ports: tuple[int, ...]
    firewall: bool
    dns_server: bool
    health_targets: tuple[str, ...]
    health_pings: tuple[str, ...]
    health_address: str
    restart_vpn: bool
    auth_file: str
    puid: int
    pgid: int


def read(
    environment: Mapping[str, str],
    secrets: Path = SECRETS,
    *,
    ipv6: bool = False,
    servers: Sequence[Server] = SERVERS,
) -> Settings:
    """The settings; `ipv6`: whether a link has an IPv6 network; `servers`: the provider's.

    Raise SettingsError with upstream's words when they are not valid.
    """
    provider = provider_of(environment)
    kind = environment.get("VPN_TYPE", "openvpn").lower()
    if kind != "wireguard":
        raise SettingsError(f"VPN settings: {provider} over {kind}: only wireguard is covered")
    if provider not in gluetun_servers.PROVIDERS:
        raise SettingsError(
            "VPN settings: provider settings: VPN service provider name: value is not one of the "
            f"possible choices: {provider} must be one of {', '.join(gluetun_servers.PROVIDERS)}"
        )
    forwarding = _switch(environment, "VPN_PORT_FORWARDING")
    connection = _connection(environment, provider, forwarding, servers)
    try:
        addresses = _addresses(environment, secrets, provider)
        unsupported = [one for one in addresses if one.version == 6 and not ipv6]
        if unsupported:
            raise SettingsError(
                "VPN settings: Wireguard settings: interface address is IPv6 but IPv6 is not "
                f"supported: address {unsupported[0]}"
            )
        return Settings(
            private_key=_private_key(environment, secrets),
            preshared_key=_key(environment, secrets, "WIREGUARD_PRESHARED_KEY", "pre-shared key"),
            addresses=addresses,
            interface=environment.get("VPN_INTERFACE", "tun0"),
            mtu=int(environment.get("WIREGUARD_MTU", DEFAULT_MTU)),
            connection=connection,
            port_forwarding=forwarding,
            status_file=environment.get(
                "VPN_PORT_FORWARDING_STATUS_FILE", "/tmp/gluetun/forwarded_port"
            ),
            up_command=environment.get("VPN_PORT_FORWARDING_UP_COMMAND", ""),
            down_command=environment.get("VPN_PORT_FORWARDING_DOWN_COMMAND", ""),
            outbound_subnets=tuple(
                ipaddress.ip_network(value, strict=False)
                for value in _list(environment, "FIREWALL_OUTBOUND_SUBNETS")
            ),
            input_ports=_ports(environment, "FIREWALL_INPUT_PORTS"),
            vpn_input_ports=_ports(environment, "FIREWALL_VPN_INPUT_PORTS"),
            firewall=_switch(
                environment, "FIREWALL_ENABLED_DISABLING_IT_SHOOTS_YOU_IN_YOUR_FOOT", default=True
            ),
            dns_server=_switch(environment, "DNS_SERVER", default=True),
            health_targets=_list(environment, "HEALTH_TARGET_ADDRESSES", HEALTH_TARGETS),
            health_pings=_list(environment, "HEALTH_ICMP_TARGET_IPS", HEALTH_PINGS),
            health_address=environment.get("HEALTH_SERVER_ADDRESS", "127.0.0.1:9999"),
            restart_vpn=_switch(environment, "HEALTH_RESTART_VPN", default=True),
            auth_file=environment.get(
                "HTTP_CONTROL_SERVER_AUTH_CONFIG_FILEPATH", "/gluetun/auth/config.toml"
            ),
            puid=int(environment.get("PUID") or 1000),
            pgid=int(environment.get("PGID") or 1000),
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error


def provider_of(environment: Mapping[str, str]) -> str:
    """The provider's name as Gluetun reads it."""
    return environment.get("VPN_SERVICE_PROVIDER", "private internet access").lower()


def _connection(
    environment: Mapping[str, str], provider: str, forwarding: bool, servers: Sequence[Server]
) -> Connection:
    public_key = environment.get("WIREGUARD_PUBLIC_KEY", "")
    address = environment.get("WIREGUARD_ENDPOINT_IP", "")
    port = environment.get("WIREGUARD_ENDPOINT_PORT", "")
    place = "VPN settings: provider settings: server selection: "
    wireguard = f"{place}Wireguard server selection settings: "
    if public_key and (wrong := _key_problem(public_key)):
        raise SettingsError(f"{wireguard}public key is not valid: {public_key}: {wrong}")
    if provider == "custom":
        for value, what in (
            (address, "endpoint IP"), (port, "endpoint port"), (public_key, "public key"),
        ):  # fmt: skip
            if not value:
                raise SettingsError(f"{wireguard}{what} is not set")
        return Connection(str(ipaddress.ip_address(address)), int(port), public_key, "custom")
    if port:
        raise SettingsError(f"{wireguard}endpoint port is set")
    selection = Selection(
        countries=_list(environment, "SERVER_COUNTRIES"),
        regions=_list(environment, "SERVER_REGIONS"),
        cities=_list(environment, "SERVER_CITIES"),
        hostnames=_list(environment, "SERVER_HOSTNAMES"),
        free_only=_switch(environment, "FREE_ONLY"),
        port_forward_only=_switch(environment, "PORT_FORWARD_ONLY", default=forwarding),
    )
    place += f"for VPN service provider {provider}: "
    if wrong := gluetun_servers.problem(selection, servers):
        raise SettingsError(place + wrong)
    if selection.free_only and selection.port_forward_only:
        raise SettingsError(
            f"{place}port forwarding only filter is not supported: together with free only filter"
        )
    found = gluetun_servers.select(selection, servers)
    if found is None:
        raise SettingsError(f"finding a VPN server: no server found: for {selection}")
    return Connection(address or found.address, found.port, public_key or found.public_key,
                      found.name)  # fmt: skip


def _private_key(environment: Mapping[str, str], secrets: Path) -> str:
    key = _key(environment, secrets, "WIREGUARD_PRIVATE_KEY", "private key")
    if not key:
        raise SettingsError("VPN settings: Wireguard settings: private key is not set")
    return key


def _key(environment: Mapping[str, str], secrets: Path, name: str, what: str) -> str:
    try:
        key = _secret(environment, secrets, name)
    except OSError as error:
        raise SettingsError(
            f"VPN settings: Wireguard settings: {what} cannot be read: {error}"
        ) from error
    if key and (wrong := _key_problem(key)):
        raise SettingsError(f"VPN settings: Wireguard settings: {what} is not valid: {wrong}")
    return key


def _key_problem(key: str) -> str:
    try:
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "wgtypes: failed to parse base64-encoded key"
    return "" if len(decoded) == KEY_BYTES else f"wgtypes: incorrect key size: {len(decoded)}"


def _addresses(
    environment: Mapping[str, str], secrets: Path, provider: str
) -> tuple[Interface, ...]:
    given = _secret(environment, secrets, "WIREGUARD_ADDRESSES")
    if not given and provider == "protonvpn":
        given = DEFAULT_ADDRESS
    values = [value.strip() for value in given.split(",") if value.strip()]
    if not values:
        raise SettingsError("VPN settings: Wireguard settings: interface address is not set")
    found = []
    for value in values:
        try:
            found.append(ipaddress.ip_interface(value))
        except ValueError as error:
            raise SettingsError(
                f'VPN settings: Wireguard settings: parsing address: netip.ParsePrefix("{value}")'
            ) from error
    return tuple(found)


def _secret(environment: Mapping[str, str], secrets: Path, name: str) -> str:
    path = Path(environment.get(f"{name}_SECRETFILE") or secrets / name.lower())
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except FileNotFoundError:
        return environment.get(name, "")


def _switch(environment: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = environment.get(name, "").lower()
    if value in ("on", "yes", "true", "1", "enabled"):
        return True
    if value in ("off", "no", "false", "0", "disabled"):
        return False
    if value:
        raise SettingsError(f'environment variable {name}: "{value}" is neither on nor off')
    return default


def _list(environment: Mapping[str, str], name: str, default: str = "") -> tuple[str, ...]:
    values = (environment.get(name) or default).split(",")
    return tuple(value.strip() for value in values if value.strip())


def _ports(environment: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(int(value) for value in _list(environment, name))
