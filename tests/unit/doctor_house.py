"""A small house for the tests of doctor and status: its configuration and facts without a fault.

Every value is written out here rather than taken from the code under test.
"""

from __future__ import annotations

import copy
from typing import Any

import doctor_house_host

from mediastack import wall_rules

OWNER_NETNS, HOST_NETNS = 4026532001, 4026531840
DIGEST = "sha256:" + "a" * 64
NOW = 1_790_000_000.0
SERVERS_OF_PROVIDER = ["198.51.100.10", "198.51.100.11"]

# service: (stack, zone, port, has health check, mounts /data, inode of its namespace)
SERVICES = {
    "gluetun": ("downloads", "bridge", 0, True, False, OWNER_NETNS),
    "qbittorrent": ("downloads", "vpn", 8080, True, True, OWNER_NETNS),
    "recyclarr": ("downloads", "vpn", 0, False, False, OWNER_NETNS),
    "plex": ("media", "host", 32400, True, True, HOST_NETNS),
    "seerr": ("media", "bridge", 5055, True, False, 4026532055),
}


def config() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "schema": 1,
            "release": "1.0.0+new",
            "host": {"name": "home"},
            "paths": {
                "program": "/opt/mediastack",
                "etc": "/etc/mediastack",
                "state": "/var/lib/mediastack",
                "config": "/srv/mediastack/config",
                "backups": "/srv/mediastack/backups",
                "data": "/data",
                "runtime": "/run/mediastack",
                "sentinel": "/data/.mediastack-sentinel",
            },
            "network": {
                "name": "homelab_media_network",
                "subnet": "172.30.0.0/24",
                "gateway": "172.30.0.1",
                "bind_address": "192.168.1.10",
            },
            "vpn": {"provider": "protonvpn", "endpoints": [{"address": "", "port": 51820}]},
            "wall": {
                "subnets": ["172.30.0.0/24"],
                "owner_addresses": ["172.30.0.10"],
                "egress_addresses": ["172.30.0.21"],
                "outbound_subnets": [],
            },
            "limits": {},
            "disk": {"warn": "50 GiB", "pause": "20 GiB", "resume": "30 GiB"},
            "monitor": {
                "account": "mediastack-monitor",
                "directory": "/var/lib/mediastack/monitor",
                "socket": "/run/mediastack-healer/healer.sock",
                "cascades_per_hour": 5,
            },
            "updates": {
                "account": "mediastack-updater",
                "inbox": "/var/lib/mediastack/inbox",
                "port": 8195,
                "wud": "http://172.30.0.33:3000",
            },
            "stacks": {
                "downloads": {"services": ["gluetun", "qbittorrent", "recyclarr"]},
                "media": {"services": ["plex", "seerr"]},
            },
            "services": {
                name: {
                    "stack": stack,
                    "zone": zone,
                    "owner": name == "gluetun",
                    "image": f"ghcr.io/x/{name}:1",
                    "port": port,
                    "url": f"http://192.168.1.10:{port}" if port else "",
                    "config_hash": f"hash-{name}",
                    "health": health,
                    "data": data,
                }
                for name, (stack, zone, port, health, data, _) in SERVICES.items()
            },
            "secrets": [
                {"service": "qbittorrent", "name": "password", "uid": 1000, "gid": 1000},
                {
                    "service": "notify",
                    "name": "token",
                    "uid": 0,
                    "gid": 0,
                    "required": False,
                },
            ],
            "secret_files": [
                {
                    "template": "/opt/mediastack/templates/none",
                    "destination": "/etc/mediastack/secrets/gluetun/auth.toml",
                    "uid": 0,
                    "gid": 0,
                    "mode": "0400",
                    "seed": False,
                },
                {
                    "template": "/opt/mediastack/templates/none",
                    "destination": "/srv/mediastack/config/qbittorrent/qBittorrent.conf",
                    "uid": 1000,
                    "gid": 1000,
                    "mode": "0600",
                    "seed": True,
                },
            ],
            "units": [
                {"name": "mediastack-keeper.service", "kind": "service"},
                {"name": "mediastack-notify.path", "kind": "path"},
            ],
            "files": [
                {
                    "path": "/opt/mediastack/bin/mediastack",
                    "kind": "file",
                    "mode": "0755",
                    "uid": 0,
                    "gid": 0,
                    "sha256": "f" * 64,
                },
                {"path": "/data/media", "kind": "directory", "mode": "0775", "uid": 1000},
                {"path": "/etc/mediastack/gluetun.env"},
            ],
        }
    )


