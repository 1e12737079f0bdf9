"""Carry out planned actions, and write each into the ledger.

Creating and recreating is Compose's work, in one call per stack so that dependents of gluetun come
back together. Starting and removing is asked of Docker directly: the plan has made sure that the
container is the right one, and Compose would take half a second to find that out again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mediastack import compose, healing, journal, ledger, leftovers, notify, plan
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import Engine

DONE = {
    "create": "created",
    "recreate": "recreated",
    "start": "started",
    "remove": "removed",
    "rename": "renamed",
}
DEFAULT_GRACE_SECONDS = 30
WORKERS = 10


def carry_out(
    config: dict[str, Any],
    docker: Engine,
    actor: str,
    actions: Sequence[plan.Action],
    alone: Iterable[str] = (),
) -> dict[str, str]:
    """Do `actions` (of plan.ready); return {service: cause} of those that failed.

    Removals and renamings first, then the stacks side by side. Services in `alone` get a compose
    call of their own, so that a failure is theirs. Autoheal rests meanwhile. Raise NotReachable.
    """
    with healing.resting(docker, [act["service"] for act in actions]):
        return _carry_out(config, docker, actor, actions, alone)


def _carry_out(
    config: dict[str, Any],
    docker: Engine,
    actor: str,
    actions: Sequence[plan.Action],
    alone: Iterable[str],
) -> dict[str, str]:
    removals = [act for act in actions if act["action"] == "remove"]
    starts = [act for act in actions if act["action"] == "start"]
    rest = [act for act in actions if act["action"] in ("create", "recreate")]
    failed = at_once(lambda act: _remove(config, docker, actor, act), removals)
    renamings = [act for act in actions if act["action"] == "rename"]
    failed |= at_once(lambda act: _rename(docker, actor, act), renamings)
    groups: dict[tuple[str, str, str], list[plan.Action]] = {}
    for act in rest:
        apart = act["service"] if act["service"] in set(alone) else ""
        # A first start must not force what Compose finds in order; a recreate must.
        groups.setdefault((act["stack"], act["action"], apart), []).append(act)
    by_stack: dict[str, list[list[plan.Action]]] = {}
    for (stack, _, _), group in groups.items():
        by_stack.setdefault(stack, []).append(group)
    with ThreadPoolExecutor(max(1, len(by_stack))) as pool:
        # One compose call per project at a time.
        futures = [
            pool.submit(lambda groups: [_up(config, actor, group) for group in groups], groups)
            for groups in by_stack.values()
        ]
        failed |= at_once(lambda act: _start(docker, actor, act), starts)
        for future in futures:
            for causes in future.result():
                failed |= causes
    return failed


def at_once(
    function: Callable[[plan.Action], dict[str, str]], actions: Sequence[plan.Action]
) -> dict[str, str]:
    """Call `function` for all actions in parallel; return the causes of failure, merged."""
    if not actions:
        return {}
    with ThreadPoolExecutor(min(WORKERS, len(actions))) as pool:
        return {k: v for causes in pool.map(function, actions) for k, v in causes.items()}


def record(
    actor: str,
    service: str,
    outcome: str,
    *,
    started: float | None = None,
    cause: str = "",
    details: Any = None,
) -> None:
    """Append to the ledger; `started` is the time.monotonic() at which the act began."""
    duration = time.monotonic() - started if started is not None else 0.0
    ledger.append(actor, service, outcome, duration_seconds=duration, cause=cause, details=details)


def grace(config: dict[str, Any], service: str) -> int:
    """Return how many seconds a service gets to stop."""
    entry = config["services"].get(service, {})
    return int(entry.get("stop_grace_seconds", DEFAULT_GRACE_SECONDS))


def unfinished_deploy(config: dict[str, Any], stack: str, services: Sequence[str]) -> str:
    """Return why Compose would not make these services as configured, "" when it would.

    Between the writing of mediastack.toml and of the compose files, a container made would not be
    the one that is wanted, and would be made again and again.
    """
    path = f"{config['paths']['program']}/stacks/{stack}/compose.yaml"
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except OSError as error:
        return f"{path}: {error.strerror}; run the deploy"
    for service in services:
        if config["services"][service]["config_hash"] not in text:
            return f"{path} and mediastack.toml disagree about {service}; run the deploy to its end"
    return ""


def _up(config: dict[str, Any], actor: str, group: list[plan.Action]) -> dict[str, str]:
    stack, action = group[0]["stack"], group[0]["action"]
    services = [act["service"] for act in group]
    started = time.monotonic()
    cause = unfinished_deploy(config, stack, services)
    if not cause:
        try:
            with journal.acting(actor, action, services):
                compose.up(config, stack, services, recreate=action == "recreate")
        except compose.ComposeError as error:
            cause = str(error)
    return {k: v for act in group for k, v in _report(actor, act, started, cause).items()}


def _start(docker: Engine, actor: str, act: plan.Action) -> dict[str, str]:
    started = time.monotonic()
    try:
        docker.start(act["service"])
    except (DockerError, NotReachable) as error:
        return _report(actor, act, started, str(error))
    return _report(actor, act, started, "")


def _remove(config: dict[str, Any], docker: Engine, actor: str, act: plan.Action) -> dict[str, str]:
    started = time.monotonic()
    # What is left over under another name explains no stop of the service, and what does explain
    # one (a hold by the monitor) must not be crossed out with it.
    own = [act["service"]] if act["container"] == act["service"] else []
    try:
        with journal.acting(actor, "remove", own):
            docker.remove(act["container"], grace(config, act["service"]))
    except (DockerError, NotReachable) as error:
        return _report(actor, act, started, str(error))
    return _report(actor, act, started, "")


def _rename(docker: Engine, actor: str, act: plan.Action) -> dict[str, str]:
    started = time.monotonic()
    try:
        docker.rename(act["container"], act["service"])
    except (DockerError, NotReachable) as error:
        return _report(actor, act, started, str(error))
    return _report(actor, act, started, "")


def _report(actor: str, act: plan.Action, started: float, cause: str) -> dict[str, str]:
    service = act["service"]
    details = {"action": act["action"], "reason": act["reason"], "stack": act["stack"]}
    outcome = f"{act['action']} failed" if cause else DONE[act["action"]]
    record(actor, service, outcome, started=started, cause=cause or act["reason"], details=details)
    if act["reason"] == leftovers.LEFTOVER and not cause:
        title = f"{service} was put right"
        text = f"A container {leftovers.LEFTOVER} was {outcome}. Nothing is to be done."
        notify.send(service, title, text, priority=2, tags=("broom",), key=title)
    return {service: cause} if cause else {}
