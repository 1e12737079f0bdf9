"""What one value of the settings must look like, and what to write instead when it does not.

Each function returns the value or raises ValueError with "is …; fix: …", which reaches the user
behind the path of the key. Nothing here looks at this machine or the host: whether a directory
exists or an address is up is for the deploy's preflight.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import AfterValidator

import shared
from settings.problems import nearest, shown
from settings.vpn_providers import DNS_UPSTREAMS, PROVIDERS

ACCOUNT = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")
PATH = re.compile(r"^(/[A-Za-z0-9_@+][A-Za-z0-9._@+-]*)+$")
REGISTRY = re.compile(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")
ZONE_NAME = re.compile(r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$")
# A path below these would be wiped, hidden from systemd units, or mixed up with files of ours.
TAKEN_PATHS = (
    *("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sbin", "/sys"),
    *("/tmp", "/usr", "/opt/mediastack", "/var/lib/docker", "/var/lib/mediastack"),  # noqa: S108
)
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
DOCKER_DEFAULT_BRIDGE = ipaddress.IPv4Network("172.17.0.0/16")


def matches(pattern: str, wrong: str, fix: str) -> AfterValidator:
    """Return a validator that wants the whole text to match the pattern."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is {shown(value)}, {wrong}; fix: {fix}")
        return value

    return AfterValidator(check)


@functools.cache
def zone_names(read: Callable[[], set[str]]) -> frozenset[str]:
    """Return what `read` returns, read once: it walks some 600 files."""
    return frozenset(read())


def timezone(value: str) -> str:
    """Return the name of a time zone."""
    names = zone_names(zoneinfo.available_timezones)
    # Without time zone data on this machine only the form can be judged; the host has the data.
    if value in names or (not names and ZONE_NAME.match(value)):
        return value
    guess = nearest(value, names)
    hint = f"did you mean {guess}?" if guess else 'use a name like "Europe/Berlin"'
    raise ValueError(f"is {shown(value)}, which is no time zone; fix: {hint}")


def account(value: str) -> str:
    """Return the name of an account that may own media."""
    if value == "root" or not ACCOUNT.match(value):
        raise ValueError(
            f"is {shown(value)}, no account for the apps; fix: lower-case letters, digits, '-' "
            "and '_', not root"
        )
    return value


def identity(value: int) -> int:
    """Return a uid or gid that is neither root nor nobody."""
    if not 1 <= value <= 65533:
        why = "which is root: apps would run as root" if value == 0 else "out of range"
        raise ValueError(f"is {value}, {why}; fix: a number from 1 to 65533, usually 1000")
    return value


def host_path(value: str) -> str:
    """Return an absolute directory on the host that nothing else lives in."""
    if not PATH.match(value):
        raise ValueError(
            f"is {shown(value)}, no usable directory; fix: an absolute path such as /mnt/media, "
            "without spaces, '..' or a slash at the end (and not / itself)"
        )
    for taken in TAKEN_PATHS:
        if value == taken or value.startswith(taken + "/"):
            raise ValueError(
                f"is {shown(value)}, but {taken} is not a place for it; fix: a directory of its "
                "own, such as /data or one below /srv or /mnt"
            )
    return value


def subnet(value: str) -> str:
    """Return a private IPv4 network for the bridge."""
    network = ipv4_network(value)
    if not 16 <= network.prefixlen <= 28:
        raise ValueError(f"is {shown(value)}; fix: a size from /16 to /28, usually /24")
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise ValueError(f"is {shown(value)}, no private range; fix: such as 172.30.0.0/24")
    if network.overlaps(DOCKER_DEFAULT_BRIDGE):
        raise ValueError(
            f"is {shown(value)}, which Docker's own bridge ({DOCKER_DEFAULT_BRIDGE}) uses; "
            "fix: another range, such as 172.30.0.0/24"
        )
    return value


def ipv4_network(value: str) -> ipaddress.IPv4Network:
    """Return the network; raise ValueError in our words."""
    try:
        return ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError(
            f"is {shown(value)}, no IPv4 network; fix: write it like 192.168.1.0/24, "
            "with zeros after the prefix"
        ) from None


def ipv6_subnet(value: str) -> str:
    """Return an IPv6 network, or "" for none."""
    if not value:
        return value
    try:
        network = ipaddress.IPv6Network(value)
    except ValueError:
        raise ValueError(
            f'is {shown(value)}, no IPv6 network; fix: such as "fd00:30::/64", or "" for none'
        ) from None
    if network.is_multicast or network.is_link_local or network.prefixlen not in range(16, 113):
        raise ValueError(f'is {shown(value)}, not usable; fix: a range such as "fd00:30::/64"')
    return value


def bind_address(value: str) -> str:
    """Return an IPv4 address of the host, or "auto"."""
    if value == "auto":
        return value
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError(
            f'is {shown(value)}; fix: "auto", or an IPv4 address of the host'
        ) from None
    if address.is_multicast or value == "255.255.255.255":
        raise ValueError(f'is {shown(value)}, no host\'s address; fix: "auto"')
    return value


