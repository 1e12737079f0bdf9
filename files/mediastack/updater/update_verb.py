"""`update [SERVICE] [--dry-run] [--major]`: the worker's pass by the user's hand.

It does not wait for the window and takes no heed of a pause, for it is asked for; policy and
preconditions hold all the same. With a name, "notify" is no obstacle, and --major allows a new
major version. What it leaves behind when it is killed, the worker brings to its end.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any

from mediastack import config as configuration
from mediastack.docker_engine import ImageEngine
from mediastack.docker_images import DockerImages
from mediastack.updater import (
    candidates,
    inflight,
    policy,
    preconditions,
    run_lock,
    settings,
    tell,
    worker,
    wud,
)
from mediastack.updater.transaction import Transaction

USAGE = 2
WAIT_SECONDS = 10.0
NAME = "mediastack update"


def main(arguments: list[str]) -> int:
    """Update one service, or all that policy allows. Raise ConfigError, NotReachable."""
    parser = argparse.ArgumentParser(prog=NAME, description=main.__doc__)
    parser.add_argument("service", nargs="?", metavar="SERVICE")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--major", action="store_true", help="a new major version as well")
    options = parser.parse_args(arguments)
    config = configuration.load()
    if options.service and options.service not in config["services"]:
        parser.error(f"no service '{options.service}' (stack-manage.sh status lists them)")
    if options.major and not options.service:
        parser.error("--major needs the name of a service")
    chosen = [options.service] if options.service else sorted(config["services"])
    docker = DockerImages()
    if options.dry_run:
        return _foreseen(config, docker, chosen, bool(options.service), options.major)
    # A connection that breaks must not leave a service half-way.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with run_lock.hold(WAIT_SECONDS) as free:
        if not free:
            tx = inflight.read()
            what = f"{tx['service']} is being updated" if tx else "the updater is at work"
            return failed(f"{what}; try again when that is done (stack-manage.sh history)")
        try:
            worker.resume(configuration.current, docker, said)
            found = [
                _update(config, docker, name, bool(options.service), options.major)
                for name in chosen
            ]
        finally:
            if inflight.read() is not None:
                worker.start_unit()
    return max(found, default=0)


def _update(
    config: dict[str, Any], docker: ImageEngine, service: str, named: bool, major: bool
) -> int:
    best = _best(config, docker, service, named, major)
    if best is None or best.verdict.action == "ignore":
        print(f"{service}: {best.verdict.why if best else 'nothing new'}")
        return 0
    if best.verdict.action == "tell":
        print(
            f"{service}: {best.verdict.why}; to take it: stack-manage.sh update {service} --major"
        )
        return 0
    if best.verdict.action == "wait":
        return failed(f"{service}: {best.verdict.why}")
    if why := preconditions.refusal(config, docker, service, by_hand=True):
        print(f"{service}: {best.verdict.why}, but not now: {why}")
        return 1 if named else 0
    ended = worker.carry(
        configuration.current, docker, worker.begin(config, docker, best, "user"), said
    )
    return outcome(ended)


def _foreseen(
    config: dict[str, Any], docker: ImageEngine, chosen: list[str], named: bool, major: bool
) -> int:
    code = 0
    for service in chosen:
        best = _best(config, docker, service, named, major)
        if best is None:
            print(f"{service}: nothing new")
            continue
        text = {"update": "would be updated", "tell": "waits for you", "wait": "not known"}.get(
            best.verdict.action, "stays"
        )
        if best.verdict.action == "update" and (
            why := preconditions.refusal(config, docker, service, by_hand=True)
        ):
            text = f"would not be updated now ({why})"
        code = 1 if best.verdict.action == "wait" else code
        print(f"{service}: {text}: {best.verdict.why}")
    return code


def _best(
    config: dict[str, Any], docker: ImageEngine, service: str, named: bool, major: bool
) -> candidates.Candidate | None:
    """Ask What's Up Docker and the registry now."""
    entry = config["services"][service]
    if named and entry.get("updates") == policy.NOTIFY:
        entries = {**config["services"], service: {**entry, "updates": policy.AUTO}}
        config = {**config, "services": entries}
    base = settings.of(config).wud
    tags = (wud.tags(base, [service]) or {}).get(service, set())
    # By name the registry itself is asked: What's Up Docker looks once a day.
    tags = candidates.widened(config, service, tags, ask=named)
    found = candidates.find(config, docker, service, tags, same_tag=True, allow_major=major)
    return found[0] if found else None


def said(tx: Transaction) -> None:
    """Show a person where it is, once for each step."""
    mark = f"{tx['id']} {tx['step']}"
    if mark != _last[0]:
        _last[0] = mark
        print(f"{NAME}: {tx['service']}: {tx['step']}", file=sys.stderr)


_last = [""]


def outcome(tx: Transaction) -> int:
    """Say how it ended; return an exit code."""
    why = f": {tx['why']}" if tx["why"] else ""
    words = {"done": "updated", "failed": "not updated", "undone": "rolled back"}[tx["step"]]
    print(f"{tx['service']}: {words} ({tell.move(tx)}){why}")
    if tx.get("sick"):
        print(f"{tx['service']}: is not well: {tx['sick']}")
    return 0 if tx["step"] == "done" else 1


def failed(message: str) -> int:
    """Say it and return the exit code."""
    print(f"{NAME}: {message}", file=sys.stderr)
    return 1
