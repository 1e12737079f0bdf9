"""Faults of an observed host, for the smoke suite's expectations: how they are said and planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.unit.smoke_house_containers import found

Observed = dict[str, Any]
SENTINEL = "/data/.mediastack-sentinel"
COMPOSE = "/opt/mediastack/stacks/downloads/compose.yaml"
LINK = "/usr/local/sbin/stack-manage.sh"
SECRET = "/etc/mediastack/secrets/gluetun/wireguard_private_key"
SEED = "/srv/mediastack/config/sonarr/config.xml"
KEEPER = "mediastack-keeper.service"
TIMER = "mediastack-doctor.timer"
OVERRIDE = "/opt/mediastack/stacks/downloads/images.yaml"


class Fault(NamedTuple):
    """A check, its subject, how to break the observed host, and a word of the complaint."""

    check: Callable[..., Any]
    subject: tuple[str, ...]
    plant: Callable[[Observed], Any]
    word: str


def setting(value: Any, *keys: str) -> Callable[[Observed], None]:
    """Plants a value at a path of keys."""

    def plant(observed: Observed) -> None:
        place = observed
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return plant


def of(name: str, value: Any, *keys: str) -> Callable[[Observed], None]:
    """Plants a value in what Docker says of a container."""
    return lambda observed: setting(value, *keys)(found(observed, name))


def of_process(name: str, key: str, value: Any) -> Callable[[Observed], None]:
    """Plants a value in what the kernel says of a container."""
    return setting(value, "processes", f"id-{name}", key)


def without(name: str) -> Callable[[Observed], None]:
    """Removes a container."""
    return lambda observed: observed["containers"].remove(found(observed, name))


def stranger(**changes: Any) -> Callable[[Observed], None]:
    """Adds a container of nobody we know."""
    one = {
        "Id": "id-stranger",
        "Name": "/stranger",
        "Config": {"Labels": {}},
        "State": {"Running": True},
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": {"Networks": {"bridge": {}}, "Ports": {}},
        "Mounts": [],
    }
    return lambda observed: observed["containers"].append({**one, **changes})


def labelled(name: str) -> Callable[[Observed], None]:
    """Adds a container that carries our label for this service."""
    return stranger(Config={"Labels": {"io.mediastack.service": name}})


def port(key: str, outside: str = "192.0.2.1") -> dict[str, Any]:
    """A published port as Docker says it."""
    return {key: [{"HostIp": outside, "HostPort": "9999"}]}


def listener(address: str, number: int) -> Callable[[Observed], None]:
    """Adds a socket of Docker's proxy."""
    entry = {"address": address, "port": number, "program": "docker-proxy"}
    return lambda observed: observed["listeners"].append(entry)


def together(*plants: Callable[[Observed], Any]) -> Callable[[Observed], None]:
    """Plants all of them."""

    def plant(observed: Observed) -> None:
        for one in plants:
            one(observed)

    return plant
