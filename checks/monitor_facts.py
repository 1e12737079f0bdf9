"""The simulated containers as observe and the healer's look show them."""

from __future__ import annotations

from typing import Any

from checks.monitor_containers import Container
from checks.monitor_world import World


def facts(world: World, name: str) -> dict[str, Any]:
    """FACTS of one service."""
    one = world.docker.get(name)
    stopped = name in world.intents
    facts = {
        "status": "absent",
        "id": "",
        "name": name,
        "health": "none",
        "health_check": world.docker.traits[name].has_health,
        "netns": None,
        "network_mode": "",
        "started_at": None,
        "finished_at": None,
        "exit_code": 0,
        "oom_killed": False,
        "restarts": 0,
        "error": "",
        "pid": 0,
        "wanted": not stopped and world.gate(name),
        "stopped_by_user": stopped,
    }
    if one is not None:
        facts |= {
            "status": one.status,
            "id": one.id,
            "health": one.health,
            "netns": one.netns,
            "network_mode": one.network_mode,
            "started_at": one.started,
            "finished_at": one.finished,
            "exit_code": one.exit_code,
            "oom_killed": one.oom,
            "restarts": one.restarts,
            "error": one.error,
            "pid": one.pid,
        }
    return facts


def observed(one: Container) -> dict[str, Any]:
    """As observe.container."""
    return {
        "name": one.name,
        "id": one.id,
        "service": one.service,
        "stack": "downloads",
        "config_hash": one.config_hash,
        "image": f"registry/{one.service}:1",
        "status": one.status,
        "health": one.health,
        "network_mode": one.network_mode,
        "netns": one.netns,
        "stale_mounts": [],
        "created_at": one.created,
        "started_at": one.started_text,
        "finished_at": one.finished_text,
        "error": one.error,
    }
