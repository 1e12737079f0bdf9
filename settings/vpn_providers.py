"""What Gluetun knows about VPN providers with WireGuard, and what each needs from the user.

Source: Gluetun's branch v3.41, internal/configuration/settings: provider.go (names valid with
WireGuard), wireguard.go (which address has a default, who needs a pre-shared key),
portforward.go and serverselection.go (who forwards ports, who has free servers),
wireguardselection.go (what `custom` needs, which ports may be chosen); the port of a provider's
servers: internal/provider/<name>/connection.go; where keys are found: gluetun-wiki,
setup/providers; DNS names: gluetun-wiki, setup/options/dns.md. Private Internet Access, Perfect
Privacy and others are absent because Gluetun speaks only OpenVPN with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Provider(NamedTuple):
    """One provider; `tunnel` is the network its tunnel lives in where Gluetun assumes one."""

    key_source: str
    port: int = 51820
    """Where its servers listen (UDP), unless ENDPOINT_PORT says otherwise; 0: that has to."""
    tunnel: str = ""
    needs_addresses: bool = True
    port_forwarding: bool = False
    free_servers: bool = False
    needs_preshared_key: bool = False
    ports: tuple[int, ...] = ()
    """What ENDPOINT_PORT may say besides; empty: it must not be set."""


ANY_PORT = (-1,)
# The last is an older name that Gluetun still takes.
ENDPOINT_ADDRESS = "WIREGUARD_ENDPOINT_IP"
ENDPOINT_PORT = ("WIREGUARD_ENDPOINT_PORT", "VPN_ENDPOINT_PORT")
PROVIDERS: dict[str, Provider] = {
    "airvpn": Provider(
        "airvpn.org, Client Area -> Config Generator -> WireGuard",
        port=1637,
        needs_preshared_key=True,
        ports=(1637, 47107),
    ),
    "custom": Provider("the WireGuard file of your provider", port=0, ports=ANY_PORT),
    "fastestvpn": Provider("ask FastestVPN's support for a WireGuard configuration"),
    "ivpn": Provider(
        "ivpn.net, Account -> WireGuard -> generate a key and configuration",
        port=58237,
        ports=(53, 2049, 2050, 30587, 41893, 48574, 58237),
    ),
    "mullvad": Provider(
        "mullvad.net, account page -> WireGuard configuration -> generate and download "
        "(the key listed under 'Devices' is the public one)",
        ports=ANY_PORT,
    ),
    "nordvpn": Provider(
        "NordVPN's NordLynx private key (the access token is another thing)",
        tunnel="10.5.0.0/16",
        needs_addresses=False,
    ),
    "protonvpn": Provider(
        "account.proton.me -> VPN -> Downloads -> WireGuard configuration, made with "
        "NAT-PMP (port forwarding) on, Moderate NAT off, and a P2P server",
        tunnel="10.2.0.0/16",
        needs_addresses=False,
        port_forwarding=True,
        free_servers=True,
    ),
    "surfshark": Provider("my.surfshark.com -> VPN -> Manual setup -> WireGuard -> a new key pair"),
    "windscribe": Provider(
        "windscribe.com -> My Account -> WireGuard config generator",
        port=1194,
        ports=(53, 80, 123, 443, 1194, 65142),
    ),
}

# The `custom` provider has no server list: it connects to exactly this endpoint.
CUSTOM_ENVIRONMENT = ("WIREGUARD_ENDPOINT_IP", "WIREGUARD_ENDPOINT_PORT", "WIREGUARD_PUBLIC_KEY")
CUSTOM_PORT_FORWARDING = "VPN_PORT_FORWARDING_PROVIDER"


def endpoint_port(provider: str, environment: Mapping[str, str]) -> int:
    """Return the UDP port of the VPN's server for Gluetun's environment (a valid one)."""
    told = next((environment[name] for name in ENDPOINT_PORT if environment.get(name)), "")
    return int(told or PROVIDERS[provider].port)


DNS_UPSTREAMS = (
    "cira family",
    "cira private",
    "cira protected",
    "cleanbrowsing adult",
    "cleanbrowsing family",
    "cleanbrowsing security",
    "cloudflare",
    "cloudflare family",
    "cloudflare security",
    "google",
    "libredns",
    "opendns",
    "quad9",
    "quad9 secured",
    "quad9 unsecured",
    "quadrant",
)
