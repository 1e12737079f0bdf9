"""May an update of this service begin now? Said before anything is asked of a registry for it.

A service that the user stopped is not updated: whether a new version is well can only be seen while
it runs, and the image lock moves only with a passed gate. In Gluetun's network nothing begins while
the monitor is at work there, or could not be if it had to.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from mediastack import image_lock, observe, plan, user_stops
from mediastack.docker_engine import Engine
from mediastack.monitor import report

ACTOR = "updater"
LEAST_FREE_BYTES = 1024**3


def refusal(config: dict[str, Any], docker: Engine, service: str, *, by_hand: bool) -> str:
    """Return why it may not begin, "" when it may. Raise NotReachable."""
    observation = observe.observe(config, docker)
    user_stops.settle(docker, observation, ACTOR)
    return judged(
        config,
        observation,
        service,
        locked=image_lock.read().get(service),
        monitor=report.read(config),
        free=free(config),
        by_hand=by_hand,
    )


def judged(
    config: Mapping[str, Any],
    observation: Mapping[str, Any],
    service: str,
    *,
    locked: Mapping[str, Any] | None,
    monitor: Mapping[str, Any],
    free: Mapping[str, int],
    by_hand: bool,
) -> str:
    """Like refusal. Pure; `monitor` is monitor.report.read's, `free` {path: bytes}."""
    entry = config["services"][service]
    if service in observation["intents"]:
        return "you have stopped it"
    if entry.get("data") and not observation["data"]["present"]:
        return "/data is not there"
    if locked is None:
        return "its image has no digest in the image lock; run the deploy"
    if planned := [a for a in plan.plan(config, observation) if a["service"] == service]:
        return f"it is to be {planned[0]['action']}d first ({planned[0]['reason']})"
    container = next((c for c in observation["containers"] if c["name"] == service), None)
    if container is None or container["status"] != "running":
        return "it does not run"
    if not by_hand and entry["health"] and container["health"] != "healthy":
        return f"it is not well (health: {container['health']})"
    if (entry["zone"] == "vpn" or entry.get("owner")) and (
        why := _zone(config, observation, monitor)
    ):
        return why
    for path, room in free.items():
        if room < LEAST_FREE_BYTES:
            return f"{path}: only {room // 1024**2} MiB free"
    return ""


def running(config: Mapping[str, Any], docker: Engine) -> list[str]:
    """Return Gluetun's dependents that run now: those have to come back. Raise NotReachable."""
    found = observe.observe(config, docker)["containers"]
    up = {one["name"] for one in found if one["status"] == "running"}
    return [name for name in plan.dependents(config) if name in up]


def free(config: Mapping[str, Any]) -> dict[str, int]:
    """Return {path: bytes free} of the disks that an update writes to, as far as they are known."""
    paths = (config["paths"]["state"], config["paths"]["config"], "/var/lib/docker")
    return {path: shutil.disk_usage(path).free for path in paths if os.path.isdir(path)}


def _zone(
    config: Mapping[str, Any], observation: Mapping[str, Any], monitor: Mapping[str, Any]
) -> str:
    if not plan.owner_is_up(config, observation):
        return f"{plan.owner_name(config)} is not well"
    if not monitor:
        return ""
    if not monitor["running"]:
        return "the monitor does not watch"
    if monitor["pause"]:
        return "the monitor is paused"
    if monitor["episode"] or monitor["acting"]:
        return "the monitor is at work in Gluetun's network"
    return ""


def today(stamp: float | None = None) -> str:
    """Return a moment as part of a name, in the host's zone."""
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(stamp))
