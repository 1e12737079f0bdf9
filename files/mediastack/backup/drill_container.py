"""The drill's container of an app: what Compose says of the deployed one, without the world. Pure.

Image by digest, user, powers, limits and health check are the deployed ones; taken away is what
belongs to the outside: no network at all, no devices, no /data but an empty directory in memory;
state and secrets are the restored copies. So no app can see another instance of itself, and none
touches anything that lasts. What an app asks of the tunnel cannot hold here and is left out of its
check. Our label alone tells a drill's container: for the keeper, What's Up Docker and Autoheal it
does not exist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LABEL = "io.mediastack.drill"
PROJECT = "mediastack-drill"
INTERVAL = "5s"
EMPTY_BYTES = 16 * 1024**2
KEPT = (
    *("image", "command", "entrypoint", "environment", "user", "init", "read_only", "tmpfs"),
    *("cap_add", "cap_drop", "security_opt", "mem_limit", "pids_limit", "stop_grace_period"),
)
TUNNEL = re.compile(r"test -e /sys/class/net/\S+ && ")
HEADER = "/run/mediastack-drill/header"


class Places(NamedTuple):
    """Restored state of one service, restored secrets, and where the drill may write."""

    state: str
    secrets: str
    scratch: str


def description(
    config: Mapping[str, Any],
    service: str,
    described: Mapping[str, Any],
    places: Places,
    *,
    keyed: bool = False,
) -> dict[str, Any]:
    """Return the drill's container in Compose's words. Pure."""
    health = dict(described.get("healthcheck") or {})
    if isinstance(health.get("test"), list):
        health["test"] = [TUNNEL.sub("", one) for one in health["test"]]
    found = {key: described[key] for key in KEPT if described.get(key) is not None}
    return {
        **found,
        "container_name": f"{PROJECT}-{service}",
        "labels": {LABEL: service},
        "network_mode": "none",
        "restart": "no",
        "healthcheck": {**health, "interval": INTERVAL},
        "volumes": volumes(config, service, described.get("volumes") or [], places)
        + ([bind(os.path.join(places.scratch, "header"), HEADER)] if keyed else []),
    }


def volumes(
    config: Mapping[str, Any],
    service: str,
    mounts: Sequence[Mapping[str, Any]],
    places: Places,
) -> list[dict[str, Any]]:
    """Return a deployed container's mounts with restored copies in place of what lasts. Pure."""
    state = config["services"][service]["config"]
    secrets = os.path.join(config["paths"]["etc"], "secrets")
    data, found = config["paths"]["data"], []
    for mount in mounts:
        source, target = str(mount.get("source", "")), str(mount["target"])
        if source == state:
            found.append(bind(places.state, target, read_only=False))
        elif _is_below(source, secrets):
            copy = os.path.join(places.secrets, os.path.relpath(source, secrets))
            found.append(bind(copy, target))
        elif _is_below(source, data) and source != config["paths"]["sentinel"]:
            found.append({"type": "tmpfs", "target": target, "tmpfs": {"size": EMPTY_BYTES}})
    return found


def bind(source: str, target: str, *, read_only: bool = True) -> dict[str, Any]:
    """Return a bind mount in Compose's words; Docker shall not make what is not there."""
    made = {"type": "bind", "source": source, "target": target, "read_only": read_only}
    return {**made, "bind": {"create_host_path": False}}


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top.rstrip('/')}/")
