"""`update-worker`: one pass over all services; systemd starts it every ten minutes, and on a hint.

Level-triggered: what is under way is brought to its end first, whatever else is set. Then, while
updates are enabled, not paused and the window is open, each service is asked for: by hints, by what
What's Up Docker knows (its webhook may have been lost), and once a day for its own tag built anew.
One update at a time; each is a transaction of its own. Killed anywhere, the next pass goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from mediastack import clock, healing, image_lock, lock, observe, plan, stacks
from mediastack import config as configuration
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.docker_images import DockerImages
from mediastack.updater import (
    candidates,
    hints,
    inflight,
    pauses,
    preconditions,
    prune,
    run,
    run_lock,
    settings,
    tell,
    transaction,
    wud,
)
from mediastack.updater.candidates import Candidate
from mediastack.updater.host import Host
from mediastack.updater.house import Trouble
from mediastack.updater.policy import PINNED

ACTOR = "updater"
UNIT = "mediastack-update.service"
# Own tags asked for in one pass: a registry counts questions, and there is another pass soon.
MOST_ASKED = 6
# So often hints that came during a pass are followed before it ends.
MOST_ROUNDS = 3
Said = Callable[[transaction.Transaction], None]
# The configuration as it is now: a pass takes long enough for a deploy to come in between.
Load = Callable[[], dict[str, Any]]


def main(arguments: list[str]) -> int:
    """Bring what is under way to its end; look for updates and do them. Raise ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack update-worker", description=main.__doc__)
    parser.parse_args(arguments)
    with run_lock.hold() as free:
        if not free:
            print("mediastack update-worker: another one is at work", file=sys.stderr)
            return 0
        return once(configuration.current, DockerImages())


def once(load: Load, docker: ImageEngine) -> int:
    """One pass; return an exit code."""
    try:
        resume(load, docker)
        prune.run(load(), docker)
        why = closed(load())
        if why:
            print(f"mediastack update-worker: nothing new is begun: {why}", file=sys.stderr)
            return 0
        heard = hints.read()
        for question in questions(load(), heard):
            look(load, docker, question)
        # A hint that came meanwhile starts nobody, for we are at work.
        for _ in range(MOST_ROUNDS):
            fresh = {name: hint for name, hint in hints.read().items() if heard.get(name) != hint}
            heard |= fresh
            for question in questions(load(), fresh) if fresh else ():
                if question.hint is not None:
                    look(load, docker, question)
    except (NotReachable, DockerError, lock.Busy) as error:
        # Not a failure of ours: the next pass is soon.
        print(f"mediastack update-worker: {error}", file=sys.stderr)
    return 0


def closed(config: dict[str, Any], now: datetime | None = None) -> str:
    """Return why no update begins by itself now, "" when one may."""
    known = settings.of(config)
    if not known.enabled:
        return "updates.enabled is false"
    if pauses.read():
        return "updates are paused"
    if not settings.is_open(known.window, now or datetime.now()):
        return f"outside of the window {known.window}"
    return ""


class Question(NamedTuple):
    """A service to be looked at: tags that somebody named, the hint about it if there was one, and
    whether its own tag is to be asked for."""

    service: str
    tags: set[str]
    hint: hints.Hint | None
    same_tag: bool


def questions(config: dict[str, Any], hinted: dict[str, hints.Hint]) -> Iterator[Question]:
    """Yield what is to be looked at; Gluetun last, since its update disturbs the others."""
    known = wud.tags(settings.of(config).wud, set(config["services"])) or {}
    owner, asked = plan.owner_name(config), 0
    for service in sorted(config["services"], key=lambda name: name == owner):
        if config["services"][service].get("updates") == PINNED:
            continue
        hint = hinted.get(service)
        named = {str(hint.get("tag", ""))} if hint else set()
        tags = known.get(service, set()) | named
        due = hint is None and asked < MOST_ASKED and candidates.is_due(service)
        asked += due
        if tags or hint or due:
            usable = {tag for tag in tags if wud.TAG.fullmatch(tag)}
            yield Question(service, usable, hint, bool(hint or due))


