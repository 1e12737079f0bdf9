"""What follows from several settings together: directories, zones, Docker's socket, copies.

Each check is a generator over the valid parts and stays silent about what is not valid, so it never
invents a follow-up to a mistake that was already told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations

from settings.model import Parts, Storage
from settings.problems import Problem

SECRET_LIKE = re.compile(
    r"(PASSWORD|PASSWD|_PASS|TOKEN|SECRET|API_?KEY|PRIVATE_KEY|PRESHARED_KEY)$", re.IGNORECASE
)
SECRET_FILE = re.compile(r"^([a-z]+:)?/run/secrets/")


def directories(parts: Parts) -> Iterator[Problem]:
    """A directory within another would be backed up, wiped or mounted with it."""
    storage = parts.table(Storage)
    if storage is None:
        return
    places = {"data": storage.data, "config": storage.config, "backups": storage.backups}
    for (name, place), (other, outer) in combinations(places.items(), 2):
        if f"{place}/".startswith(f"{outer}/") or f"{outer}/".startswith(f"{place}/"):
            yield Problem(
                f"storage.{other}",
                f'is "{outer}", nested with storage.{name} "{place}"',
                "two directories beside each other",
            )


def zones(parts: Parts) -> Iterator[Problem]:
    """A zone must be able to work: its owner runs, and in the same stack."""
    owner = parts.owner()
    dependents = [service for service in parts.enabled() if service.zone == "vpn"]
    if owner and owner.zone != "bridge":
        yield Problem(
            f"services.{owner.name}.zone",
            f'is "{owner.zone}", but the vpn zone is inside {owner.name} itself',
            'zone = "bridge"',
        )
    elif owner and dependents and not owner.enabled:
        names = ", ".join(service.name for service in dependents)
        yield Problem(
            f"services.{owner.name}.enabled",
            f"is false, but these live in its network namespace: {names}",
            f"enable {owner.name}, or disable them as well",
        )
    for service in dependents if owner and owner.enabled else ():
        if owner and not service.owner and service.stack != owner.stack:
            yield Problem(
                f"services.{service.name}.stack",
                f'is "{service.stack}", but a service in the vpn zone must be in the stack of '
                f"{owner.name}, whose network namespace it shares",
                f'stack = "{owner.stack}" for both',
            )
    for service in parts.enabled():
        if service.zone == "host" and service.host_port not in (None, service.port):
            yield Problem(
                f"services.{service.name}.host_port",
                f"is {service.host_port}, but on the host's network there is only port "
                f"{service.port}",
                'delete the line, or zone = "bridge"',
            )


def sockets(parts: Parts) -> Iterator[Problem]:
    """Docker is reached through a proxy of the wanted kind, over an internal network."""
    proxies = {
        service.socket: service for service in parts.services.values() if service.socket_proxy
    }
    for service in parts.enabled():
        if service.socket and service.zone != "bridge":
            yield Problem(
                f"services.{service.name}.zone",
                f'is "{service.zone}", but it asks Docker, which only the bridge can do',
                'zone = "bridge"',
            )
        proxy = proxies.get(service.socket) if service.socket else None
        if proxy and not proxy.enabled:
            yield Problem(
                f"services.{proxy.name}.enabled",
                f"is false, but {service.name} asks Docker through it",
                f"enable {proxy.name}, or disable {service.name} as well",
            )


def copies(parts: Parts) -> Iterator[Problem]:
    """A copied secret needs its original; without it a mounted file would not exist."""
    for service in parts.enabled():
        for secret in service.secrets:
            if secret.origin != "copy":
                continue
            name, _, original = secret.source.partition("/")
            source = parts.services.get(name)
            path = f"services.{service.name}.secrets"
            if name in parts.broken:
                continue
            if source is None or original not in [
                entry.name for entry in source.secrets if entry.origin != "copy"
            ]:
                yield Problem(
                    path,
                    f'{secret.name} copies "{secret.source}", which no service has',
                    'source = "service/name" of a secret that is not itself a copy',
                )
            elif not source.enabled and secret.mounted and secret.required:
                yield Problem(
                    f"services.{service.name}",
                    f"needs {secret.name} of {name}, which is disabled",
                    f"enable {name}, or [services.{service.name}] enabled = false",
                )


def environment_secrets(parts: Parts) -> Iterator[Problem]:
    """`docker inspect` shows a container's environment to everybody who may ask Docker."""
    for name, override in parts.overrides.items():
        table = override.get("environment") if isinstance(override, dict) else None
        for key, value in table.items() if isinstance(table, dict) else ():
            if SECRET_LIKE.search(key) and value and not SECRET_FILE.match(str(value)):
                yield Problem(
                    f"services.{name}.environment.{key}",
                    "looks like a secret, and everybody who may ask Docker can read it there",
                    "secrets.toml for a secret of the catalog's; a service of your own declares it "
                    'in secrets (origin = "user", mounted = true) and reads /run/secrets/<name>',
                )


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    directories,
    zones,
    sockets,
    copies,
    environment_secrets,
)
