"""A host on which everything is as the deploy leaves it, for tests that then break one thing.

Written from what the checks may see of a real host (Docker's inspect, /proc, lstat), by itself: it
takes names and numbers from the wanted state and nothing from the checks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import render
from host_configuration import HELPER_UNITS, PROGRAM
from tests.smoke import expected as wanted
from tests.smoke.expected import Expected
from tests.unit import settings_house, smoke_house_containers, smoke_house_wall

DIGEST = "sha256:" + "a" * 64
SETTINGS = {"docker": {"insecure_registries": ["registry.lan:5000"]}}


def build(folder: Path) -> tuple[Expected, dict[str, Any]]:
    """What should be, and a host that is so."""
    expected = wanted.build(settings_house.load(folder, SETTINGS), wanted.UNKNOWN)
    return expected, observed(expected)


def observed(expected: Expected) -> dict[str, Any]:
    """The answer of host_program.observe on a healthy host."""
    config = expected.config
    containers = {
        name: smoke_house_containers.container(expected, name) for name in expected.services
    }
    sockets = {one.socket for one in expected.services.values() if one.socket}
    return {
        "packages": dict.fromkeys(expected.packages, "installed"),
        "user": "media:x:1000:1000::/nonexistent:/usr/sbin/nologin\n",
        "group": "media:x:1000:\n",
        "monitor": {
            "passwd": "mediastack-monitor:x:998:998:Homelab:/nonexistent:/usr/sbin/nologin",
            "groups": ["mediastack-monitor"],
            "directory": {"kind": "directory", "mode": "0750", "uid": 998, "gid": 998},
            "socket": {"kind": "socket", "mode": "0600", "uid": 998, "gid": 0},
        },
        "door": {
            "passwd": "mediastack-updater:x:997:997:Homelab:/nonexistent:/usr/sbin/nologin",
            "groups": ["mediastack-updater"],
            "directory": {"kind": "directory", "mode": "0700", "uid": 997, "gid": 997},
            "answers": {"GET /healthz": 200, "POST /hooks/wud": 401},
            "reach": "",
        },
        "disk_guard": {
            "report": {
                "disks": [
                    {
                        "paths": ["/data", "/srv/mediastack/config"],
                        "total": 100 * 1024**3,
                        "warn": 10 * 1024**3,
                        "pause": 4 * 1024**3,
                        "resume": 6 * 1024**3,
                    }
                ]
            },
            "age": 7.0,
        },
        "units": {name: unit(name, config["release"]) for name in [*expected.units, *HELPER_UNITS]},
        "docker": {
            "ServerVersion": "26.1.5",
            "LiveRestoreEnabled": True,
            "LoggingDriver": "json-file",
            "RegistryConfig": {"IndexConfigs": {"registry.lan:5000": {"Secure": False}}},
        },
        "version": f"mediastack {config['release']}\ndocker 26.1.5\ndocker compose 2.26.1\n",
        "restic": "restic 0.18.0 compiled with go1.24.4 on linux/amd64\n",
        "urls": dict.fromkeys(expected.urls.values(), 200),
        "networks": [
            {
                "Name": render.NETWORK,
                "Id": "0" * 64,
                "Labels": {"io.mediastack.network": "bridge"},
                "Driver": "bridge",
                "Internal": False,
                "IPAM": {
                    "Config": [
                        {
                            "Subnet": config["network"]["subnet"],
                            "Gateway": config["network"]["gateway"],
                        }
                    ]
                },
            },
            *(
                {
                    "Name": f"mediastack_socket_{kind}",
                    "Internal": True,
                    "Containers": {
                        one.name: {"Name": one.name}
                        for one in expected.services.values()
                        if one.socket == kind
                    },
                }
                for kind in sockets
            ),
        ],
        "containers": list(containers.values()),
        "images": {
            f"image-{name}": {
                "RepoDigests": [f"{one.image.removeprefix('docker.io/')}@{DIGEST}"],
                "RepoTags": [f"{one.image.removeprefix('docker.io/')}:{one.tag}"],
                "Config": {"Env": ["PATH=/usr/bin"]},
            }
            for name, one in expected.services.items()
        },
        "processes": {
            f"id-{name}": smoke_house_containers.process(expected, name)
            for name in expected.services
        },
        "host_netns": smoke_house_containers.HOST_NAMESPACE,
        "listeners": [{"address": "172.30.0.1", "port": 8195, "program": "systemd"}]
        + [
            {
                "address": port.split(":")[0],
                "port": int(port.split(":")[1]),
                "program": "docker-proxy",
            }
            for name in expected.services
            for port in expected.ports(name)
        ],
        "files": {
            **{
                path: {key: entry[key] for key in entry if key not in ("path", "keep", "content")}
                for path, entry in expected.files.items()
            },
            f"{PROGRAM}/venv": {"kind": "link", "target": expected.environment},
        },
        "overrides": {
            f"{PROGRAM}/stacks/{stack}/images.yaml": "# made by the host\n"
            + json.dumps(
                {
                    "services": {
                        name: {"image": f"{config['services'][name]['image']}@{DIGEST}"}
                        for name in entry["services"]
                    }
                }
            )
            for stack, entry in config["stacks"].items()
        },
        "environment_complete": True,
        "record": {
            path: {"kind": one["kind"], "keep": False} for path, one in expected.files.items()
        },
        "left": list(expected.files),
        "secrets": {
            f"{render.ETC}/secrets": {"kind": "directory", "mode": "0700"},
            **{path: secret(one) for path, one in expected.secrets.items()},
        },
        "seeds": {path: secret(one) for path, one in expected.seeds.items()},
        "shown_secrets": [],
        "lock": {
            "schema": 1,
            "services": {
                name: {"image": config["services"][name]["image"], "digest": DIGEST}
                for name in expected.services
            },
        },
        "intent": {},
        "data": {
            "answers": True,
            "is_mount": False,
            "inside": [],
            "sentinel": True,
            "hardlink": "",
        },
        "data_record": {"is_mount": False},
        "given": digests(expected),
        "digests": digests(expected),
        "unfilled": {},
        "links_inside": {"sonarr": "", "radarr": ""},
        "packet_filter": smoke_house_wall.packet_filter(expected),
        "wall": smoke_house_wall.second_wall(expected),
        "servers": smoke_house_wall.servers(expected),
        "proxies": {
            name: dict(questions)
            for kind in sockets
            if kind
            for name, questions in expected.proxies(kind).items()
        },
        "tunnel": {
            "devices": ["lo", "tun0", "eth0"],
            "settings": {"Session\\Interface": "tun0", "Session\\InterfaceName": "tun0"},
        },
        "forwarding": {"port": 45678, "listening": [8080, 45678]},
        "reach": {"plex": ""},
        "lock_holder": "",
    }


def digests(expected: Expected) -> dict[str, str]:
    """One digest per secret; a copy has that of its original."""
    return {
        f"{one['service']}/{one['name']}": one["source"] or f"{one['service']}/{one['name']}"
        for one in expected.config["secrets"]
    }


def unit(name: str, release: str) -> dict[str, str]:
    """What systemctl show says of a unit of ours."""
    return {
        "Id": name,
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
        "NextElapseUSecRealtime": "Tue 2026-11-24 00:41:12 UTC" if name.endswith("timer") else "",
        "release": release if name.endswith(("keeper.service", "wall.service")) else "",
    }


def secret(entry: dict[str, Any]) -> dict[str, Any]:
    """What lstat says of a secret."""
    return {
        "kind": "file",
        "mode": entry.get("mode", "0400"),
        "uid": entry["uid"],
        "gid": entry["gid"],
        "size": 32,
    }
