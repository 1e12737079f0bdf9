"""What is: Gluetun's group in words that step understands (contract LOOK), from a fresh look.

The monitor may neither ask Docker nor look into /proc, so it is done here: what observe sees, what
plan would do, whose stop a stop was, who holds the lock. Whose stop it was is only judged while
nobody works on containers: in the middle of somebody's work an ended container says nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from mediastack import journal, lock, observe, plan, systemd, user_stops
from mediastack.adopt import journal as adopting
from mediastack.backup import ages
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import Engine
from mediastack.docker_socket import DockerSocket
from mediastack.restore import inflight as restoring
from mediastack.updater import inflight

ACTOR = "monitor"
SCHEMA = 1
FIREWALL_SECONDS = 5.0
# Gluetun takes the first of these that its kernel can do; the others then show nothing of it.
FIREWALL_COMMAND = (
    *("sh", "-c"),
    "for each in iptables iptables-nft iptables-legacy; do $each -S OUTPUT 2>/dev/null; done",
)
FIREWALL_CLOSED = "-P OUTPUT DROP"
LONGEST_TEXT = 300
# Where mediastack.toml is of a release that did not have one of them yet: the defaults of
# group_data/all.py, which is not on the host (a test compares the two).
SETTINGS: dict[str, float] = {
    "healthy_seconds": 300,
    "cascades_per_hour": 5,
    "pause_seconds": 3600,
    "loop_cascades": 3,
    "loop_seconds": 120,
    "unhealthy_seconds": 120,
    "restarts_per_hour": 3,
    "owner_unhealthy_seconds": 300,
    "restart_owner_seconds": 0,
    "reminder_seconds": 21600,
    "disk_free_least": 0.05,
}

Facts = dict[str, Any]


def look(config: dict[str, Any], docker: DockerSocket, *, firewall: bool) -> dict[str, Any]:
    """Return the look; `firewall`: ask in Gluetun's container, too. Raise NotReachable,
    DockerError, OSError."""
    began = time.time()
    quiet = lock.holder() is None
    group = names(config)
    observation = observe.observe(config, docker, services=group)
    holder = lock.holder()
    undecided = _whose_stops(docker, observation, group, began, quiet and holder is None)
    services = facts(config, observation)
    owner = plan.owner_name(config)
    actor = "" if holder is None else str(holder.get("actor", "somebody"))
    known = config.get("monitor", {})
    return {
        "schema": SCHEMA,
        "owner": owner,
        "boot": systemd.boot(),
        "services": services,
        "actions": [
            {key: action[key] for key in ("service", "action", "reason")}
            for action in plan.plan(config, observation)
            if action["service"] in group
        ],
        "undecided": undecided,
        "busy": "" if actor == ACTOR else actor,
        "data": bool(observation["data"]["present"]),
        "firewall": closed(docker, services[owner]) if firewall and owner else None,
        "disk_free": free(config["paths"]["state"]),
        "settings": {name: known.get(name, value) for name, value in SETTINGS.items()},
        "backups": backups(config),
    }


def backups(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return when each target was saved to and a restore proven (backup.ages), for the monitor's
    metrics: it may not read the report itself. {} where nobody asks for metrics."""
    if not config.get("monitor", {}).get("metrics_port"):
        return {}
    with contextlib.suppress(OSError):
        return ages.timestamps(config)
    return {}


def names(config: Mapping[str, Any]) -> list[str]:
    """Return the group: Gluetun, then those that live in its namespace; [] without a Gluetun."""
    owner = plan.owner_name(config)
    return [owner, *plan.dependents(config)] if owner else []


def facts(config: Mapping[str, Any], observation: Mapping[str, Any]) -> dict[str, Facts]:
    """Return {service: facts} of the whole group."""
    containers = {
        container["name"]: container
        for container in observation["containers"]
        if container["name"] == container["service"]
    }
    intents, held = observation["intents"], observation.get("held", {})
    owner = plan.owner_name(config)
    proving = inflight.in_work() | restoring.in_work() | adopting.entries().keys()
    present = observation["data"]["present"]
    found = {}
    for name in names(config):
        entry = config["services"][name]
        gate = present or not entry["data"]
        container = _of_container(name, containers.get(name))
        if name in proving and container["health"] == "unhealthy":
            # A version that has to prove itself may be in a migration: nobody restarts it.
            container["health"] = "starting"
        found[name] = {
            **container,
            "health_check": bool(entry["health"]),
            # Gluetun stays wanted while its update is taken back: nobody else can start it then
            # (plan), and those in its network go on waiting for it.
            "wanted": name not in intents and gate and (name == owner or name not in held),
            "stopped_by_user": name in intents,
        }
    return found


def closed(docker: DockerSocket, owner: Facts) -> bool | None:
    """Say whether Gluetun's packet filter lets nothing out but what it allows; None when that
    cannot be said."""
    if owner["status"] != "running":
        return None
    try:
        _, printed = docker.execute(owner["id"], FIREWALL_COMMAND, FIREWALL_SECONDS)
    except (NotReachable, DockerError):
        return None
    policies = [line for line in printed.splitlines() if line.startswith("-P OUTPUT ")]
    return FIREWALL_CLOSED in policies if policies else None


def free(path: str) -> float | None:
    """Return which fraction of the path's file system is free for us, None when it is not known."""
    with contextlib.suppress(OSError):
        status = os.statvfs(path)
        return status.f_bavail / status.f_blocks if status.f_blocks else None
    return None


def _whose_stops(
    docker: Engine, observation: dict[str, Any], group: list[str], began: float, quiet: bool
) -> list[str]:
    """Write down whom of the group the user stopped or started; return those not known yet."""
    ours = [one for one in observation["containers"] if one["service"] in group]
    if not quiet:
        explained = {*observation["intents"], *journal.entries()}
        ended = [one["name"] for one in ours if one["status"] == "exited"]
        return [name for name in ended if name in group and name not in explained]
    part = {**observation, "containers": ours}
    wishes = user_stops.note(docker, part, began, ACTOR)
    observation["intents"] = part["intents"]
    journal.forget_finished(user_stops.running(part), begun_before=began)
    return wishes.undecided


def _of_container(name: str, container: Mapping[str, Any] | None) -> Facts:
    if container is None:
        container = {"status": "absent"}
    return {
        "status": container["status"],
        "id": container.get("id", ""),
        "name": container.get("name", name),
        "health": container.get("health", "none"),
        "netns": container.get("netns"),
        "network_mode": container.get("network_mode", ""),
        "started_at": user_stops.docker_seconds(container.get("started_at", "")),
        "finished_at": user_stops.docker_seconds(container.get("finished_at", "")),
        "exit_code": container.get("exit_code", 0),
        "oom_killed": container.get("oom_killed", False),
        "restarts": container.get("restarts", 0),
        "error": container.get("error", "")[:LONGEST_TEXT],
        "pid": container.get("pid", 0),
    }
