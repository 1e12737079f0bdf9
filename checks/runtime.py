"""Is every service up, healthy and in the right network namespace? Asked of the kernel and Docker.

What should run comes from the settings and the catalog; what runs is read in the box by
inside/containers.py. Nothing here trusts the host's own programs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import host_settings
from checks import box
from checks.box import Host
from checks.framework import CheckError
from service import Service
from settings import enabled

POLL_SECONDS = 0.25
# Who would mend a planted fault before anybody looks. Without its healer the monitor does nothing,
# and held it would be ended by its watchdog.
MENDERS = "mediastack-keeper.service mediastack-healer.service"
# Not stopped either: the healer would go with it.
DOOR = "mediastack-healer.socket"
SANDBOX_SETTINGS = ("sandbox/settings.toml", ".sandbox/secrets.toml")

Containers = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Expected:
    """What the settings say about a service, as far as one can see it from outside."""

    stack: str
    zone: str
    owner: bool
    health: bool
    data: bool


def services() -> dict[str, Service]:
    """The enabled services as the settings and the catalog describe them."""
    return enabled(host_settings.load(*SANDBOX_SETTINGS))


@cache
def expected() -> dict[str, Expected]:
    """Every service that should run in a box."""
    return {
        name: Expected(one.stack, one.zone, one.owner, one.health is not None, bool(one.data))
        for name, one in services().items()
    }


def of_stack(stack: str) -> set[str]:
    """The services of one stack."""
    return {name for name, one in expected().items() if one.stack == stack}


def with_data() -> set[str]:
    """The services that mount /data."""
    return {name for name, one in expected().items() if one.data}


def look(host: Host) -> dict[str, Any]:
    """{"containers": {name: ...}, "host_netns": inode, "data": ...} of inside/containers.py."""
    found: dict[str, Any] = box.inside(host, "containers")
    return found


def problems(seen: dict[str, Any], services: Iterable[str]) -> list[str]:
    """What is wrong with these services; empty when all is well."""
    containers: Containers = seen["containers"]
    owner = next((name for name, one in expected().items() if one.owner), "")
    found = []
    for name in sorted(services):
        wanted, container = expected()[name], containers.get(name)
        if container is None:
            found.append(f"{name} is absent")
        elif container["status"] != "running":
            found.append(f"{name} is {container['status']}")
        elif wanted.health and container["health"] != "healthy":
            found.append(f"{name} is {container['health']}")
        elif problem := _namespace_problem(name, container, seen, containers.get(owner)):
            found.append(problem)
    return found


def _namespace_problem(
    name: str, container: dict[str, Any], seen: dict[str, Any], owner: dict[str, Any] | None
) -> str:
    zone, netns = expected()[name].zone, container["netns"]
    if zone == "host":
        return "" if netns == seen["host_netns"] else f"{name} is not in the host's namespace"
    if zone == "vpn":
        if owner is None or netns != owner["netns"] or not netns:
            return f"{name} is not in the namespace of gluetun"
        return "" if "tun0" in container["devices"] else f"{name} sees no tunnel"
    return f"{name} is in the host's namespace" if netns == seen["host_netns"] else ""


def wait_until(what: str, condition: Callable[[], str], seconds: float) -> float:
    """Poll until `condition` returns "" (else: what is missing); return the seconds it took.

    Raise CheckError with what was missing at the deadline.
    """
    started = time.monotonic()
    while True:
        missing = condition()
        elapsed = time.monotonic() - started
        if not missing:
            return elapsed
        if elapsed > seconds:
            raise CheckError(f"after {seconds:.0f} s still not: {what} ({missing})")
        time.sleep(POLL_SECONDS)


def wait_until_well(host: Host, seconds: float, services: Iterable[str] | None = None) -> float:
    """Wait until these services (default: all) are well; return the seconds it took."""
    wanted = set(expected()) if services is None else set(services)

    def missing() -> str:
        try:
            return "; ".join(problems(look(host), wanted)[:6])
        except CheckError as error:
            return str(error)

    return wait_until("every service healthy and in its namespace", missing, seconds)


@contextlib.contextmanager
def without_timer(host: Host, timer: str) -> Iterator[None]:
    """What a timer begins by itself is not begun meanwhile. (After a boot the timer is back.)"""
    box.run(host, f"systemctl stop {timer}")
    try:
        yield
    finally:
        box.run(host, f"systemctl start {timer}", check=False)
