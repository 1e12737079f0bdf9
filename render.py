"""Compose files from settings and catalog: plain YAML that a user can read on the host.

Each service is rendered as a block of its own. Its label `io.mediastack.config` is a hash of what
that block says (and of its environment file), so "is the running container the one described
here?" is a comparison of two labels, with no help from Compose, whose own hash differs for
services in another one's namespace. Comments do not count: a reworded one restarts nothing.
Everything here is pure: the same settings give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
import yaml

import watch_labels
from service import Service
from settings import Settings, address, enabled, gateway, image, ipv6_address, live_secrets
from wall_configuration import labels as wall_labels
from wall_configuration import name_servers

TEMPLATES = Path(__file__).parent / "templates"
ETC = "/etc/mediastack"
NETWORK = "homelab_media_network"
SENTINEL = ".mediastack-sentinel"
HASH_PLACEHOLDER = "not-yet-hashed"
# The one in C, where PyYAML was built with it: the same answer, several times faster.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def environment() -> jinja2.Environment:
    """The template environment: an undefined name is an error, never an empty string."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML and TOML, not HTML; values go through tojson
    )
    # A dollar in a compose file is the start of a variable.
    made.filters["escape_dollars"] = lambda value: value.replace("$", "$$")
    # Jinja's own tojson escapes for HTML, which nobody wants to read in YAML.
    made.filters["tojson"] = partial(json.dumps, ensure_ascii=False)
    return made


def owner(settings: Settings) -> Service | None:
    """The enabled service whose namespace the vpn zone lives in."""
    return next((one for one in enabled(settings).values() if one.owner), None)


def owner_ids(settings: Settings, service: Service) -> tuple[int, int]:
    """The uid and gid that own a service's state and read its secrets."""
    if service.uid is not None:
        return service.uid, service.uid
    if service.identity == "image":
        return 0, 0
    return settings.host.puid, settings.host.pgid


def reader_ids(settings: Settings, service: Service) -> tuple[int, int]:
    """Who opens mounted files: LinuxServer images do it as root, before they drop."""
    return owner_ids(settings, service) if service.identity == "user" or service.uid else (0, 0)


def context(settings: Settings, bind_address: str, host_name: str) -> dict[str, str]:
    """What `{...}` in a catalog environment may name."""
    return {
        "timezone": settings.host.timezone,
        "puid": str(settings.host.puid),
        "pgid": str(settings.host.pgid),
        "umask": settings.host.umask,
        "bind_address": bind_address,
        "host_name": host_name,
        "gateway": gateway(settings),
        "updates_enabled": str(settings.updates.enabled).lower(),
        "updates_port": str(settings.updates.port),
        "mirror_url": mirror_url(settings),
    }


def mirror_url(settings: Settings) -> str:
    """The mirror's address as a program asks it, or ""."""
    mirror = settings.registry.mirror
    scheme = "http" if mirror in settings.docker.insecure_registries else "https"
    return f"{scheme}://{mirror}" if mirror else ""


def service_environment(
    settings: Settings, service: Service, values: dict[str, str]
) -> dict[str, str]:
    """The container's environment: identity first, then the catalog's, filled in."""
    identity: dict[str, str] = {}
    if service.identity == "linuxserver":
        identity = {
            "PUID": values["puid"],
            "PGID": values["pgid"],
            "UMASK": values["umask"],
            "TZ": values["timezone"],
        }
    values = {**values, "published_port": str(service.published_port or "")}
    wanted = dict(service.environment)
    if settings.registry.mirror:
        wanted |= service.mirror_environment
    return {**identity, **{name: filled(value, values) for name, value in wanted.items()}}


def filled(text: str, values: dict[str, str]) -> str:
    """The text with each `{name}` that is known replaced; other braces are the user's (JSON …)."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)


def published(settings: Settings, service: Service, bind_address: str) -> list[str]:
    """Compose port entries. Ports of the vpn zone are published on the namespace's owner."""
    sharing = [service]
    if service.owner:
        sharing += [one for one in enabled(settings).values() if one.zone == "vpn"]
    if service.zone != "bridge":
        return []
    pairs = [
        pair
        for one in sharing
        if one.published_port is not None
        for pair in ((one.published_port, one.port), *((port, port) for port in one.extra_ports))
    ]
    return [f"{bind_address}:{outside}:{inside}" for outside, inside in pairs]


