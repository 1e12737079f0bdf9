"""The keeper: guards /data, and keeps running what should run. One loop, level-triggered.

It sleeps in poll() on /proc/self/mountinfo, so a umount wakes it at once; it looks at the sentinel
every five seconds and at everything every ten, or every second while something is about to become
possible: after its own start (a boot: nobody but it starts the dependents of gluetun), after Docker
came back, and while gluetun is not healthy yet. What to do is decided by mount_guard.step and
keeper_step.step. Converging may take minutes (a pull), so it happens in one worker thread while the
loop keeps guarding /data. SIGHUP makes it look at once. State is on disk before anything is done:
killed anywhere it goes on. The pauses between attempts are in /run, since a boot is no failure.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import select
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from mediastack import (
    atomic,
    autoheal,
    healing,
    journal,
    keeper_step,
    ledger,
    lock,
    mount_guard,
    notify,
    observe,
    sentinel,
    stacks,
    user_stops,
)
from mediastack import config as configuration
from mediastack.docker_client import LABEL, Docker, DockerError, NotReachable

ACTOR = "keeper"
GUARD_SECONDS = 5.0
GUARD_PAUSE_SECONDS = 0.2
PASS_SECONDS = 10.0
SOON_SECONDS = 1.0
ALERT_SECONDS = 120.0
LOCK_PATIENCE_SECONDS = 5.0
# Long enough for one who only asks who holds it, or for the guard's stops.
LOCK_MOMENT_SECONDS = 2.0
END_SECONDS = 60.0
MOUNTS = "/proc/self/mountinfo"


def main(arguments: list[str]) -> int:
    """Guard /data and keep the containers running until told to end (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="mediastack keeper", description=main.__doc__)
    parser.parse_args(arguments)
    reading, writing = _signals_as_bytes()
    docker = Docker()
    now = time.monotonic()
    alert_until = now + ALERT_SECONDS
    guard_at = pass_at = now
    guarded_at = 0.0
    job: Future[stacks.Outcome] | None = None
    asked: list[str] = []
    causes: dict[str, str] = {}
    with open(MOUNTS, "rb") as mounts, ThreadPoolExecutor(1) as worker:
        poller = select.poll()
        poller.register(mounts, select.POLLPRI | select.POLLERR)
        poller.register(reading, select.POLLIN)
        while True:
            pause = min(guard_at, pass_at if job is None else guard_at) - time.monotonic()
            # Rounded up: a poll that ends a hair too early would spin.
            woken = {fd for fd, _ in poller.poll(max(0, math.ceil(pause * 1000)))}
            if reading in woken:
                received = os.read(reading, 64)
                if signal.SIGTERM in received or signal.SIGINT in received:
                    return _end(job)
                pass_at = 0.0
            if mounts.fileno() in woken:
                # A starting container makes a dozen mounts; one look at the end of them is enough.
                guard_at = min(guard_at, max(time.monotonic(), guarded_at + GUARD_PAUSE_SECONDS))
            if job is not None and job.done():
                causes |= _result(job, asked)
                job = None
            if time.monotonic() < min(guard_at, pass_at if job is None else guard_at):
                continue
            if (config := _config()) is None:
                guard_at = pass_at = time.monotonic() + PASS_SECONDS
                continue
            if time.monotonic() >= guard_at:
                uneasy, changed = guard(config, docker)
                guarded_at = time.monotonic()
                guard_at = guarded_at + (SOON_SECONDS if uneasy else GUARD_SECONDS)
                pass_at = 0.0 if changed else pass_at
            if job is None and time.monotonic() >= pass_at:
                todo, known = look(config, docker, causes)
                if not known:
                    alert_until = time.monotonic() + ALERT_SECONDS
                soon = todo["soon"] or time.monotonic() < alert_until
                pass_at = time.monotonic() + (SOON_SECONDS if soon else PASS_SECONDS)
                if todo["apply"]:
                    asked = todo["apply"]
                    job = worker.submit(converge, config, docker, asked)
                    job.add_done_callback(lambda _: _wake(writing))


def guard(config: dict[str, Any], docker: Docker) -> tuple[bool, bool]:
    """One pass of the mount guard; return (look again soon, something changed)."""
    probe = sentinel.probe(config["paths"]["sentinel"])
    state = mount_guard.load()
    containers = None
    settled = probe["present"] and not state["lost"] and not state["stopped"]
    if not settled or _moved(probe):
        containers = _containers(config, docker, lost=not probe["present"])
    actions, after = mount_guard.step(probe, containers, state, time.time(), config=config)
    for action in actions:
        if action["do"] == "notify":
            _notify("data", action)
            ledger.append(ACTOR, "data", action["outcome"], cause=action["cause"])
    if after != state:
        mount_guard.save(after)
    stops = [action for action in actions if action["do"] == "stop"]
    if stops:
        _pardon([action["service"] for action in stops])
        stop_all(docker, stops)
    uneasy = bool(stops) or not probe["definite"]
    return uneasy, bool(actions) or after["lost"] != state["lost"]