def registry(value: str) -> str:
    """Return a registry as host or host:port."""
    host = value.partition(":")[0]
    if not REGISTRY.match(value) or not (":" in value or "." in host or host == "localhost"):
        raise ValueError(
            f"is {shown(value)}, no registry; fix: host:port, such as registry.lan:5000, "
            "without https:// or a path"
        )
    return value


def mirror(value: str) -> str:
    """Return a registry, or "" for none."""
    return registry(value) if value else value


def server(value: str) -> str:
    """Return the https address of an ntfy server, or ""."""
    if not value:
        return value
    try:
        url = urlsplit(value)
        usable = url.scheme == "https" and url.hostname and not url.username and url.port != 0
    except ValueError:
        usable, url = False, urlsplit("")
    if not usable or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError(
            'must be the address of an ntfy server; fix: such as "https://ntfy.sh", with https '
            "(the token travels with each message), without a path or a password"
        )
    return value.rstrip("/")


def quiet_hours(value: str) -> str:
    """Return a span of time within a day as the host's sender reads it, or "" for none."""
    if value:
        try:
            shared.quiet_hours.parse(value)
        except ValueError:
            raise ValueError(
                f'is {shown(value)}, no span of time; fix: such as "22:00-07:00", or "" for none'
            ) from None
    return value


def provider(value: str) -> str:
    """Return a provider that Gluetun supports with WireGuard."""
    if value in PROVIDERS:
        return value
    guess = nearest(value.lower(), PROVIDERS)
    raise ValueError(
        f"is {shown(value)}, which Gluetun cannot use with WireGuard; fix: "
        + (f"did you mean {guess}?" if guess else f"one of {', '.join(PROVIDERS)}")
    )


def filter_name(value: str) -> str:
    """Return one name of a server filter (Gluetun joins them with commas)."""
    if not value.strip() or not value.isprintable() or "," in value:
        raise ValueError(f"is {shown(value)}; fix: one name per entry of the list, without commas")
    if value.strip() != value or set(value) & set('$#"`=\\') or value[0] in "'":
        raise ValueError(
            f"is {shown(value)}, and no server list has such a name; fix: the plain name, as "
            "Gluetun spells it"
        )
    return value


def addresses(value: str) -> str:
    """Return the addresses of the tunnel, with prefixes, separated by commas.

    As Gluetun reads them: a number of bits and no netmask, no zone.
    """
    copy = 'copy the Address line of the WireGuard file, such as "10.64.0.2/32"'
    kinds = set()
    for part in value.split(",") if value else []:
        text = part.strip()
        if "=" in text:
            raise ValueError(f"has {shown(part)}; fix: only what stands behind 'Address = '")
        try:
            if not re.fullmatch(r"[0-9A-Fa-f:.]+/(0|[1-9][0-9]{0,2})", text):
                raise ValueError
            interface = ipaddress.ip_interface(text)
        except ValueError:
            raise ValueError(f"has {shown(part)}, no address with prefix; fix: {copy}") from None
        if interface.is_unspecified or interface.network.prefixlen == 0:
            raise ValueError(f"has {shown(part)}, which is the AllowedIPs line; fix: {copy}")
        if interface.is_multicast or interface.is_loopback or interface.is_link_local:
            raise ValueError(f"has {shown(part)}, which no VPN gives to anybody; fix: {copy}")
        kinds.add(interface.version)
    if kinds == {6}:
        raise ValueError(
            f"is {shown(value)}, IPv6 only, but what lives in the tunnel needs IPv4; fix: {copy}"
        )
    return value


def exit_check_url(value: str) -> str:
    """Return the address of a page that answers with the caller's address, or ""."""
    if not value:
        return value
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and url.hostname and not url.username
        usable = usable and url.port != 0 and value.isascii() and value.isprintable()
    except ValueError:
        usable, url = False, urlsplit("")
    if not usable or url.fragment or " " in value:
        raise ValueError(
            f"is {shown(value)}, no page that leaktest can ask; fix: such as "
            '"https://api.ipify.org", which answers with the caller\'s address, or "" for none'
        )
    return value


def resolver(value: str) -> str:
    """Return the address of a public DNS server, or "" for none."""
    if not value:
        return value
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(
            f'is {shown(value)}, no address; fix: such as "9.9.9.9", or "" for none'
        ) from None
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise ValueError(f'is {shown(value)}, no public DNS server; fix: such as "9.9.9.9"')
    return value


def dns_upstream(value: str) -> str:
    """Return DNS providers that Gluetun knows, separated by commas."""
    for name in value.split(","):
        if name.strip() not in DNS_UPSTREAMS:
            raise ValueError(
                f"has {shown(name)}, which Gluetun does not know; fix: "
                f"one of {', '.join(DNS_UPSTREAMS)}"
            )
    return value


def outbound_subnet(value: str) -> str:
    """Return an IPv4 network."""
    ipv4_network(value)
    return value