def look(load: Load, docker: ImageEngine, question: Question) -> None:
    """Find out what there is for one service, and do it or tell of it. Raise NotReachable."""
    config, service, hint = load(), question.service, question.hint
    if service not in config["services"]:
        return
    tags = candidates.widened(config, service, question.tags, ask=False)
    found = candidates.find(config, docker, service, tags, same_tag=question.same_tag)
    # A registry that is not well denies what it has: what a hint named is asked for again.
    wait = [one for one in found if one.verdict.action == "wait" or (hint and not one.new.digest)]
    for one in wait:
        print(f"mediastack update-worker: {service}: {one.verdict.why}", file=sys.stderr)
    best, in_vain = found[0] if found else None, False
    if best is not None and best.verdict.action == "update":
        why = preconditions.refusal(config, docker, service, by_hand=False)
        if why:
            print(f"mediastack update-worker: {service}: not now: {why}", file=sys.stderr)
            return
        ended = carry(load, docker, begin(config, docker, best, "worker"))
        in_vain = ended["step"] == "failed" and not ended["refuse"]
    for one in found:
        if one.verdict.action == "tell":
            tell.found(service, one.running.image, one.new.image, one.new.digest, one.verdict.why)
    if question.same_tag and not any(one.verdict.action == "wait" for one in found):
        candidates.asked(service)
    if hint is not None and not wait and not in_vain:
        hints.take(service, hint)


def begin(
    config: dict[str, Any], docker: ImageEngine, found: Candidate, asked_by: str
) -> transaction.Transaction:
    """Return the transaction that moves a service to what was found. Raise NotReachable."""
    is_owner = found.service == plan.owner_name(config)
    return transaction.begin(
        found.service,
        found.running._asdict(),
        found.new._asdict(),
        identity=f"{preconditions.today()}-{secrets.token_hex(2)}",
        at=clock.timestamp(),
        asked_by=asked_by,
        ran=preconditions.running(config, docker) if is_owner else [],
    )


def carry(
    load: Load,
    docker: ImageEngine,
    tx: transaction.Transaction,
    said: Said = lambda _: None,
) -> transaction.Transaction:
    """Bring a transaction to its end and return it; `said` hears of each step."""

    def write(now: transaction.Transaction) -> None:
        inflight.write(now)
        said(now)

    inflight.write(tx)
    ended = run.drive(
        tx,
        Host(load, docker),
        write=write,
        lock=lambda: stack_lock(load()),
        steady=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        sleep=time.sleep,
    )
    inflight.clear()
    with contextlib.suppress(NotReachable, DockerError, OSError):
        healing.wake(docker, observe.observe(load(), docker), ACTOR)
    return ended


def resume(
    load: Load, docker: ImageEngine, said: Said = lambda _: None
) -> transaction.Transaction | None:
    """Bring what a killed worker left to its end; return it, None when there was nothing."""
    tx = inflight.read()
    if tx is None:
        return None
    if tx["service"] not in load()["services"]:
        # A deploy has taken the service off this host meanwhile: nothing of it is left to run.
        image_lock.drop_trial(tx["service"])
        inflight.clear()
        return None
    return carry(load, docker, tx, said)


@contextlib.contextmanager
def stack_lock(config: dict[str, Any]) -> Iterator[None]:
    """Hold the stack lock. Raise Trouble when somebody else does for too long."""
    wait = float(config.get("limits", {}).get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(ACTOR, "updating a service", wait_seconds=wait))
        except lock.Busy as error:
            raise Trouble("passing", str(error)) from error
        yield


def start_unit() -> None:
    """Let systemd bring to its end what we leave behind; without it the timer does."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ("systemctl", "start", "--no-block", UNIT)
        subprocess.run(command, check=False, timeout=10, stdin=subprocess.DEVNULL)
