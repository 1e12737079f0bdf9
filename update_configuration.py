"""What a host is told about updates: the table of settings, and each service's policy.

What's Up Docker and some apps report to one door on the gateway's address; who may call which of
its hooks follows from the addresses of the catalog (the vpn zone calls from Gluetun's). Nothing of
this is in a container's description, so a changed policy recreates only What's Up Docker's labels.
"""

from __future__ import annotations

from typing import Any

from service import Secret, Service
from settings import Settings, address, enabled

ACCOUNT = "mediastack-updater"
# Whose account it is, in its own entry: what has that name and not this text is somebody else's.
COMMENT = "Homelab Media Stack updater"
INBOX = "inbox"
WATCHER = "wud"
# Who posts to a hook of their own: /hooks/wud, and /hooks/notify/<name> for the others.
CALLERS = (WATCHER, "autoheal", "sonarr", "radarr", "unpackerr", "cross-seed", "seerr")


def watcher_url(settings: Settings) -> str:
    """Where What's Up Docker is asked, "" when it is off."""
    found = enabled(settings).get(WATCHER)
    where = address(settings, found) if found else ""
    return f"http://{where}:{found.port}" if found and where else ""


def alone(secret: Secret) -> Secret:
    """What a copy of the watcher's secret is when there is no watcher."""
    if not secret.source.startswith(f"{WATCHER}/"):
        return secret
    return Secret(name=secret.name, kind=secret.kind)


def source_address(settings: Settings, service: Service) -> str:
    """The address that a service's packets to the gateway come from, "" for the host's own."""
    if service.zone != "vpn":
        return address(settings, service)
    services = enabled(settings).values()
    return next((address(settings, one) for one in services if one.owner), "")


def allowed(settings: Settings) -> dict[str, str]:
    """Whose hook may be called from which address."""
    services = enabled(settings)
    found = {name: source_address(settings, services[name]) for name in CALLERS if name in services}
    return {name: where for name, where in found.items() if where}


def service_entry(settings: Settings, service: Service) -> dict[str, Any]:
    """What [services.<name>] says of updates."""
    return {
        "updates": service.updates,
        "update_tags": service.tag_pattern,
        "update_deadline_seconds": service.update_deadline or settings.updates.deadline_seconds,
    }


def table(settings: Settings, state: str) -> dict[str, Any]:
    """The [updates] table."""
    return {
        **settings.updates.model_dump(),
        "wud": watcher_url(settings),
        "account": ACCOUNT,
        "inbox": f"{state}/{INBOX}",
        "allowed": allowed(settings),
    }
