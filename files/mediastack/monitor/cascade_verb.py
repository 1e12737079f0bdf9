"""`cascade [--dry-run]`: bring Gluetun's dependents into its present network, by the user's hand.

What the monitor does by itself, at once and whatever it makes of things: all of them that should
run are stopped side by side, each with its own time to end, and brought back by the same converging
that a deploy uses. Not counted against the monitor's limit, and no end of its pause. What the user
has stopped stays stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import (
    acts,
    intent,
    journal,
    lock,
    observe,
    plan,
    stack_verbs,
    stacks,
    status,
    user_stops,
)
from mediastack import config as configuration
from mediastack.docker_client import Docker, DockerError
from mediastack.monitor import dependents, namespaces

ACTOR = "cli"
RUNS = ("running", "paused", "restarting")
Found = Sequence[Mapping[str, Any]]


def main(arguments: list[str]) -> int:
    """Verb `cascade`: exit 1 when somebody is not back and healthy. Raise ConfigError, lock.Busy,
    NotReachable."""
    parser = argparse.ArgumentParser(prog="mediastack cascade", description=main.__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    options = parser.parse_args(arguments)
    config = configuration.load()
    if refusal := refused(config):
        print(f"mediastack cascade: {refusal}", file=sys.stderr)
        return 1
    docker = Docker()
    if options.dry_run:
        print("\n".join(lines(dependents.look(config, docker))))
        return 0
    return cascade(config, docker)


def refused(config: Mapping[str, Any]) -> str:
    """Return why there is nothing to bring anybody back to, "" when there is."""
    owner = plan.owner_name(config)
    if not owner:
        return "this host has no Gluetun, so nobody lives in its network"
    if owner in intent.stopped():
        start = f"stack-manage.sh {config['services'][owner]['stack']} up {owner}"
        return f"{owner} is stopped, as you asked; start it first: {start}"
    return ""


def cascade(config: dict[str, Any], docker: Docker) -> int:
    """Stop them, bring them back, say what happened; return the exit code."""
    started = time.monotonic()
    wait = float(config.get("limits", {}).get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    with lock.hold(ACTOR, "cascade: stopping", wait_seconds=wait):
        observation = observe.observe(config, docker)
        # A `docker stop` of a moment ago is a wish; our own stops must not hide it.
        user_stops.settle(docker, observation, ACTOR)
        found = dependents.judged(config, observation)
        wanted = [one["service"] for one in found if one["wanted"]]
        running = [one["service"] for one in found if one["wanted"] and one["state"] in RUNS]
        # Not `acting`: what is stopped here and not brought back stays ours to explain.
        journal.begin(ACTOR, "cascade", running)
        causes = acts.at_once(
            lambda act: stop(config, docker, act["service"]),
            [_act(config, name) for name in running],
        )
    for name in running:
        what = f"FAILED to stop: {causes[name]}" if name in causes else "stopped"
        print(f"mediastack cascade: {name}: {what}", file=sys.stderr)
    owner = plan.owner_name(config)
    services = wanted if is_up(observation, owner) else [owner, *wanted]
    outcome: stacks.Outcome | str
    try:
        outcome = stacks.apply(config, docker, ACTOR, services=services, wait=True)
    except stacks.StackError as error:
        outcome = str(error)
    code = stack_verbs.finish("cascade", outcome)
    if not isinstance(outcome, str):
        journal.forget({*running} - {act["service"] for act in outcome.waiting})
    word = "cascade failed" if code else "cascade done"
    acts.record(ACTOR, owner, word, started=started, cause="asked for", details=wanted)
    return max(code, 1 if causes else 0)


def stop(config: dict[str, Any], docker: Docker, service: str) -> dict[str, str]:
    """Stop one with its own grace; return {service: cause} when Docker could not."""
    try:
        docker.stop(service, acts.grace(config, service))
    except DockerError as error:
        return {service: str(error)}
    return {}


def is_up(observation: Mapping[str, Any], owner: str) -> bool:
    """Say whether the owner runs: else it has to be brought up first."""
    container = status.primary(observation, owner)
    return container is not None and container["status"] == "running"


def lines(found: Found) -> list[str]:
    """Return what would be done with each, for --dry-run."""
    width = max((len(one["service"]) for one in found), default=0)
    return [
        f"{one['service']:<{width}}  {one['verdict']:<8}  {one['state']:<10}  {intended(one)}"
        for one in found
    ]


def intended(one: Mapping[str, Any]) -> str:
    """Return what would be done with one dependent."""
    if one["stopped_by_user"]:
        return "stays stopped, as you asked"
    if not one["wanted"]:
        return "stays as it is: /data is not there"
    if one["verdict"] == namespaces.OUT:
        return "would be brought back"
    return "would be stopped and brought back"


def _act(config: Mapping[str, Any], service: str) -> plan.Action:
    stack = config["services"][service]["stack"]
    return {"action": "stop", "service": service, "stack": stack, "reason": "asked for"}
