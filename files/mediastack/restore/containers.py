"""Containers for a restore: stop, start on the tree that is in place now, see that it is that one.

As the updater does it: every stop is in the journal before, as ours, and starting goes by the very
plan that a deploy uses, for this one service. A bind mount is of the tree that had the name when
the container started; Docker looks it up again at each start, so a stop before the exchange and a
start after it are enough, and one that somebody started in between is started again. The caller
holds the stack lock.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from mediastack import acts, healing, image_lock, images, journal, observe, plan, user_stops
from mediastack.docker_client import LABEL, DockerError, NotReachable
from mediastack.docker_engine import Engine, ImageEngine
from mediastack.updater import containers
from mediastack.updater.house import Trouble

ACTOR = "restore"
ROUNDS = 5
MOST_STARTS = 2


def stop(config: dict[str, Any], docker: Engine, service: str) -> None:
    """End the service's container, in its own time. Raise Trouble."""
    journal.begin(ACTOR, "restore", [service])
    with _answering(service), healing.resting(docker, [service]):
        for container in docker.containers(LABEL, [service]):
            if container["State"]["Status"] == "paused":
                docker.resume(container["Id"])
            docker.stop(container["Id"], acts.grace(config, service))
    if is_up(docker, service):
        raise Trouble("passing", f"{service} did not end")


def stop_for_good(config: dict[str, Any], docker: ImageEngine, service: str) -> None:
    """End it, and Docker itself does not start it again, not even at a boot. Raise Trouble."""
    journal.begin(ACTOR, "restore", [service])
    with _answering(service):
        for container in docker.containers(LABEL, [service]):
            # Gone meanwhile: then there is nothing to start.
            with contextlib.suppress(DockerError):
                docker.start_never(container["Id"])
    stop(config, docker, service)


def is_up(docker: Engine, service: str) -> bool:
    """Say whether it has a process. Raise Trouble."""
    return containers.is_up(docker, service)


def start(config: dict[str, Any], docker: Engine, service: str, live: str) -> None:
    """Have it run as the configuration and the image lock want it, on the tree that is at `live`
    now; one that the user has stopped, or that has no Gluetun to join, is left alone. Raise
    Trouble: "bad" when its container cannot be made or started."""
    for _ in range(MOST_STARTS):
        if cause := _make(config, docker, service):
            raise Trouble("bad", cause)
        if not sees_another(docker, service, live):
            return
        stop(config, docker, service)
    raise Trouble("passing", f"{service} goes on with another tree than {live}")


def sees_another(docker: Engine, service: str, live: str, proc: str = "/proc") -> bool:
    """Say whether it runs on a tree that is not the one at `live`. Raise Trouble."""
    with _answering(service):
        found = docker.inspect(service)
    if found is None or found["State"]["Status"] != "running":
        return False
    root = f"{proc}/{int(found['State'].get('Pid') or 0)}/root"
    for mount in found.get("Mounts") or []:
        if mount.get("Source") == live:
            # It may end at any moment: what is not there sees nothing.
            with contextlib.suppress(OSError):
                return not os.path.samestat(os.stat(root + mount["Destination"]), os.stat(live))
    return False


def require_owner(config: dict[str, Any], docker: Engine) -> None:
    """Raise Trouble when who lives in Gluetun's network could not be started now."""
    owner = plan.owner_name(config)
    with _answering(owner):
        if not plan.owner_is_up(config, observe.observe(config, docker, services=[owner])):
            raise Trouble("passing", f"{owner} is not well, and it could not be started again")


def finished(service: str) -> None:
    """Its stop explains nothing any more."""
    journal.forget([service])


def _make(config: dict[str, Any], docker: Engine, service: str) -> str:
    """Do what the plan has for it; return why that failed, "" when nothing is left to do."""
    image_lock.write_overrides(config)
    cause = ""
    with _answering(service):
        for _ in range(ROUNDS):
            observation = observe.observe(config, docker)
            user_stops.settle(docker, observation, ACTOR)
            todo = [act for act in plan.plan(config, observation) if act["service"] == service]
            if not todo:
                return ""
            ready = [act for act in plan.ready(config, observation, todo) if act in todo]
            if not ready:
                raise Trouble("passing", f"{service} cannot be started now ({todo[0]['reason']})")
            if ready[0]["action"] != "start":
                containers.require_deployed(config, service)
                if missing := images.ensure(config, docker, [service]):
                    raise Trouble("passing", missing[service])
            cause = acts.carry_out(config, docker, ACTOR, ready).get(service, "")
    return cause or f"{service} is started again and again"


@contextlib.contextmanager
def _answering(service: str) -> Any:
    """What Docker does not answer, or answers with an error, may be better another time."""
    try:
        yield
    except (DockerError, NotReachable) as error:
        raise Trouble("passing", f"{service}: {error}") from error
