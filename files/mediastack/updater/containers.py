"""Containers for an update: stop, make anew, see that they are what was wanted.

Every stop is in the journal before, as ours. Making and starting goes by the very plan that a
deploy uses (its left-overs of killed recreates, its order, its mounts), for this one service, and
with the hold lifted that keeps everybody else away. The caller holds the stack lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mediastack import (
    acts,
    healing,
    image_lock,
    images,
    intent,
    journal,
    observe,
    plan,
    user_stops,
)
from mediastack.docker_client import LABEL, DockerError, NotReachable
from mediastack.docker_engine import Engine, ImageEngine
from mediastack.updater.house import Trouble

ACTOR = "updater"
ENDED = ("exited", "dead", "created")
ROUNDS = 5


def stop(config: dict[str, Any], docker: Engine, service: str) -> None:
    """End the service's container, in its own time. Raise Trouble."""
    journal.begin(ACTOR, "update", [service])
    try:
        with healing.resting(docker, [service]):
            for container in _of(docker, service):
                if container["State"]["Status"] == "paused":
                    docker.resume(container["Id"])
                docker.stop(container["Id"], acts.grace(config, service))
        if is_up(docker, service):
            raise Trouble("passing", f"{service} did not end")
    except (DockerError, NotReachable) as error:
        raise Trouble("passing", f"{service}: {error}") from error


def stop_for_good(config: dict[str, Any], docker: ImageEngine, service: str) -> None:
    """End it, and Docker itself does not start it again, not even at a boot. Raise Trouble."""
    journal.begin(ACTOR, "update", [service])
    try:
        for container in _of(docker, service):
            # Gone meanwhile: then there is nothing to start.
            with contextlib.suppress(DockerError):
                docker.start_never(container["Id"])
    except NotReachable as error:
        raise Trouble("passing", f"{service}: {error}") from error
    stop(config, docker, service)


def is_up(docker: Engine, service: str) -> bool:
    """Say whether it has a process. Raise Trouble."""
    try:
        return any(one["State"]["Status"] not in ENDED for one in _of(docker, service))
    except (DockerError, NotReachable) as error:
        raise Trouble("passing", f"{service}: {error}") from error


def make(config: dict[str, Any], docker: Engine, service: str) -> str:
    """Make and start what the image lock wants now; return why that failed, "" when it runs (or
    the user has stopped it). Raise Trouble when it cannot be tried now."""
    image_lock.write_overrides(config)
    cause = ""
    try:
        for _ in range(ROUNDS):
            observation = observe.observe(config, docker)
            user_stops.settle(docker, observation, ACTOR)
            # Whose hold it is, starts it.
            observation["held"] = {}
            todo = [act for act in plan.plan(config, observation) if act["service"] == service]
            if not todo:
                return ""
            ready = [act for act in plan.ready(config, observation, todo) if act in todo]
            if not ready:
                why = todo[0]["reason"]
                raise Trouble("passing", f"{service} cannot be made now ({why})")
            require_deployed(config, service)
            if missing := images.ensure(config, docker, [service]):
                raise Trouble("passing", missing[service])
            cause = acts.carry_out(config, docker, ACTOR, ready).get(service, "")
    except NotReachable as error:
        raise Trouble("passing", f"{service}: {error}") from error
    return cause or f"{service} is made again and again"


def require_deployed(config: dict[str, Any], service: str) -> None:
    """Raise Trouble between a deploy's files: Compose would not make what is wanted then."""
    stack = config["services"][service]["stack"]
    if why := acts.unfinished_deploy(config, stack, [service]):
        raise Trouble("passing", why)


def require_ours(docker: Engine, service: str) -> None:
    """Raise Trouble when it does not run and that is not our doing."""
    if not is_up(docker, service) and service not in journal.entries():
        raise Trouble("passing", f"{service} does not run")


def life(docker: Engine, service: str) -> str:
    """Return what is another one after each start of its container. Raise Trouble."""
    found = _inspect(docker, service)
    return f"{found['Id']} {found['State'].get('StartedAt', '')}" if found else ""


def finished(service: str) -> None:
    """Its stop explains nothing any more."""
    journal.forget([service])


def is_wanted(service: str) -> bool:
    """Say whether the user has not stopped it."""
    return service not in intent.stopped()


def image_of(docker: Engine, service: str) -> str:
    """Return what its container was made from, "" without one. Raise Trouble."""
    found = _inspect(docker, service)
    return str(found["Config"]["Image"]) if found else ""


def _inspect(docker: Engine, service: str) -> Mapping[str, Any] | None:
    try:
        return docker.inspect(service)
    except (DockerError, NotReachable) as error:
        raise Trouble("passing", f"{service}: {error}") from error


def _of(docker: Engine, service: str) -> list[dict[str, Any]]:
    """Its containers, also one that a killed recreate has left under another name."""
    return docker.containers(LABEL, [service])
