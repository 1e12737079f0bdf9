"""How an updated service does: Docker's word on its container, and who else is at work.

`seen` is pure, so that a simulation can feed it Docker's own documents. Docker goes on calling a
container healthy until its third failed probe, so the last probe is looked at as well. What
somebody else does is told apart from what the new version does: a deploy that holds the lock, a
Gluetun that is away, a /data that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mediastack import lock, observe, plan, user_stops
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import Engine
from mediastack.updater import gate

ACTOR = "updater"
UNKNOWN = gate.Seen(known=False)


def seen(
    inspected: Mapping[str, Any] | None,
    image: str,
    entry: Mapping[str, Any],
    *,
    others: tuple[str, ...] = (),
    excused: str = "",
    stopped_by_user: bool = False,
) -> gate.Seen:
    """Return what Docker's inspect result (None: no container) says of a service that should run
    `image` ("repo:tag@digest"); `entry` is its table in mediastack.toml. Pure."""
    found = inspected or {"State": {}, "Config": {}}
    state = found["State"]
    health = state.get("Health") or {}
    log = health.get("Log") or []
    return gate.Seen(
        known=True,
        present=inspected is not None,
        right_image=found["Config"].get("Image") == image,
        status=str(state.get("Status", "")),
        health=str(health.get("Status") or "none"),
        failing=int(health.get("FailingStreak") or 0) > 0,
        probe=str(log[-1].get("End", "")) if log else "",
        expects_health=bool(entry.get("health")),
        life=f"{found.get('Id', '')} {state.get('StartedAt', '')}",
        restarts=int(found.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        others=others,
        excused=excused,
        stopped_by_user=stopped_by_user,
    )


def look(
    config: dict[str, Any], docker: Engine, tx: Mapping[str, Any], image: str | None
) -> gate.Seen:
    """Return one look; `image` None: whatever the image lock wants now. Raise nothing of Docker's:
    without an answer nothing is known."""
    service = tx["service"]
    try:
        holder = lock.holder()
        observation = observe.observe(config, docker, services=_around(config, service))
        ended = any(
            one["service"] == service and one["status"] == "exited"
            for one in observation["containers"]
        )
        if ended and holder is None and lock.holder() is None:
            user_stops.note(docker, observation, time.time(), ACTOR)
        inspected = docker.inspect(service)
    except (NotReachable, DockerError, OSError, ValueError):
        return UNKNOWN
    return seen(
        inspected,
        image or observation["images"][service],
        config["services"][service],
        others=tuple(unwell(config, observation, tx.get("ran", ()))),
        excused=excuse(config, observation, service, holder),
        stopped_by_user=service in observation["intents"],
    )


def excuse(
    config: Mapping[str, Any],
    observation: Mapping[str, Any],
    service: str,
    holder: Mapping[str, Any] | None,
) -> str:
    """Say who else is at work, or what is missing, "" for nobody and nothing. Pure."""
    entry = config["services"][service]
    if holder is not None and holder.get("actor") != ACTOR:
        return f"{holder.get('actor', 'somebody')} is at work"
    if entry.get("data") and not observation["data"]["present"]:
        return "/data is not there"
    if entry["zone"] == "vpn" and not plan.owner_is_up(config, observation):
        return f"{plan.owner_name(config)} is not well"
    return ""


def unwell(config: Mapping[str, Any], observation: Mapping[str, Any], ran: Any) -> list[str]:
    """Return those of Gluetun's dependents that ran before, are wanted, and are not back. Pure."""
    sick = {problem["path"] for problem in plan.unwell(config, observation)}
    sick |= {action["service"] for action in plan.plan(config, observation)}
    return [name for name in ran if name in sick and name not in observation["intents"]]


def _around(config: Mapping[str, Any], service: str) -> list[str]:
    """The service and whose health it depends on, or who depends on it."""
    owner = plan.owner_name(config)
    if service == owner or config["services"][service]["zone"] == "vpn":
        return [owner, *plan.dependents(config)]
    return [service]
