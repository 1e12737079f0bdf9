"""Bring the containers to what they should be: observe, plan, do what is ready, look again.

Each round takes the stack lock and looks afresh, so it is right whatever happened in between, and
others get their turn while this one waits for gluetun to become healthy. Stacks are worked on side
by side; inside a stack everything of one kind goes into one compose call. An action that keeps
failing is given up after a few attempts and named; the rest goes on. Every act is in the ledger.
"""

from __future__ import annotations

import collections
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mediastack import acts, image_lock, images, lock, observe, plan, user_stops, vpn_trial
from mediastack.docker_engine import Engine

ATTEMPTS = 3
ROUND_SECONDS = 0.5
LOCK_WAIT_SECONDS = 120.0
HEALTH_WAIT_SECONDS = 600.0
# Those who come by themselves, again and again.
UNASKED = ("keeper", "monitor")


class StackError(Exception):
    """Nothing can be done before something else is mended; the message says what."""


class Outcome(NamedTuple):
    """`done`: the acts in order; `failed`: {service: cause}; `waiting`: actions not yet ready;
    `sick`: [{"path","problem"}] after the wait for health."""

    done: list[plan.Action]
    failed: dict[str, str]
    waiting: list[plan.Action]
    sick: list[dict[str, str]]


def apply(
    config: dict[str, Any],
    docker: Engine,
    actor: str,
    stacks: Sequence[str] | None = None,
    *,
    services: Sequence[str] | None = None,
    wait: bool = True,
    lock_wait_seconds: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Converge these stacks (None: all), in them only these services (None: all).

    With `wait`, wait at most limits.health_wait_seconds for gluetun, and as long again for
    everything to be healthy; without, do what is ready and return. Raise lock.Busy, StackError,
    docker_client.NotReachable.
    """
    owner = plan.owner_name(config)
    limits = config.get("limits", {})
    if lock_wait_seconds is None:
        lock_wait_seconds = float(limits.get("lock_wait_seconds", LOCK_WAIT_SECONDS))
    patience = float(limits.get("health_wait_seconds", HEALTH_WAIT_SECONDS))
    deadline = clock() + patience
    attempts: collections.Counter[str] = collections.Counter()
    causes: dict[str, str] = {}
    failed: dict[str, str] = {}
    done: list[plan.Action] = []
    asked_again = actor in UNASKED or (services is not None and owner not in services)
    while True:
        with lock.hold(actor, "converging the stacks", wait_seconds=lock_wait_seconds):
            if not asked_again:
                # Whoever asks for it has a look of Gluetun's own; these come every minute.
                vpn_trial.forget(config)
                asked_again = True
            todo, now, refused = _look(config, docker, actor, stacks, services, failed)
            fetch = [act["service"] for act in todo if act["action"] in ("create", "recreate")]
            if fetch and (missing := images.ensure(config, docker, _unique(fetch))):
                failed |= missing
                for service, cause in missing.items():
                    acts.record(actor, service, "image missing", cause=cause)
            if fetch:
                # Images were locked or are missing: what is wanted may have changed.
                todo, now, refused = _look(config, docker, actor, stacks, services, failed)
            if trial(config, docker, actor, now):
                todo, now, refused = _look(config, docker, actor, stacks, services, failed)
            for act in now:
                attempts[act["service"]] += 1
                if attempts[act["service"]] > ATTEMPTS:
                    cause = causes.get(act["service"], f"still to {act['action']}: {act['reason']}")
                    failed[act["service"]] = cause
            now = [act for act in now if act["service"] not in failed]
            if any(act["action"] == "remove" for act in now):
                # Else the file beside the compose file names a service that is none any more.
                image_lock.write_overrides(config)
            if any(act["action"] in ("create", "recreate") for act in now):
                require_network(config, docker)
            alone = {name for name in causes if attempts[name] > 1}
            found = acts.carry_out(config, docker, actor, now, alone)
            causes |= found
            done += [act for act in now if act["service"] not in found]
        if not todo or (not now and (not wait or not _hope(config, todo, failed))):
            break
        if not now or found:
            if clock() >= deadline:
                break
            sleep(ROUND_SECONDS)
    waiting = [act for act in todo if act["service"] not in failed]
    failed |= {k: v for k, v in refused.items() if _selected(config, k, stacks, services)}
    sick: list[dict[str, str]] = []
    if wait:
        sick = wait_healthy(
            config,
            docker,
            stacks,
            services=services,
            timeout_seconds=max(0.0, deadline - clock()) if waiting or failed else patience,
            ignore=set(failed) | {act["service"] for act in waiting},
            sleep=sleep,
            clock=clock,
        )
    return Outcome(done, failed, waiting, sick)


def refusal(config: dict[str, Any], docker: Engine, actor: str, services: Sequence[str]) -> str:
    """Return why Gluetun would refuse the settings that converging these services would bring it,
    "" when it would not. Raise lock.Busy, NotReachable."""
    if plan.owner_name(config) not in services:
        return ""
    wait = float(config.get("limits", {}).get("lock_wait_seconds", LOCK_WAIT_SECONDS))
    with lock.hold(actor, "trying new settings", wait_seconds=wait):
        vpn_trial.forget(config)
        actions = plan.plan(config, observe.observe(config, docker))
        return trial(config, docker, actor, actions)


def trial(
    config: dict[str, Any], docker: Engine, actor: str, actions: Sequence[plan.Action]
) -> str:
    """Ask Gluetun about its settings if one of the actions makes it anew; return why it refuses
    them, "" when it does not. The caller holds the lock. Raise NotReachable."""
    owner = plan.owner_name(config)
    made = [act for act in actions if act["action"] in ("create", "recreate")]
    if all(act["service"] != owner for act in made):
        return ""
    image = image_lock.choose(image_lock.read().get(owner), config["services"][owner]["image"])
    return vpn_trial.ask(config, docker, actor, image)


def wait_healthy(
    config: dict[str, Any],
    docker: Engine,
    stacks: Sequence[str] | None = None,
    *,
    services: Sequence[str] | None = None,
    timeout_seconds: float = HEALTH_WAIT_SECONDS,
    ignore: set[str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, str]]:
    """Wait until everything wanted runs and is healthy; return [{"path","problem"}] of what is
    not when the time is over. Takes no lock: it changes nothing. Raise NotReachable."""
    deadline = clock() + timeout_seconds
    last = ""
    while True:
        observation = observe.observe(config, docker)
        problems = [
            problem
            for problem in plan.unwell(config, observation)
            if problem["path"] not in (ignore or set())
            and _selected(config, problem["path"], stacks, services)
        ]
        problems += [
            {"path": act["service"], "problem": f"to {act['action']}: {act['reason']}"}
            for act in plan.plan(config, observation)
            if act["service"] not in (ignore or set())
            and _selected(config, act["service"], stacks, services)
        ]
        # What Gluetun has refused no waiting mends.
        hopeless = observation.get("refused", {})
        hope = any(problem["path"] not in hopeless for problem in problems)
        if not hope or clock() >= deadline:
            return [{**problem, **_last_words(docker, problem["path"])} for problem in problems]
        names = " ".join(problem["path"] for problem in problems)
        if names != last:
            print(f"mediastack: waiting for {names}", file=sys.stderr)
            last = names
        sleep(ROUND_SECONDS)


def require_network(config: dict[str, Any], docker: Engine) -> None:
    """Raise StackError when the network that the stacks share does not exist."""
    name = config["network"]["name"]
    if all(network["Name"] != name for network in docker.networks()):
        raise StackError(
            f"Docker network {name} does not exist; run the deploy, which creates it with the "
            "subnet that the services' addresses are in"
        )


def _look(
    config: dict[str, Any],
    docker: Engine,
    actor: str,
    stacks: Sequence[str] | None,
    services: Sequence[str] | None,
    failed: dict[str, str],
) -> tuple[list[plan.Action], list[plan.Action], dict[str, str]]:
    """Return the planned actions asked for and not given up, of these the ready ones, and why
    new settings were refused."""
    observation = observe.observe(config, docker)
    running = {one["service"]: one["image"] for one in observation["containers"]
               if one["service"] == one["name"]}  # fmt: skip
    for service in image_lock.adopt(config, running):
        acts.record(actor, service, "image locked", cause="it ran, and the image lock had no entry")
        observation = observe.observe(config, docker)
    # A bare `docker stop` of a moment ago must not be undone by a deploy.
    user_stops.settle(docker, observation, actor)
    actions = plan.plan(config, observation)
    todo = [
        act
        for act in actions
        if act["service"] not in failed
        and (stacks is None or act["stack"] in stacks)
        and (services is None or act["service"] in services)
    ]
    ready = [act for act in plan.ready(config, observation, actions) if act in todo]
    return todo, ready, observation.get("refused", {})


def _hope(config: dict[str, Any], todo: list[plan.Action], failed: dict[str, str]) -> bool:
    """Whether waiting may help: for the end of a recreate that may be under way; for gluetun's
    health, unless gluetun itself was given up."""
    return any(act["action"] in ("remove", "rename") for act in todo) or (
        plan.owner_name(config) not in failed
        and any(plan.is_dependent(config, act) for act in todo)
    )


def _selected(
    config: dict[str, Any],
    service: str,
    stacks: Sequence[str] | None,
    services: Sequence[str] | None,
) -> bool:
    entry = config["services"].get(service)
    if entry is None:
        # /data itself, or a container nobody wants any more.
        return stacks is None and services is None
    return (stacks is None or entry["stack"] in stacks) and (
        services is None or service in services
    )


def _last_words(docker: Engine, service: str) -> dict[str, str]:
    """{"log": the last lines that the health check said}, {} when there are none."""
    container = docker.inspect(service) or {}
    log = ((container.get("State") or {}).get("Health") or {}).get("Log") or []
    text = str(log[-1].get("Output", "")).strip() if log else ""
    return {"log": "\n".join(text.splitlines()[-3:])} if text else {}


def _unique(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
