"""`shutdown`: the machine goes down, so every container of ours ends in order and in its own time.

With live-restore dockerd leaves containers running when it ends, and systemd would then end all
their processes at once and wait ninety seconds for any that ignores SIGTERM. So this runs as the
stop of mediastack-shutdown.service, before Docker stops: first everything but the owner of the vpn
namespace, in parallel, each with its stop grace, then the owner. It is no wish of the user's: what
is stopped is journaled as ours, so the keeper starts it again after the boot.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

from mediastack import acts, healing, journal, lock, observe, plan
from mediastack import config as configuration
from mediastack.docker_client import Docker, DockerError, NotReachable

ACTOR = "shutdown"
# Whoever holds the lock is being stopped as well; the machine does not wait for it.
LOCK_PATIENCE_SECONDS = 5.0
RUNNING = ("running", "restarting", "paused")


def main(arguments: list[str]) -> int:
    """Stop all containers in order; record no wish of the user's."""
    if arguments:
        print("usage: mediastack shutdown", file=sys.stderr)
        return 2
    config = configuration.load()
    docker = Docker()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(lock.Busy):
            stack.enter_context(
                lock.hold(ACTOR, "the machine goes down", wait_seconds=LOCK_PATIENCE_SECONDS)
            )
        observation = observe.observe(config, docker)
        stack.enter_context(healing.resting(docker, config["services"]))
        return 0 if not stop_all(config, observation, docker) else 1


def stop_all(config: dict[str, Any], observation: dict[str, Any], docker: Docker) -> dict[str, str]:
    """Stop what runs, the owner of the vpn namespace last; return {service: why it failed}."""
    running = [one for one in observation["containers"] if one["status"] in RUNNING]
    owner = plan.owner_name(config)
    started = time.monotonic()
    actions = [{"service": one["service"], "container": one["name"]} for one in running]
    # Begun here and finished only by the next start: so the entries stay in the journal.
    journal.begin(ACTOR, "stop", [act["service"] for act in actions])
    stop = _stopper(config, docker)
    failed = acts.at_once(stop, [act for act in actions if act["service"] != owner])
    failed |= acts.at_once(stop, [act for act in actions if act["service"] == owner])
    if actions:
        acts.record(ACTOR, "all", f"{len(actions)} stopped", started=started, cause="shutdown")
    return failed


def _stopper(config: dict[str, Any], docker: Docker) -> Callable[[plan.Action], dict[str, str]]:
    def stop(action: plan.Action) -> dict[str, str]:
        try:
            docker.stop(action["container"], acts.grace(config, action["service"]))
        except (DockerError, NotReachable) as error:
            print(f"mediastack shutdown: {action['service']}: {error}", file=sys.stderr)
            return {action["service"]: str(error)}
        return {}

    return stop