def observation() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "containers": [
                {
                    "name": name,
                    "id": f"id-{name}",
                    "service": name,
                    "stack": stack,
                    "config_hash": f"hash-{name}",
                    "image": f"ghcr.io/x/{name}:1@{DIGEST}",
                    "image_id": f"image-{name}",
                    "status": "running",
                    "health": "healthy" if health else "none",
                    "exit_code": 0,
                    "pid": 100,
                    "started_at": "",
                    "finished_at": "",
                    "network_mode": "container:id-gluetun" if zone == "vpn" else zone,
                    "netns": netns,
                    "stale_mounts": [],
                }
                for name, (stack, zone, _, health, _, netns) in SERVICES.items()
            ],
            "data": {"present": True, "definite": True, "error": "", "identity": (1, 2)},
            "intents": {},
            "images": {name: f"ghcr.io/x/{name}:1@{DIGEST}" for name in SERVICES},
        }
    )


def inspected() -> dict[str, Any]:
    def bindings(*ports: int) -> dict[str, Any]:
        return {
            "6881/udp": None,
            **{
                f"{port}/tcp": [{"HostIp": "192.168.1.10", "HostPort": str(port)}] for port in ports
            },
        }

    published = {"gluetun": bindings(8080), "seerr": bindings(5055)}
    return copy.deepcopy(
        {
            name: {
                "Name": f"/{name}",
                "Config": {"Labels": {"io.mediastack.service": name}},
                "HostConfig": {
                    "RestartPolicy": {"Name": "no" if zone == "vpn" else "unless-stopped"},
                    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
                },
                "NetworkSettings": {"Ports": published.get(name, {})},
            }
            for name, (_, zone, _, _, _, _) in SERVICES.items()
        }
    )


def second_wall() -> dict[str, Any]:
    """What nft lists; in the words of the rules' own module, whose packets are tried elsewhere."""
    wall = wall_rules.Wall(
        bridges=frozenset({"br-abcdef012345"}),
        subnets=frozenset({"172.30.0.0/24"}),
        owners=frozenset({"172.30.0.10"}),
        egress=frozenset({"172.30.0.21"}),
        endpoints=frozenset({("", 51820)}),
        servers=frozenset(SERVERS_OF_PROVIDER),
        unlisted=frozenset(),
        outbound=frozenset(),
    )
    table = {"table": {"family": "inet", "name": "mediastack_wall", "handle": 3}}
    return {"nftables": [{"metainfo": {}}, table, *wall_rules.wanted(wall)]}


def facts() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "docker_error": "",
            "wall": {
                "error": "",
                "listed": second_wall(),
                "known": {
                    "protonvpn": {
                        "current": SERVERS_OF_PROVIDER,
                        "older": [],
                        "replaced_at": 0.0,
                    }
                },
                "found": {"protonvpn": SERVERS_OF_PROVIDER},
                "unread": "",
            },
            "info": {"LiveRestoreEnabled": True, "LoggingDriver": "json-file"},
            "observation": observation(),
            "images": {
                reference: {"RepoTags": [reference.partition("@")[0]]}
                for reference in observation()["images"].values()
            },
            "image_lock": {
                name: {"image": f"ghcr.io/x/{name}:1", "digest": DIGEST} for name in SERVICES
            },
            "inspected": inspected(),
            "networks": [
                {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}]}},
                {
                    "Name": "homelab_media_network",
                    "Id": "abcdef0123456789",
                    "Driver": "bridge",
                    "Labels": {"io.mediastack.network": "bridge"},
                    "IPAM": {"Config": [{"Subnet": "172.30.0.0/24", "Gateway": "172.30.0.1"}]},
                },
            ],
            "host_netns": HOST_NETNS,
            **doctor_house_host.facts(NOW),
        }
    )


def container(facts_or_observation: dict[str, Any], service: str) -> dict[str, Any]:
    """The observed container of a service, to plant a fault in."""
    seen = facts_or_observation.get("observation", facts_or_observation)
    found: dict[str, Any] = next(one for one in seen["containers"] if one["name"] == service)
    return found
