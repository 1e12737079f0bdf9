"""What Gluetun knows about VPN providers with WireGuard, and what each needs from the user.

Source: Gluetun's branch v3.41, internal/configuration/settings: provider.go (names valid with
WireGuard), wireguard.go (which address has a default, who needs a pre-shared key),
portforward.go and serverselection.go (who forwards ports, who has free servers),
wireguardselection.go (what `custom` needs); where keys are found: gluetun-wiki, setup/providers;
DNS names: gluetun-wiki, setup/options/dns.md. Private Internet Access, Perfect Privacy and others
are absent because Gluetun speaks only OpenVPN with them.
"""

from __future__ import annotations

from typing import NamedTuple


class Provider(NamedTuple):
    """One provider; `tunnel` is the network its tunnel lives in where Gluetun assumes one.

    `needs_preshared_key`: Gluetun refuses to start without; `takes_`: its files may hold one.
    """

    key_source: str
    tunnel: str = ""
    needs_addresses: bool = True
    port_forwarding: bool = False
    free_servers: bool = False
    needs_preshared_key: bool = False
    takes_preshared_key: bool = False


PROVIDERS: dict[str, Provider] = {
    "airvpn": Provider(
        "airvpn.org, Client Area -> Config Generator -> WireGuard",
        needs_preshared_key=True,
        takes_preshared_key=True,
    ),
    "custom": Provider("the WireGuard file of your provider", takes_preshared_key=True),
    "fastestvpn": Provider("ask FastestVPN's support for a WireGuard configuration"),
    "ivpn": Provider("ivpn.net, Account -> WireGuard -> generate a key and configuration"),
    "mullvad": Provider(
        "mullvad.net, account page -> WireGuard configuration -> generate and download "
        "(the key listed under 'Devices' is the public one)"
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
        "windscribe.com -> My Account -> WireGuard config generator", takes_preshared_key=True
    ),
}

# The `custom` provider has no server list: it connects to exactly this endpoint.
CUSTOM_ENVIRONMENT = ("WIREGUARD_ENDPOINT_IP", "WIREGUARD_ENDPOINT_PORT", "WIREGUARD_PUBLIC_KEY")
CUSTOM_PORT_FORWARDING = "VPN_PORT_FORWARDING_PROVIDER"

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
GUARDED_ENVIRONMENT: dict[str, str] = {
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
