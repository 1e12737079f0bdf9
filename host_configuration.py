"""mediastack.toml: what every program on the host reads instead of knowing anything itself.

Rendered from settings and catalog, so a port, a path or a zone stands in one place. It holds no
secret: secrets are named here and live in files of their own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import backup_configuration
import disk_configuration
import door_configuration
import monitor_configuration
import render
import update_configuration
import vpn_configuration
import wall_configuration
from catalog import HOST_SECRETS
from service import Secret, Service
from settings import Settings, address, enabled, gateway, image, live_secrets

PROGRAM = "/opt/mediastack"
STATE = "/var/lib/mediastack"
RUNTIME = "/run/mediastack"
TEMPLATES = f"{PROGRAM}/templates"
STACKS = ("downloads", "media", "ops")
VERSION = "0.2.0-dev"
# Name and kind of every unit that must be enabled and active; each has a smoke check. Which ones
# come with the VPN depends on its settings: vpn_configuration, monitor_configuration.
UNITS = (
    # First: nothing starts containers before the wall stands.
    ("mediastack-wall.service", "service"),
    ("mediastack-shutdown.service", "service"),
    ("mediastack-keeper.service", "service"),
    ("mediastack-notify.path", "path"),
    ("mediastack-disk-guard.service", "service"),
    ("mediastack-doctor.timer", "timer"),
    ("mediastack-drift.timer", "timer"),
    ("mediastack-update.timer", "timer"),
    ("mediastack-backup.timer", "timer"),
    *door_configuration.UNITS,
)
# Started by the ones above.
HELPER_UNITS = (
    "mediastack-notify.service",
    "mediastack-doctor.service",
    "mediastack-drift.service",
    "mediastack-update.service",
    "mediastack-backup.service",
    *door_configuration.HELPERS,
)


def units(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Name and kind of every unit that must be enabled and active on this host."""
    return UNITS + vpn_configuration.units(settings) + monitor_configuration.units(settings)


def accounts(settings: Settings) -> dict[str, Any]:
    """What remote/account.py takes: the owner of media and state, and our programs' accounts."""
    return {
        "user": settings.host.user,
        "group": settings.host.group,
        "uid": settings.host.puid,
        "gid": settings.host.pgid,
        "system": [
            *monitor_configuration.accounts(settings, STATE),
            door_configuration.account(STATE),
        ],
    }


def release(package: dict[str, bytes]) -> str:
    """The version of the host programs: number and a hash of their content."""
    total = hashlib.sha256()
    for name in sorted(package):
        total.update(name.encode() + b"\0" + package[name] + b"\0")
    return f"{VERSION}+{total.hexdigest()[:12]}"


def secret_entry(
    settings: Settings, consumer: str, secret: Secret, ids: tuple[int, int]
) -> dict[str, Any]:
    """One [[secrets]] table."""
    return {
        "service": consumer,
        "name": secret.name,
        "origin": secret.origin,
        "kind": secret.kind,
        "source": secret.source,
        "uid": ids[0],
        "gid": ids[1],
        "required": secret.required,
    }


def host_secrets(settings: Settings) -> dict[str, tuple[Secret, ...]]:
    """Secrets of the host's own programs. Another ntfy server: a token of the user's, or none."""
    found = dict(HOST_SECRETS)
    if settings.notify.server:
        token = Secret(name="token", origin="user", kind="opaque", required=False)
        found["notify"] = (token,)
    found["backup"] = backup_configuration.secrets(settings)
    if update_configuration.WATCHER not in enabled(settings):
        # The door always has a token to compare with: without its caller, one that nobody knows.
        found["updater"] = tuple(update_configuration.alone(one) for one in found["updater"])
    return found


def secret_entries(settings: Settings) -> list[dict[str, Any]]:
    """Every secret of the enabled services, originals before copies."""
    entries = [
        secret_entry(settings, service.name, secret, render.reader_ids(settings, service))
        for service in enabled(settings).values()
        for secret in live_secrets(settings, service)
    ]
    entries += [
        secret_entry(settings, consumer, secret, (0, 0))
        for consumer, secrets in host_secrets(settings).items()
        for secret in secrets
    ]
    known = {f"{entry['service']}/{entry['name']}" for entry in entries}
    # ntfy may be off: then there is no token to copy.
    usable = [e for e in entries if e["origin"] != "copy" or e["source"] in known]
    return sorted(usable, key=lambda entry: bool(entry["origin"] == "copy"))


def secret_file_entries(settings: Settings) -> list[dict[str, Any]]:
    """Every configuration file that is filled in on the host."""
    entries = []
    for service in enabled(settings).values():
        for file in service.files:
            if file.seed:
                destination = f"{settings.storage.config}/{service.name}/{file.target}"
                uid, gid = render.owner_ids(settings, service)
            else:
                destination = render.secret_path(service.name, Path(file.target).name)
                uid, gid = render.reader_ids(settings, service)
            entries.append(
                {
                    "service": service.name,
                    "template": f"{TEMPLATES}/{service.name}/{Path(file.target).name}",
                    "destination": destination,
                    "uid": uid,
                    "gid": gid,
                    "mode": "0600" if file.seed else "0400",
                    "seed": file.seed,
                }
            )
    return entries


