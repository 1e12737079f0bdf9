"""Every rule across settings has a house that breaks it, and one beside it that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import KEY, load, problems

PLAIN: dict[str, Any] = {
    "image": "docker.io/library/nginx",
    "tag": "1.29",
    "stack": "downloads",
    "zone": "vpn",
}
MINE: dict[str, Any] = {**PLAIN, "zone": "bridge", "address": 90, "stack": "media"}
OFF = {"enabled": False}
VPN_OFF = dict.fromkeys(
    (
        *("qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr", "bazarr", "recyclarr"),
        *("cross-seed", "unpackerr"),
    ),
    OFF,
)


CUSTOM = {
    "WIREGUARD_ENDPOINT_IP": "203.0.113.1",
    "WIREGUARD_ENDPOINT_PORT": "51820",
    "WIREGUARD_PUBLIC_KEY": KEY,
}


def services(**tables: Any) -> dict[str, Any]:
    return {"services": {name.replace("_", "-"): table for name, table in tables.items()}}


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    # Directories.
    (
        {"storage": {"data": "/srv/media", "config": "/srv/media/config"}},
        "storage.config",
        'nested with storage.data "/srv/media"',
    ),
    ({"storage": {"backups": "/srv/mediastack"}}, "storage.backups", "nested with storage.config"),
    ({"storage": {"data": "/srv/x", "backups": "/srv/x"}}, "storage.backups", "nested"),
    # Room on the disks.
    ({"disk": {"warn": "4% or 20 GiB"}}, "disk.warn", "nobody would be warned"),
    ({"disk": {"resume": "6% or 20 GiB"}}, "disk.resume", "in turn"),
    ({"disk": {"warn": "60 GiB"}}, "disk.warn", "depends on the disk"),
    # Ports of the host.
    ({"monitor": {"metrics_port": 8989}}, "monitor.metrics_port", "sonarr publishes"),
    ({"monitor": {"metrics_port": 32400}}, "monitor.metrics_port", "plex publishes"),
    (services(sonarr={"host_port": 7878}), "services.sonarr.host_port", "radarr publishes"),
    (
        services(jellyfin={"enabled": True, "host_port": 32400}),
        "services.jellyfin.host_port",
        "plex",
    ),
    (
        services(mine={**MINE, "port": 8989, "publish": True}),
        "services.mine.port",
        "sonarr publishes",
    ),
    (
        services(mine={**MINE, "port": 81, "extra_ports": [5055], "publish": True}),
        "services.mine.extra_ports",
        "seerr publishes",
    ),
    (
        services(mine={**PLAIN, "zone": "host", "stack": "media", "port": 8090}),
        "services.mine.port",
        "ntfy publishes",
    ),
    # Ports inside the tunnel's namespace.
    (
        services(sabnzbd={"enabled": True, "port": 8080, "health": {}}),
        "services.sabnzbd.port",
        "qbit",
    ),
    (services(mine={**PLAIN, "port": 8000}), "services.mine.port", "gluetun has"),
    (services(mine={**PLAIN, "port": 9999}), "services.mine.port", "Gluetun's health server has"),
    (
        services(mine={**PLAIN, "port": 80, "extra_ports": [8191]}),
        "services.mine.extra_ports",
        "flare",
    ),
    # Zones.
    (services(gluetun={"zone": "host"}), "services.gluetun.zone", "inside gluetun itself"),
    (services(gluetun=OFF), "services.gluetun.enabled", "qbittorrent, prowlarr"),
    (services(sonarr={"stack": "media"}), "services.sonarr.stack", 'stack = "downloads"'),
    (services(plex={"host_port": 32401}), "services.plex.host_port", "only port 32400"),
    # Docker's socket.
    (services(homepage={"zone": "host"}), "services.homepage.zone", "only the bridge"),
    (services(socket_proxy_heal=OFF), "services.socket-proxy-heal.enabled", "autoheal asks"),
    # Addresses.
    (services(mine={**MINE, "address": 32}), "services.mine.address", "which ntfy has"),
    (services(mine={**MINE, "address": 251}), "services.mine.address", "at most 250"),
    (services(mine={**MINE, "address": 1}), "services.mine.address", "at least 2"),
    (
        {"network": {"bind_address": "172.30.0.9"}},
        "network.bind_address",
        "inside the containers' own network",
    ),
    # Copies.
    (
        services(radarr=OFF),
        "services.unpackerr",
        "needs radarr_api_key of radarr, which is disabled",
    ),
    (
        services(mine={**MINE, "secrets": [{"name": "k", "origin": "copy", "source": "sonarr/x"}]}),
        "services.mine.secrets",
        "no service has",
    ),
    (
        services(
            mine={**MINE, "secrets": [{"name": "k", "origin": "copy", "source": "notify/token"}]}
        ),
        "services.mine.secrets",
        "no service has",
    ),
    # Secrets in the environment.
    (
        services(sonarr={"environment": {"SONARR_API_KEY": "abc"}}),
        "services.sonarr.environment.SONARR_API_KEY",
        "looks like a secret",
    ),
    # The provider.
    ({"vpn": {"provider": "nordvpn"}}, "vpn.port_forwarding", "protonvpn"),
    ({"vpn": {"free_only": True}}, "vpn.free_only", "free servers forward no port"),
    (
        {"vpn": {"provider": "nordvpn", "port_forwarding": False, "free_only": True}},
        "vpn.free_only",
        "no free servers",
    ),
    ({"vpn": {"provider": "mullvad", "port_forwarding": False}}, "vpn.addresses", "is empty"),
    (
        {
            "vpn": {"provider": "custom", "port_forwarding": False, "addresses": "10.64.0.2/32"},
            **services(gluetun={"environment": {"WIREGUARD_ENDPOINT_IP": "203.0.113.1"}}),
        },
        "vpn.provider",
        "WIREGUARD_ENDPOINT_PORT, WIREGUARD_PUBLIC_KEY",
    ),
    (
        {"vpn": {"addresses": "10.2.0.2/32, 2a07::2/128"}},
        "vpn.addresses",
        'addresses = "10.2.0.2/32"',
    ),
    (
        {
            "vpn": {
                "provider": "custom",
                "port_forwarding": False,
                "addresses": "10.64.0.2/32",
                "countries": ["Sweden"],
            },
            **services(gluetun={"environment": CUSTOM}),
        },
        "vpn.countries",
        "countries = []",
    ),
    *[
        (
            {
                "vpn": {
                    "provider": "custom",
                    "port_forwarding": False,
                    "addresses": "10.64.0.2/32",
                },
                **services(gluetun={"environment": {**CUSTOM, name: value}}),
            },
            f"services.gluetun.environment.{name}",
            told,
        )
        for name, value, told in (
            ("WIREGUARD_ENDPOINT_IP", "vpn.example.org", "no address"),
            ("WIREGUARD_ENDPOINT_PORT", "51820/udp", "no port of custom"),
            ("WIREGUARD_PUBLIC_KEY", KEY[:-4], "WireGuard key has 32"),
        )
    ],
    # Gluetun told by hand.
    *[
        (
            services(gluetun={"environment": {name: "on"}}),
            f"services.gluetun.environment.{name}",
            told,
        )
        for name, told in (
            ("FIREWALL_ENABLED_DISABLING_IT_SHOOTS_YOU_IN_YOUR_FOOT", "keeps all traffic inside"),
            ("FIREWALL_OUTBOUND_SUBNETS", "vpn.outbound_subnets instead"),
            ("SERVER_COUNTRIES", "vpn.countries instead"),
            ("DNS_KEEP_NAMESERVER", "beside the tunnel"),
            ("HTTP_CONTROL_SERVER_AUTH_DEFAULT_ROLE", "stop the tunnel"),
            ("VPN_TYPE", "only WireGuard"),
            ("VPN_INTERFACE", "by its name"),
        )
    ],
    (services(gluetun={"publish": True}), "services.gluetun.publish", "control server"),
    (services(gluetun={"extra_ports": [8000]}), "services.gluetun.extra_ports", "control server"),
    ({"vpn": {"outbound_subnets": ["10.0.0.0/8"]}}, "vpn.outbound_subnets[0]", "10.2.0.0/16"),
    (
        {"vpn": {"outbound_subnets": ["192.168.1.0/24", "172.30.0.0/16"]}},
        "vpn.outbound_subnets[1]",
        "network.subnet",
    ),
    ({"network": {"subnet": "10.2.0.0/24"}}, "network.subnet", "the tunnel of protonvpn"),
    # Notifications.
    (services(ntfy=OFF), "notify.server", "ntfy"),
]

WHOLE: list[dict[str, Any]] = [
    {"storage": {"data": "/srv/media", "config": "/srv/media-config"}},
    # A disabled service holds no port and no address.
    services(radarr=OFF, unpackerr=OFF, sonarr={"host_port": 7878}),
    services(dozzle=OFF, mine={**MINE, "address": 36}),
    # The bridge gives each service a namespace, so a port may be there twice.
    services(mine={**MINE, "port": 8080}),
    services(gluetun=OFF, **VPN_OFF),
    services(sabnzbd={"enabled": True}, lidarr={"enabled": True}, jellyfin={"enabled": True}),
    services(sonarr={"zone": "bridge", "address": 91, "stack": "media"}),
    services(socket_proxy_heal=OFF, autoheal=OFF),
    services(sonarr={"environment": {"FILE__API_KEY": "/run/secrets/api_key"}}),
    services(
        mine={**MINE, "secrets": [{"name": "k", "origin": "copy", "source": "sonarr/api_key"}]}
    ),
    {"vpn": {"provider": "nordvpn", "port_forwarding": False}},
    {"vpn": {"provider": "mullvad", "port_forwarding": False, "addresses": "10.64.0.2/32"}},
    {"vpn": {"free_only": True, "port_forwarding": False}},
    {
        "vpn": {"addresses": "10.2.0.2/32, 2a07::2/128"},
        "network": {"ipv6_subnet": "fd00:30::/64"},
    },
    services(gluetun={"environment": {"HEALTH_TARGET_ADDRESSES": "192.0.2.1:443"}}),
    {
        "vpn": {"provider": "custom", "addresses": "10.64.0.2/32"},
        **services(
            gluetun={
                "environment": {
                    "WIREGUARD_ENDPOINT_IP": "203.0.113.1",
                    "WIREGUARD_ENDPOINT_PORT": "51820",
                    "WIREGUARD_PUBLIC_KEY": KEY,
                    "VPN_PORT_FORWARDING_PROVIDER": "protonvpn",
                }
            }
        ),
    },
    {"notify": {"server": "https://ntfy.sh"}, **services(ntfy=OFF)},
]


@pytest.mark.parametrize(("own", "path", "told"), BROKEN)
def test_a_broken_rule_is_told_once_with_a_fix(
    tmp_path: Path, own: dict[str, Any], path: str, told: str
) -> None:
    found = problems(tmp_path, own)
    assert len(found) == 1, found
    assert found[0].startswith(f"settings.local.toml: {path}: ")
    assert told in found[0]
    assert "; fix: " in found[0]


@pytest.mark.parametrize("own", WHOLE)
def test_a_house_beside_the_rule_is_whole(tmp_path: Path, own: dict[str, Any]) -> None:
    assert load(tmp_path, own)


def test_every_address_outside_a_small_subnet_is_told(tmp_path: Path) -> None:
    found = problems(tmp_path, {"network": {"subnet": "172.30.0.0/27"}})
    assert {line.split(": ")[1] for line in found} == {
        f"services.{name}.address" for name in ("ntfy", "wud", "autoheal", "homepage", "dozzle")
    }


def test_a_broken_owner_is_not_called_disabled_or_absent(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, services(gluetun={"tag": "a b"}))
    assert "services.gluetun.tag" in found
