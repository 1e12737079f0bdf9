"""What the healer does to containers: hold, revive, restart; under the stack lock or not at all.

The request only names services; whether there is anything to do with them is decided here, from a
look made under the lock. So an act that comes late, twice or out of place does nothing: only what
is stranded is stopped, only what is unhealthy in Gluetun's namespace is restarted, and revive is
what a deploy would do. Every stop is written into the journal before, as ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from mediastack import acts, journal, lock, observe, plan, stacks
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import Engine
from mediastack.healer.look import ACTOR, Facts, facts, names
from mediastack.monitor import namespaces

Failed = dict[str, str]


def perform(config: dict[str, Any], docker: Engine, verb: str, services: Sequence[str]) -> Failed:
    """Do it and return {service: cause} of what failed.

    Raise lock.Busy, stacks.StackError, NotReachable, DockerError, OSError, ValueError.
    """
    return {"hold": hold, "revive": revive, "restart": restart}[verb](config, docker, services)


def hold(config: dict[str, Any], docker: Engine, services: Sequence[str]) -> Failed:
    """Stop those of the dependents that run outside of Gluetun's present namespace.

    They stay written down as stopped by us until they run again.
    """
    with lock.hold(ACTOR, "stopping what Gluetun left behind", wait_seconds=0.0):
        seen = facts(config, observe.observe(config, docker, services=names(config)))
        owner = seen[plan.owner_name(config)]
        stranded = [
            name
            for name in services
            if namespaces.verdict(owner, seen[name]) == namespaces.STRANDED
        ]
        if not stranded:
            return {}
        journal.begin(ACTOR, "hold", stranded)
        return _at_once(
            config, "hold", stranded, lambda name, grace: _end(docker, seen[name], grace)
        )


def revive(config: dict[str, Any], docker: Engine, services: Sequence[str]) -> Failed:
    """Bring these to where the configuration wants them, as far as that can be done now."""
    return stacks.apply(
        config, docker, ACTOR, services=list(services), wait=False, lock_wait_seconds=0.0
    ).failed


def restart(config: dict[str, Any], docker: Engine, services: Sequence[str]) -> Failed:
    """Restart those that are wanted, unhealthy now, and in the right namespace."""
    with lock.hold(ACTOR, "restarting what is unhealthy", wait_seconds=0.0):
        seen = facts(config, observe.observe(config, docker, services=names(config)))
        owner = plan.owner_name(config)
        sick = [
            name
            for name in services
            if seen[name]["wanted"]
            and seen[name]["status"] == "running"
            and seen[name]["health"] == "unhealthy"
            and (name == owner or _is_at_home(seen[owner], seen[name]))
        ]
        if not sick:
            return {}
        with journal.acting(ACTOR, "restart", sick):
            return _at_once(
                config, "restart", sick, lambda name, grace: docker.restart(seen[name]["id"], grace)
            )


def _is_at_home(owner: Facts, one: Facts) -> bool:
    return namespaces.verdict(owner, one) == namespaces.INSIDE and namespaces.is_well(owner)


def _end(docker: Engine, one: Facts, grace: int) -> None:
    if one["status"] == "paused":
        # Frozen, it could not end itself; there is no network where it is.
        docker.resume(one["id"])
    docker.stop(one["id"], grace)


def _at_once(
    config: dict[str, Any], verb: str, services: list[str], act: Callable[[str, int], None]
) -> Failed:
    """Act on all of them side by side, each with its own grace; return the causes of failure."""

    def one(action: plan.Action) -> Failed:
        name, started, cause = action["service"], time.monotonic(), ""
        try:
            act(name, acts.grace(config, name))
        except (DockerError, NotReachable) as error:
            cause = str(error)
        done = {"hold": "stopped", "restart": "restarted"}[verb]
        why = {"hold": "not in Gluetun's network", "restart": "unhealthy"}[verb]
        outcome = f"{verb} failed" if cause else done
        acts.record(ACTOR, name, outcome, started=started, cause=cause or why)
        return {name: cause} if cause else {}

    return acts.at_once(one, [{"service": name} for name in services])
