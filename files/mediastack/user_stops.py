"""Did the user stop this container with a bare `docker stop`? Then it stays stopped.

Docker does not keep why a container ended, but it remembers its last 256 events: a `stop` for the
container after its last `start` means that somebody asked for it; a crash, a kill or a boot leaves
none. It was the user, unless the journal or the mount guard says that it was one of us, or dockerd
had only just started (without live-restore it then stops what survived its predecessor, and says
so with the same event), or somebody wanted it to run again: Autoheal's restart that cannot start
the container leaves the events of a stop, too, but then Docker keeps why the start failed, which
it does not after a stop. What an update has stopped to go back (held) is nobody's wish.
The wish is recorded as an intent. Likewise a service that counts as
stopped and was started since with a bare `docker start` is wanted again.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from mediastack import clock, intent, journal, ledger, mount_guard
from mediastack.docker_engine import Engine

LOOK_BACK_SECONDS = 10.0
# Docker says "exited" some milliseconds before it tells of the stop.
UNDECIDED_SECONDS = 1.0
# So long a look may take: what ended while it was made had only just ended when it was seen.
LOOK_SECONDS = 30.0
DOCKERD_SETTLES_SECONDS = 20.0
BY = "docker stop"


class Wishes(NamedTuple):
    """Services that the user stopped, started, and those of which it cannot be said yet."""

    stopped: list[str]
    started: list[str]
    undecided: list[str]


def note(docker: Engine, observation: dict[str, Any], now: float, actor: str) -> Wishes:
    """Find the user's wishes and make them intents, on disk and in `observation`.

    `now` (seconds since the epoch) is when the observation was begun: on a busy machine a container
    that Compose makes anew may be seen ended, and run again before that is judged. For the same
    reason a stop is dated by the end of what was stopped: whatever was started later is wanted.

    Raise docker_client.NotReachable.
    """
    wishes = _find_now(docker, observation, now)
    ends = {one["name"]: one["finished_at"] for one in observation["containers"]}
    for service in wishes.stopped:
        # Keeper, healer and deploy all look for them: told by the one that was first.
        if intent.stop([service], BY, verb="stop", at=docker_seconds(ends[service])):
            ledger.append(actor, service, "stopped by the user", cause="bare docker stop")
    for service in intent.clear(wishes.started) if wishes.started else ():
        ledger.append(actor, service, "started by the user", cause="bare docker start")
    if wishes.stopped or wishes.started:
        observation["intents"] = intent.stopped()
    return wishes


def settle(
    docker: Engine,
    observation: dict[str, Any],
    actor: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Like note, now, for one who cannot look again later: wait until it can be said.

    Raise docker_client.NotReachable.
    """
    if note(docker, observation, now(), actor).undecided:
        sleep(UNDECIDED_SECONDS)
        note(docker, observation, now(), actor)


def foresee(
    docker: Engine,
    observation: dict[str, Any],
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Put into `observation` the intents that settle would find; write nothing.

    What is predicted from it is then what will happen. Raise docker_client.NotReachable.
    """
    wishes = _find_now(docker, observation, now())
    if wishes.undecided:
        sleep(UNDECIDED_SECONDS)
        wishes = _find_now(docker, observation, now())
    at = clock.timestamp()
    found = {service: {"by": BY, "at": at, "verb": "stop"} for service in wishes.stopped}
    kept = {k: v for k, v in observation["intents"].items() if k not in wishes.started}
    observation["intents"] = {**kept, **found}


def _find_now(docker: Engine, observation: Mapping[str, Any], now: float) -> Wishes:
    ours = {*journal.entries(), *mount_guard.load()["stopped"]}
    ended = any(container["status"] == "exited" for container in observation["containers"])
    return find(docker, observation, ours, now, dockerd_started() if ended else 0.0)


def find(
    docker: Engine, observation: Mapping[str, Any], ours: set[str], now: float, dockerd: float
) -> Wishes:
    """Like note, but change nothing. `ours` are services that one of us stopped, `dockerd` is when
    it started (seconds since the epoch)."""
    wishes = Wishes([], [], [])
    for container in observation["containers"]:
        service = container["service"]
        intended = observation["intents"].get(service)
        if container["name"] != service or service in observation.get("held", {}):
            continue
        if intended is not None:
            if container["status"] == "running" and _later(container["started_at"], intended):
                wishes.started.append(service)
            continue
        if container["status"] != "exited" or container.get("error") or service in ours:
            continue
        finished = docker_seconds(container["finished_at"])
        if finished is None:
            continue
        if -LOOK_SECONDS <= now - finished < UNDECIDED_SECONDS:
            wishes.undecided.append(service)
            continue
        since = max(finished - LOOK_BACK_SECONDS, dockerd + DOCKERD_SETTLES_SECONDS)
        only = {"type": "container", "container": [container["id"]]}
        if since < now and asked_to_stop(docker.events(since, now, only)):
            wishes.stopped.append(service)
    return wishes


def running(observation: Mapping[str, Any]) -> dict[str, float | None]:
    """Return {container: when it was started} of those that run, as journal.forget_finished takes
    it."""
    return {
        one["name"]: docker_seconds(str(one.get("started_at", "")))
        for one in observation["containers"]
        if one["status"] == "running"
    }


def asked_to_stop(events: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether the last of start and stop among one container's events is a stop."""
    last = ""
    for event in events:
        if event.get("Action") in ("start", "stop"):
            last = str(event["Action"])
    return last == "stop"


def docker_seconds(text: str) -> float | None:
    """Return Docker's "2026-11-23T22:15:49.123456789Z" as seconds, None for "never" (year 1)."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None or text.startswith("0001-"):
        return None
    whole, fraction, zone = match.groups()
    moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    return moment.astimezone(timezone.utc).timestamp() + float(fraction or 0)


def dockerd_started(proc: str = "/proc") -> float:
    """Return when the youngest dockerd process began (seconds since the epoch), 0.0 if none is
    seen. From the process, since a pid file may be anywhere (facts: proc(5), stat field 22)."""
    ticks = os.sysconf("SC_CLK_TCK")
    youngest = 0.0
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            with open(f"{proc}/{pid}/stat", "rb") as stream:
                name, _, fields = stream.read().partition(b"(")[2].rpartition(b")")
        except OSError:
            continue
        if name == b"dockerd":
            youngest = max(youngest, _boot(proc) + int(fields.split()[19]) / ticks)
    return youngest


def _boot(proc: str) -> float:
    with open(f"{proc}/stat", encoding="ascii") as stream:
        return next((float(line.split()[1]) for line in stream if line.startswith("btime ")), 0.0)


def _later(started_at: str, intended: Mapping[str, Any]) -> bool:
    started = docker_seconds(started_at)
    try:
        return started is not None and started > clock.seconds(intended["at"])
    except (KeyError, ValueError):
        return False