def stop_all(docker: Docker, stops: list[dict[str, Any]]) -> None:
    """Stop these containers side by side; under the lock if it can be had soon, else without:
    an hour-long pull must not keep us from stopping what writes to the wrong disk."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(lock.Busy):
            wait = LOCK_PATIENCE_SECONDS
            held.enter_context(lock.hold(ACTOR, "stopping what uses /data", wait_seconds=wait))
        with contextlib.suppress(NotReachable, DockerError):
            services = [action["service"] for action in stops]
            held.enter_context(healing.resting(docker, services))
        with ThreadPoolExecutor(len(stops)) as pool:
            list(pool.map(lambda action: _stop(docker, action), stops))


def look(
    config: dict[str, Any], docker: Docker, causes: dict[str, str]
) -> tuple[keeper_step.Next, bool]:
    """One pass over the containers; return what to do and whether Docker answered."""
    observation: dict[str, Any] | None = None
    undecided: list[str] = []
    known = True
    autoheal.watch(config, docker, time.time())
    holder, began = lock.holder(), time.time()
    if holder is None:
        try:
            observation = observe.observe(config, docker)
            undecided = user_stops.note(docker, observation, began, ACTOR).undecided
            journal.forget_finished(user_stops.running(observation), begun_before=began)
            healing.wake(docker, observation, ACTOR)
        except (NotReachable, DockerError, OSError, ValueError) as error:
            print(f"mediastack keeper: {error}", file=sys.stderr)
            observation, known = None, False
    state = atomic.read_json(_state_path(), keeper_step.initial_state())
    todo, after = keeper_step.step(
        {
            "config": config,
            "observation": observation,
            "busy": "" if holder is None else str(holder.get("actor", "somebody")),
            "undecided": undecided,
            "causes": causes,
        },
        state,
        time.time(),
    )
    for message in todo["messages"]:
        _notify(message["service"], message)
        ledger.append(ACTOR, message["service"], "alert", cause=message["message"])
    if after != state:
        atomic.write_json(_state_path(), after)
    return todo, known


def converge(config: dict[str, Any], docker: Docker, services: list[str]) -> stacks.Outcome:
    """Do what is ready for these services now. Raise as stacks.apply does."""
    return stacks.apply(config, docker, ACTOR, services=services, wait=False, lock_wait_seconds=0.0)


def _result(job: Future[stacks.Outcome], asked: list[str]) -> dict[str, str]:
    """Causes of failure by service; a pass that could not be made is no service's failure."""
    try:
        return job.result().failed
    except (lock.Busy, NotReachable, DockerError, stacks.StackError, OSError, ValueError) as error:
        print(f"mediastack keeper: {error}", file=sys.stderr)
        state = atomic.read_json(_state_path(), keeper_step.initial_state())
        atomic.write_json(_state_path(), keeper_step.take_back(state, asked, time.time()))
        return {}


def _containers(
    config: dict[str, Any], docker: Docker, *, lost: bool
) -> list[dict[str, Any]] | None:
    """What there is to be stopped, None when Docker does not tell. A start that hangs on a dead
    /data makes Docker's inspect hang too; its list is enough to stop the others."""
    with contextlib.suppress(NotReachable, DockerError):
        found: list[dict[str, Any]] = observe.observe(config, docker)["containers"]
        return found
    with contextlib.suppress(NotReachable, DockerError):
        if lost:
            return [
                {
                    "name": one["Names"][0].lstrip("/"),
                    "id": one["Id"],
                    "service": one["Labels"].get(LABEL, ""),
                    "status": one["State"],
                }
                for one in docker.running()
            ]
    return None


def _pardon(services: list[str]) -> None:
    """A disk that comes and goes must not count as failed starts of what uses it."""
    state = atomic.read_json(_state_path(), keeper_step.initial_state())
    if state["services"].keys() & set(services):
        atomic.write_json(_state_path(), keeper_step.pardon(state, services))


def _stop(docker: Docker, action: dict[str, Any]) -> None:
    started = time.monotonic()
    outcome = "stopped"
    cause = action["cause"]
    try:
        docker.stop(action["container"], action["grace_seconds"])
    except (NotReachable, DockerError) as error:
        outcome, cause = "stop failed", f"{cause}; {error}"
    duration = time.monotonic() - started
    ledger.append(ACTOR, action["service"], outcome, duration_seconds=duration, cause=cause)


_identity: list[tuple[int, int] | None] = [None]


def _moved(probe: sentinel.Probe) -> bool:
    """Whether the sentinel is another file than last time (or this is the first time)."""
    moved = _identity[0] != probe["identity"]
    _identity[0] = probe["identity"]
    return moved


def _notify(subject: str, message: dict[str, Any]) -> None:
    notify.send(
        subject,
        message["title"],
        message["message"],
        priority=message["priority"],
        key=message["title"],
    )


def _config() -> dict[str, Any] | None:
    """Read afresh for each pass: a deploy may have changed it, and that takes milliseconds."""
    try:
        return configuration.load()
    except configuration.ConfigError as error:
        print(f"mediastack keeper: {error}", file=sys.stderr)
        return None


def _signals_as_bytes() -> tuple[int, int]:
    """Return a pipe (reading, writing) that gets a byte per SIGHUP, SIGTERM or SIGINT received."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading, writing


def _wake(writing: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.write(writing, b"\0")


def _end(job: Future[stacks.Outcome] | None) -> int:
    """Let a compose call under way end, within reason; the rest is found at the next start."""
    if job is not None:
        wait([job], timeout=END_SECONDS)
    sys.stderr.flush()
    # Not a return: interpreter shutdown would wait for a worker that may be pulling for an hour.
    os._exit(0)


def _state_path() -> str:
    return os.path.join(configuration.paths()["runtime"], "keeper.json")
