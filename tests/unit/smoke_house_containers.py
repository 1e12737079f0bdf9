"""The containers of a host on which everything is as the deploy leaves it."""

from __future__ import annotations

from typing import Any

import render
import wall_configuration
from settings import address
from tests.smoke.expected import Expected

HOST_NAMESPACE = 1


def namespace(expected: Expected, name: str) -> int:
    """Inode of the network namespace a service belongs in."""
    zone = expected.services[name].zone
    return {"vpn": namespace_of("gluetun"), "host": HOST_NAMESPACE}.get(zone, namespace_of(name))


def namespace_of(name: str) -> int:
    """A number of its own per name."""
    return int.from_bytes(name.encode(), "big")


def process(expected: Expected, name: str) -> dict[str, Any]:
    """What /proc says of a container's first process."""
    one = expected.services[name]
    uid, gid = (1000, 1000) if one.identity == "user" else (0, 0)
    powers = 0xA80425FB  # Docker's default set, as the kernel prints it
    if one.capabilities is not None:
        numbers = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
        numbers |= {"NET_ADMIN": 12, "NET_RAW": 13}
        powers = sum(1 << numbers[capability] for capability in one.capabilities)
    return {
        "netns": namespace(expected, name),
        "capabilities": powers,
        "no_new_privileges": True,
        "uid": uid,
        "gid": gid,
        "other_mounts": [],
    }


def container(expected: Expected, name: str) -> dict[str, Any]:
    """What `docker inspect` says of a container."""
    one, entry = expected.services[name], expected.config["services"][name]
    networks = {}
    if one.zone == "bridge" and not one.socket_proxy:
        networks[render.NETWORK] = {"IPAddress": address(expected.settings, one)}
    if one.zone == "bridge" and one.socket:
        networks[f"mediastack_socket_{one.socket}"] = {"IPAddress": "172.19.0.2"}
    ports = {
        f"{port.split(':')[2]}/tcp": [
            {"HostIp": port.split(":")[0], "HostPort": port.split(":")[1]}
        ]
        for port in expected.ports(name)
    }
    mode = {"vpn": "container:id-gluetun", "host": "host"}.get(one.zone, render.NETWORK)
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Image": f"image-{name}",
        "Config": {
            "Env": [
                "PATH=/usr/bin",
                *(f"{key}={value}" for key, value in expected.environment_of(name).items()),
            ],
            "Labels": {
                "io.mediastack.service": name,
                "io.mediastack.config": entry["config_hash"],
                **wall_configuration.labels(expected.settings, one),
            },
        },
        "State": {
            "Running": True,
            "Status": "running",
            "Pid": 100,
            **({"Health": {"Status": "healthy"}} if one.health else {}),
        },
        "HostConfig": {
            "NetworkMode": mode,
            "RestartPolicy": {"Name": "no" if one.zone == "vpn" else "unless-stopped"},
            "PortBindings": ports,
            "Privileged": False,
            "Dns": list(wall_configuration.name_servers(one)) or None,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        },
        "NetworkSettings": {"Networks": networks, "Ports": ports},
        "Mounts": [
            {
                "Type": "bind",
                "Source": mount["source"],
                "Destination": mount["target"],
                "RW": not mount["read_only"],
            }
            for mount in render.volumes(expected.settings, one)
        ],
    }


def found(observed: dict[str, Any], name: str) -> dict[str, Any]:
    """A container of the house."""
    return next(one for one in observed["containers"] if one["Id"] == f"id-{name}")
