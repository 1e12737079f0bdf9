"""The verbs behind stack-manage.sh and the deploy: apply, up, down, restart, pull.

What the user asks for is written down first (intent), then done: killed in between, the wish
stands. `down` removes containers, `up` forgets that they were stopped and converges. A service in
gluetun's namespace cannot outlive it: stopping gluetun takes its dependents off the host,
restarting it brings them back into the new namespace. Results go to stderr, one line each; exit 1
when something did not become what was asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from mediastack import acts, compose, healing, intent, journal, lock, observe, plan, stacks
from mediastack import config as configuration
from mediastack.docker_client import Docker, DockerError
from mediastack.restore import inflight as restoring
from mediastack.updater import inflight

USAGE = 2


def apply(arguments: list[str]) -> int:
    """Converge the stacks (default: all) and wait until everything is healthy."""
    parser = argparse.ArgumentParser(prog="mediastack apply", description=apply.__doc__)
    parser.add_argument("--actor", default="apply", help="who asks, for the ledger")
    no_wait = "do what can be done now; leave the rest to the keeper"
    parser.add_argument("--no-wait", action="store_true", help=no_wait)
    parser.add_argument(
        "--lock-wait",
        type=float,
        metavar="SECONDS",
        help="how long to wait for somebody else's work (default: limits.lock_wait_seconds)",
    )
    parser.add_argument("stacks", nargs="*", metavar="STACK")
    options = parser.parse_args(arguments)
    config = configuration.load()
    _require_known(parser, config, options.stacks, [])
    wait = not options.no_wait
    outcome = _converge(
        config,
        Docker(),
        options.actor,
        options.stacks or None,
        wait=wait,
        lock_wait_seconds=options.lock_wait,
    )
    return finish("apply", outcome, wait=wait)


def up(arguments: list[str]) -> int:
    """Start a stack, or only these services of it."""
    config, chosen, services = _parse("up", arguments, up.__doc__)
    wanted = services or _services(config, chosen)
    owner = plan.owner_name(config)
    joined = [name for name in wanted if config["services"][name]["zone"] == "vpn"]
    if joined and owner not in wanted and owner in intent.stopped():
        print(
            f"mediastack up: {' '.join(joined)}: in the network of {owner}, which is stopped; "
            f"start it first: stack-manage.sh {config['services'][owner]['stack']} up {owner}",
            file=sys.stderr,
        )
        return 1
    together = _together(config, wanted)
    # Explains a `docker stop` of a moment ago, which else would be taken for the latest wish.
    with journal.acting("cli", "up", wanted):
        intent.clear(wanted)
        outcome = _converge(config, Docker(), "cli", chosen, services=together)
    _say_who_is_held("up", wanted)
    return finish("up", outcome)


def down(arguments: list[str]) -> int:
    """Stop a stack, or only these services of it, and remember that it was wanted."""
    config, chosen, services = _parse("down", arguments, down.__doc__)
    docker = Docker()
    failed = False
    for stack in chosen:
        of_stack = config["stacks"][stack]["services"]
        named = [name for name in services if name in of_stack]
        with _locked(config, f"down {stack} {' '.join(named)}".strip()):
            # Inside the lock, so that the keeper does not take containers that still run for ones
            # that the user has started again.
            intent.stop(named or of_stack, _user())
            with healing.resting(docker, named or of_stack):
                failed = not _down(config, stack, named) or failed
    return 1 if failed else 0


def restart(arguments: list[str]) -> int:
    """Restart a stack, or only these services of it; gluetun takes its dependents along."""
    config, chosen, services = _parse("restart", arguments, restart.__doc__)
    docker = Docker()
    # Naming a service says that it shall run; a whole stack is restarted as far as it is wanted.
    intent.clear(services)
    stopped = intent.stopped()
    wanted = [name for name in services or _services(config, chosen) if name not in stopped]
    if why := stacks.refusal(config, docker, "cli", wanted):
        # Restarted all the same it would be an outage for nothing.
        print(f"mediastack restart: {plan.owner_name(config)}: {why}", file=sys.stderr)
        return 1
    _say_who_is_held("restart", wanted)
    with journal.acting("cli", "restart", services):
        causes = _restart_running(config, docker, wanted)
        together = _together(config, wanted)
        outcome = _converge(config, docker, "cli", chosen, services=together)
    for name, cause in causes.items():
        print(f"mediastack restart: {name}: {cause}", file=sys.stderr)
    return max(finish("restart", outcome), 1 if causes else 0)


def pull(arguments: list[str]) -> int:
    """Fetch the images that a stack should run; starts and stops nothing."""
    config, chosen, services = _parse("pull", arguments, pull.__doc__)
    failed = 0
    for stack in chosen:
        named = [name for name in services if name in config["stacks"][stack]["services"]]
        if services and not named:
            continue
        started, cause = time.monotonic(), ""
        with _locked(config, f"pull {stack}"):
            try:
                compose.pull(config, stack, named)
            except compose.ComposeError as error:
                cause = str(error)
                failed = 1
                print(f"mediastack pull: {stack}: {cause}", file=sys.stderr)
        acts.record(
            "cli", stack, "pull failed" if cause else "pulled", started=started, cause=cause
        )
    return failed


def _restart_running(config: dict[str, Any], docker: Docker, wanted: list[str]) -> dict[str, str]:
    owner, joined = plan.owner_name(config), plan.dependents(config)
    with _locked(config, f"restart {' '.join(wanted)}"):
        observation = observe.observe(config, docker)
        running = {
            container["name"]
            for container in observation["containers"]
            if container["status"] == "running"
            and container["name"] not in observation.get("held", {})
        }
        todo: list[plan.Action] = [
            {
                "action": "restart",
                "service": name,
                "stack": config["services"][name]["stack"],
                "reason": "asked for",
            }
            for name in wanted
            # Dependents of a gluetun that restarts are recreated when it is healthy again.
            if name in running and not (owner in wanted and name in joined)
        ]
        with healing.resting(docker, [act["service"] for act in todo]):
            return acts.at_once(lambda act: _restart(config, docker, act), todo)


def _down(config: dict[str, Any], stack: str, named: list[str]) -> bool:
    owner = plan.owner_name(config)
    gone = list(named)
    if owner in named:
        # They are not what the user stopped, so they come back with gluetun.
        gone += [name for name in plan.dependents(config) if name not in named]
    started = time.monotonic()
    try:
        with journal.acting("cli", "down", [name for name in gone if name not in named]):
            compose.down(config, stack, gone)
        cause = ""
    except compose.ComposeError as error:
        cause = str(error)
        print(f"mediastack down: {stack}: {cause}", file=sys.stderr)
    for name in named or [stack]:
        outcome = "down failed" if cause else "stopped"
        acts.record("cli", name, outcome, started=started, cause=cause or "asked for")
    return not cause


def _restart(config: dict[str, Any], docker: Docker, act: plan.Action) -> dict[str, str]:
    service = act["service"]
    started = time.monotonic()
    cause = ""
    try:
        with journal.acting("cli", "restart", [service]):
            docker.restart(service, acts.grace(config, service))
    except DockerError as error:
        cause = str(error)
    outcome = "restart failed" if cause else "restarted"
    acts.record("cli", service, outcome, started=started, cause=cause or "asked for")
    return {service: cause} if cause else {}


def _converge(
    config: dict[str, Any],
    docker: Docker,
    actor: str,
    chosen: list[str] | None,
    *,
    services: list[str] | None = None,
    wait: bool = True,
    lock_wait_seconds: float | None = None,
) -> stacks.Outcome | str:
    try:
        return stacks.apply(
            config,
            docker,
            actor,
            chosen,
            services=services,
            wait=wait,
            lock_wait_seconds=lock_wait_seconds,
        )
    except stacks.StackError as error:
        return str(error)


def finish(verb: str, outcome: stacks.Outcome | str, *, wait: bool = True) -> int:
    """Print what happened, return the exit code: without `wait`, what still waits is no failure."""
    if isinstance(outcome, str):
        print(f"mediastack {verb}: {outcome}", file=sys.stderr)
        return 1
    for act in outcome.done:
        print(f"mediastack {verb}: {act['service']}: {acts.DONE[act['action']]}", file=sys.stderr)
    for service, cause in outcome.failed.items():
        print(f"mediastack {verb}: {service}: FAILED: {cause}", file=sys.stderr)
    for act in outcome.waiting:
        print(f"mediastack {verb}: {act['service']}: waits to {act['action']}", file=sys.stderr)
    print_sick(verb, outcome.sick)
    return 1 if outcome.failed or outcome.sick or (wait and outcome.waiting) else 0


def _say_who_is_held(verb: str, wanted: list[str]) -> None:
    held = {**inflight.held(), **restoring.held()}
    for name in held.keys() & set(wanted):
        print(f"mediastack {verb}: {name}: {held[name]}; it comes back then", file=sys.stderr)


def print_sick(verb: str, sick: list[dict[str, str]]) -> None:
    """Name what is not well, with the last words of its health check."""
    for problem in sick:
        print(f"mediastack {verb}: {problem['path']}: {problem['problem']}", file=sys.stderr)
        for line in problem.get("log", "").splitlines():
            print(f"    {line}", file=sys.stderr)


def _parse(
    verb: str, arguments: list[str], description: str | None
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return (config, stacks, services named). Exit 2 on usage errors, as argparse does."""
    parser = argparse.ArgumentParser(prog=f"mediastack {verb}", description=description)
    parser.add_argument("stack", metavar="STACK|all")
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    options = parser.parse_args(arguments)
    config = configuration.load()
    chosen = list(config["stacks"]) if options.stack == "all" else [options.stack]
    _require_known(parser, config, chosen, options.services)
    return config, chosen, options.services


def _require_known(
    parser: argparse.ArgumentParser,
    config: dict[str, Any],
    chosen: list[str],
    services: list[str],
) -> None:
    for stack in chosen:
        if stack not in config["stacks"]:
            parser.error(f"unknown stack '{stack}'; stacks are: {' '.join(config['stacks'])}")
    for name in services:
        if name not in _services(config, chosen):
            parser.error(f"no service '{name}' in {' '.join(chosen)}")


def _services(config: dict[str, Any], chosen: list[str]) -> list[str]:
    return [name for stack in chosen for name in config["stacks"][stack]["services"]]


def _together(config: dict[str, Any], wanted: list[str]) -> list[str]:
    """Add to gluetun its dependents, whose namespace it is, and to a dependent gluetun."""
    owner, joined = plan.owner_name(config), plan.dependents(config)
    extra = joined if owner in wanted else []
    if any(name in joined for name in wanted):
        extra = [owner, *extra]
    return list(dict.fromkeys([*wanted, *extra]))


def _locked(config: dict[str, Any], reason: str) -> Any:
    limits = config.get("limits", {})
    wait = float(limits.get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    return lock.hold("cli", reason, wait_seconds=wait)


def _user() -> str:
    return os.environ.get("SUDO_USER") or "root"