def secret_path(service: str, name: str) -> str:
    """One copy of a secret per consumer, and nobody else's beside it."""
    return f"{ETC}/secrets/{service}/{name}"


def volumes(settings: Settings, service: Service) -> list[dict[str, Any]]:
    """Bind mounts. Files of ours one by one, so that a replaced file shows as another inode."""
    mounts: list[dict[str, Any]] = []
    if service.config_path:
        source = f"{settings.storage.config}/{service.name}"
        mounts.append({"source": source, "target": service.config_path, "read_only": False})
    if service.socket_proxy:
        path = "/var/run/docker.sock"
        mounts.append({"source": path, "target": path, "read_only": True})
    for mount in service.data:
        source = settings.storage.data + mount.path.removeprefix("/data")
        mounts.append({"source": source, "target": mount.path, "read_only": mount.read_only})
    if service.data:
        # Docker refuses to start the container when this file is not there (disk not mounted).
        mounts.append(
            {
                "source": f"{settings.storage.data}/{SENTINEL}",
                "target": f"/run/mediastack/{SENTINEL}",
                "read_only": True,
            }
        )
    for secret in live_secrets(settings, service):
        if secret.mounted:
            source, target = secret_path(service.name, secret.name), f"/run/secrets/{secret.name}"
            mounts.append({"source": source, "target": target, "read_only": True})
    for file in service.files:
        if not file.seed:
            source = secret_path(service.name, Path(file.target).name)
            mounts.append({"source": source, "target": file.target, "read_only": True})
    return mounts


def autoheal(service: Service) -> bool:
    """Autoheal serves what has a health check outside Gluetun's group.

    Never its own proxy nor itself: Docker calls it unhealthy after each of our pauses.
    """
    return (
        bool(service.health)
        and service.zone != "vpn"
        and not service.owner
        and service.socket != "heal"
    )


def block(settings: Settings, service: Service, values: dict[str, str], extra: str = "") -> str:
    """One service's YAML, its hash filled in. `extra`: content that belongs to its identity."""
    uid, gid = owner_ids(settings, service)
    holder = owner(settings)
    text = (
        environment()
        .get_template("service.yaml.j2")
        .render(
            service=service,
            image=image(settings, service),
            config_hash=HASH_PLACEHOLDER,
            autoheal=autoheal(service),
            owner=holder.name if holder else "",
            address=address(settings, service),
            ipv6_address=ipv6_address(settings, service),
            labels={**wall_labels(settings, service), **watch_labels.labels(service)},
            name_servers=name_servers(service),
            ports=published(settings, service, values["bind_address"]),
            uid=uid,
            gid=gid,
            environment=service_environment(settings, service, values),
            volumes=volumes(settings, service),
            etc=ETC,
        )
    )
    said = json.dumps([yaml.load(text, Loader), extra], sort_keys=True)  # noqa: S506 - a safe one
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return text.replace(HASH_PLACEHOLDER, digest)


def config_hash(rendered: str) -> str:
    """The hash in a rendered block."""
    marker = "io.mediastack.config: "
    return next(line.split(marker)[1] for line in rendered.splitlines() if marker in line)


def blocks(
    settings: Settings, stack: str, values: dict[str, str], environment_files: dict[str, str]
) -> dict[str, str]:
    """Every enabled service of a stack and its block, in start order."""
    return {
        service.name: block(
            settings, service, values, environment_files.get(service.environment_file, "")
        )
        for service in enabled(settings).values()
        if service.stack == stack
    }


def compose(settings: Settings, stack: str, rendered: dict[str, str]) -> str:
    """The compose file of a stack."""
    services = [one for one in enabled(settings).values() if one.stack == stack]
    return (
        environment()
        .get_template("compose.yaml.j2")
        .render(
            stack=stack,
            blocks=list(rendered.values()),
            network=NETWORK,
            sockets=sorted({one.socket for one in services if one.socket}),
        )
    )
