"""Is our service well with what it was given? It is started and watched until that is said.

The updater's gate knows what can only get worse (a loop of crashes, health that comes and goes) and
whose doing a delay is; that judge is asked here as well. Well is whoever is healthy once: the image
has proven itself long ago, and it is only its state that is new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mediastack import intent, journal, lock, stacks
from mediastack.docker_engine import Engine
from mediastack.updater import gate, look

ROUND_SECONDS = 1.0
# Without a health check it has to run for so long.
STABLE_SECONDS = 10.0


def begin(config: dict[str, Any], docker: Engine, actor: str, service: str) -> str:
    """Start a service as far as it is wanted; return why that failed. Raise NotReachable."""
    if service in intent.stopped():
        return ""
    try:
        outcome = stacks.apply(config, docker, actor, services=[service], wait=False)
    except (stacks.StackError, lock.Busy) as error:
        return str(error)
    if service in outcome.failed:
        return outcome.failed[service]
    return next((f"it waits: {one['reason']}" for one in outcome.waiting
                 if one["service"] == service), "")  # fmt: skip


def unwell(
    config: dict[str, Any],
    docker: Engine,
    service: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> str:
    """Wait until it is well; return why it is not, "" when it is or nobody wants it to run."""
    entry = config["services"][service]
    patience = float(config.get("limits", {}).get("health_wait_seconds", 0.0))
    # It may have to migrate its databases, as after an update.
    deadline = max(patience, float(entry.get("update_deadline_seconds", 0.0)))
    limits = gate.Limits(STABLE_SECONDS, deadline or stacks.HEALTH_WAIT_SECONDS)
    state = gate.begin()
    while service not in intent.stopped():
        seen = look.look(config, docker, {"service": service}, None)
        verdict, state = gate.step(seen, state, limits, now())
        if verdict == gate.PASSED or (entry.get("health") and is_healthy(seen)):
            journal.forget([service])
            return ""
        if verdict and not seen.stopped_by_user:
            return verdict.partition(": ")[2] or verdict
        sleep(ROUND_SECONDS)
    return ""


def is_healthy(seen: gate.Seen) -> bool:
    """Say whether its health check has said yes last, in the container that is wanted."""
    return (
        seen.known
        and seen.right_image
        and (seen.status, seen.health) == ("running", "healthy")
        and not seen.failing
    )