def url(service: Service, bind_address: str) -> str:
    """Where a browser finds it, or ""."""
    port = service.published_port
    return f"http://{bind_address}:{port}" if port else ""


def attached(settings: Settings, service: Service, bind_address: str) -> dict[str, Any]:
    """How its container hangs together with the rest: what a hand can change and no label shows.

    `networks` maps a name to the fixed address, "" for any; empty outside the bridge zone.
    """
    networks: dict[str, str] = {}
    if service.zone == "bridge":
        if not service.socket_proxy:
            networks[render.NETWORK] = address(settings, service)
        if service.socket:
            networks[f"mediastack_socket_{service.socket}"] = ""
    return {
        "restart": "no" if service.zone == "vpn" else "unless-stopped",
        "networks": networks,
        "ports": sorted(render.published(settings, service, bind_address)),
    }


def is_drilled(service: Service) -> bool:
    """Whether the restore drill starts it: it has state and says whether it is well, and needs
    neither the tunnel nor Docker's socket."""
    can = service.drill and not service.owner and not service.socket
    return can and bool(service.config_path) and service.health is not None


def service_entry(
    settings: Settings, service: Service, bind_address: str, rendered: str
) -> dict[str, Any]:
    """One [services.<name>] table."""
    uid, gid = render.owner_ids(settings, service)
    has_state = bool(service.config_path)
    return {
        "summary": service.summary,
        "stack": service.stack,
        "zone": service.zone,
        "owner": service.owner,
        "image": image(settings, service),
        "port": service.port or 0,
        "published_port": service.published_port or 0,
        "url": url(service, bind_address),
        "address": address(settings, service),
        "config_hash": render.config_hash(rendered),
        "attached": attached(settings, service, bind_address),
        "health": service.health is not None,
        "config": f"{settings.storage.config}/{service.name}" if has_state else "",
        "config_path": service.config_path,
        "databases": list(service.databases),
        "state_exclude": list(service.state_exclude),
        "backup": service.backup,
        "drill": is_drilled(service),
        "data": bool(service.data),
        "stop_grace_seconds": service.stop_grace,
        **update_configuration.service_entry(settings, service),
        "uid": uid,
        "gid": gid,
    }


def notify_entry(settings: Settings) -> dict[str, str]:
    """Where messages go: the stack's own ntfy on the bridge, or the server of the setting."""
    server = settings.notify.server
    own = enabled(settings).get("ntfy")
    if not server and own is not None:
        server = f"http://{address(settings, own)}:{own.port}"
    return {
        "url": server,
        "topic": settings.notify.topic,
        "quiet_hours": settings.notify.quiet_hours,
        "token_file": render.secret_path("notify", "token"),
    }


def build(
    settings: Settings,
    *,
    host_name: str,
    bind_address: str,
    rendered: dict[str, dict[str, str]],
    release: str,
) -> dict[str, Any]:
    """The whole of mediastack.toml, but for [[files]], which layout.py adds."""
    services = enabled(settings)
    return {
        "schema": 1,
        "release": release,
        "host": {
            "name": host_name,
            "timezone": settings.host.timezone,
            "puid": settings.host.puid,
            "pgid": settings.host.pgid,
            "umask": settings.host.umask,
        },
        "paths": {
            "program": PROGRAM,
            "etc": render.ETC,
            "state": STATE,
            "config": settings.storage.config,
            "backups": settings.storage.backups,
            "data": settings.storage.data,
            "runtime": RUNTIME,
            "sentinel": f"{settings.storage.data}/{render.SENTINEL}",
        },
        "network": {
            "name": render.NETWORK,
            "subnet": settings.network.subnet,
            "gateway": gateway(settings),
            "bind_address": bind_address,
        },
        "wall": wall_configuration.wall(settings),
        "vpn": {
            **vpn_configuration.table(settings),
            "endpoints": wall_configuration.endpoints(settings),
        },
        "docker": {
            "log_max_size": settings.docker.log_max_size,
            "log_max_files": settings.docker.log_max_files,
            "insecure_registries": list(settings.docker.insecure_registries),
        },
        "monitor": monitor_configuration.table(settings, STATE),
        "updates": update_configuration.table(settings, STATE),
        "backup": backup_configuration.table(settings),
        "disk": disk_configuration.table(settings),
        "notify": notify_entry(settings),
        "limits": {
            "lock_wait_seconds": settings.limits.lock_wait_seconds,
            "health_wait_seconds": settings.limits.health_wait_seconds,
        },
        "stacks": {
            stack: {"services": [one.name for one in services.values() if one.stack == stack]}
            for stack in STACKS
        },
        "services": {
            name: service_entry(settings, one, bind_address, rendered[one.stack][name])
            for name, one in services.items()
        },
        "secrets": secret_entries(settings),
        "secret_files": secret_file_entries(settings),
        "units": [{"name": name, "kind": kind} for name, kind in units(settings)],
    }
