"""Which container is a service's, and what a killed recreate has left. Pure.

To recreate sonarr, Compose makes 0123456789ab_sonarr, which takes over sonarr's anonymous volumes,
removes sonarr, and renames. Killed in between (tried with Docker 26.1, Compose 2.26: at any moment)
it leaves both, and sonarr still holds the volumes; or the new one alone. That one is renamed, never
removed: `docker rm --volumes` would take the volumes with their only holder. While a Compose runs
on this host either is left alone for a minute, since it may belong to that one, which outlived who
started it or was started by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RECREATE_SECONDS = 60.0
LEFTOVER = "left over from an interrupted recreate"
# States in which Docker renames a container.
RENAMABLE = ("created", "exited", "running")


def sort(
    wanted: Mapping[str, str], observation: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[Any, str, str]]]:
    """Given {service: stack}, return ({service: its container}, [(container that has to go or to be
    renamed, "remove" or "rename", why)]). One that will be renamed is its service's already."""
    containers = observation.get("containers", [])
    taken = {container["name"] for container in containers}
    primary: dict[str, Any] = {}
    removed: list[tuple[Any, str, str]] = []
    renamed: list[tuple[Any, str, str]] = []
    # The newest first: when there are several, that is the one to take.
    for container in sorted(containers, key=lambda one: -(one.get("created_at") or 0.0)):
        service = container["service"]
        if service not in wanted:
            removed.append((container, "remove", "no longer wanted"))
        elif container["name"] == service and container["stack"] != wanted[service]:
            # The other project would refuse the container name.
            removed.append((container, "remove", f"moved to stack {wanted[service]}"))
        elif container["name"] == service:
            primary[service] = container
        elif (
            service not in taken
            and is_of_a_recreate(container)
            and container["stack"] == wanted[service]
            and container["status"] in RENAMABLE
        ):
            taken.add(service)
            primary[service] = {**container, "name": service}
            renamed.append((container, "rename", LEFTOVER))
        else:
            removed.append((container, "remove", LEFTOVER))
    return primary, removed + renamed


def is_of_a_recreate(container: Mapping[str, Any]) -> bool:
    """Say whether it has the name that Compose gives until the old container is gone."""
    return bool(
        re.fullmatch(f"[0-9a-f]{{12}}_{re.escape(container['service'])}", container["name"])
    )


def in_work(wanted: Mapping[str, str], observation: Mapping[str, Any]) -> set[str]:
    """Return the services whose recreate may still be under way."""
    at = observation.get("at")
    if not observation.get("composing", True):
        return set()
    return {
        container["service"]
        for container in observation.get("containers", [])
        if container["service"] in wanted
        and is_of_a_recreate(container)
        and at is not None
        and container.get("created_at") is not None
        and 0.0 <= at - container["created_at"] < RECREATE_SECONDS
    }
