"""What Autoheal's restarts mean for ledger and user: pure, so that every order can be tried.

Autoheal keeps no history and tells nobody, but it prints a line before each restart and one when
Docker refused it, and Docker keeps those lines with their times as long as the container lives. So
its log says who restarted what, and the container says what became of it: nothing depends on
having been there when it happened. Two restarts within an hour are told one by one, the third once
more as what it is, a service that does not recover, and then there is silence until it does.
Facts: willfarrell/docker-autoheal, docker-entrypoint; it has neither back-off nor a limit.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from mediastack import clock
from mediastack.user_stops import docker_seconds

WINDOW_SECONDS = 3600.0
RESTARTS_BEFORE_ALARM = 3
QUIET_SECONDS = 600.0
# Longer than its longest grace and the time-out of its request together.
PATIENCE_SECONDS = 60.0
# Docker stamps a line when it reads it; nothing gets unhealthy within half a second of its start.
STAMP_SLACK_SECONDS = 0.5
ASKED = re.compile(r"Container /?(\S+) \(([0-9a-f]{12})\) found to be unhealthy - Restarting")
REFUSED = re.compile(r"Restarting container ([0-9a-f]{12}) failed")
# What Compose calls a container while it replaces it.
REPLACED = re.compile(r"^[0-9a-f]{12}_")

State = dict[str, Any]


class Line(TypedDict):
    """One line of Autoheal's: at `at` (seconds since the epoch) it asked Docker for a restart of
    this container (its short id), or said that Docker had refused."""

    at: float
    container: str
    service: str
    refused: bool


class Seen(TypedDict):
    """A container as it is now; `started` in seconds since the epoch, 0.0 for never."""

    running: bool
    started: float
    health: str


class Observed(TypedDict):
    """`containers` by short id, `services` by name (None: there is none); `recorded` are the keys
    of restarts that the ledger has; `group` are the services that Autoheal must never touch."""

    lines: list[Line]
    containers: Mapping[str, Seen | None]
    services: Mapping[str, Seen | None]
    recorded: set[tuple[str, str]]
    group: set[str]


class Event(TypedDict):
    """What to tell (`message`: {"title","message","priority"}, None: nothing) and then to write
    into the ledger (`entry`: {"outcome","duration_seconds","cause","details"}, None: nothing)."""

    service: str
    message: dict[str, Any] | None
    entry: dict[str, Any] | None


def initial_state(now: float) -> State:
    """Return what autoheal.json holds at first: what was before `now` is not told any more."""
    return {"cursor": now, "pending": [], "services": {}}


def lines(log: str) -> list[Line]:
    """Given Autoheal's log with Docker's times, return what it says of restarts, oldest first."""
    found: list[Line] = []
    for text in log.splitlines():
        stamp, _, said = text.partition(" ")
        at = docker_seconds(stamp)
        if at is None:
            continue
        if asked := ASKED.search(said):
            service = REPLACED.sub("", asked[1])
            found.append(
                {"at": at, "container": asked[2], "service": service, "refused": False},
            )
        elif refused := REFUSED.search(said):
            found.append({"at": at, "container": refused[1], "service": "", "refused": True})
    # Its two streams may come out of order.
    return sorted(found, key=lambda line: line["at"])


def step(observed: Observed, state: State, now: float) -> tuple[list[Event], State]:
    """Return what to tell and record, and the state to save after that (seconds since the epoch).

    A kill in between repeats a message at worst: what the ledger has is not told again.
    """
    state = {**initial_state(now), **copy.deepcopy(state)}
    # A clock that was set back: what comes now must not wait for the old time to come again.
    state["cursor"] = min(state["cursor"], now)
    _take(state, (one for one in observed["lines"] if state["cursor"] < one["at"] <= now + 1))
    events: list[Event] = []
    pending = []
    for asked in state["pending"]:
        container = observed["containers"].get(asked["container"])
        if (outcome := _outcome(asked, container, now)) is None:
            pending.append(asked)
            continue
        count, told = _count(state["services"], asked)
        if key(asked) in observed["recorded"]:
            continue
        grouped = asked["service"] in observed["group"]
        events.append(
            {
                "service": asked["service"],
                "message": _message(asked, outcome, count, told=told, grouped=grouped),
                "entry": _entry(asked, outcome, container, count),
            }
        )
    state["pending"] = pending
    events += _recovered(state["services"], observed["services"], now)
    return events, state


def key(asked: Mapping[str, Any]) -> tuple[str, str]:
    """Return what identifies a restart, as the ledger's details keep it."""
    return clock.timestamp(asked["at"]), asked["container"]


def _take(state: State, new: Iterable[Line]) -> None:
    """Move the cursor over these lines; what they ask for is pending from now on."""
    for line in new:
        state["cursor"] = line["at"]
        if not line["refused"]:
            state["pending"].append(dict(line))
            continue
        for asked in state["pending"]:
            asked["refused"] |= asked["container"] == line["container"]


def _outcome(asked: Mapping[str, Any], container: Seen | None, now: float) -> str | None:
    """The ledger's word for what became of a restart, None while it is not known."""
    if container is None:
        return "restart overtaken"
    if container["started"] > asked["at"] - STAMP_SLACK_SECONDS:
        return "restarted"
    waited = now - asked["at"]
    return "restart failed" if asked["refused"] or waited > PATIENCE_SECONDS else None


def _count(services: dict[str, Any], asked: Mapping[str, Any]) -> tuple[int, bool]:
    """Note one more restart; return how many within the window, and whether it was an alarm
    before."""
    record = services.setdefault(asked["service"], {"restarts": [], "told": False})
    recent = [at for at in record["restarts"] if 0 < asked["at"] - at < WINDOW_SECONDS]
    record["restarts"] = [*recent, asked["at"]]
    told = bool(record["told"])
    record["told"] = told or len(record["restarts"]) >= RESTARTS_BEFORE_ALARM
    return len(record["restarts"]), told


def _entry(
    asked: Mapping[str, Any], outcome: str, container: Seen | None, count: int
) -> dict[str, Any]:
    taken = container["started"] - asked["at"] if outcome == "restarted" and container else 0.0
    at, short = key(asked)
    causes = {
        "restarted": "it was unhealthy",
        "restart failed": "it was unhealthy; Docker did not start it again",
        "restart overtaken": "it was unhealthy; the container was replaced meanwhile",
    }
    return {
        "outcome": outcome,
        "duration_seconds": max(taken, 0.0),
        "cause": causes[outcome],
        "details": {"at": at, "container": short, "restarts_within_an_hour": count},
    }


def _message(
    asked: Mapping[str, Any], outcome: str, count: int, *, told: bool, grouped: bool
) -> dict[str, Any] | None:
    service = asked["service"]
    if grouped:
        return {
            "title": f"Autoheal touched {service}",
            "message": f"{service} belongs to Gluetun's group, which Autoheal must never restart: "
            "its container carries a label that is not ours. Run the deploy; see: "
            "stack-manage.sh drift",
            "priority": 5,
        }
    if outcome == "restart overtaken" or told:
        return None
    if count >= RESTARTS_BEFORE_ALARM:
        return {
            "title": f"{service} keeps getting unhealthy",
            "message": f"Autoheal restarted it {count} times within an hour and goes on. Nothing "
            f"more is said until it stays healthy for {QUIET_SECONDS / 60:.0f} minutes; "
            "see: stack-manage.sh history, and the service's logs",
            "priority": 4,
        }
    if outcome == "restart failed":
        return {
            "title": f"{service} is unhealthy",
            "message": "Autoheal asked Docker to restart it, and it did not start again; "
            "see: stack-manage.sh doctor",
            "priority": 4,
        }
    return {
        "title": f"{service} was restarted",
        "message": "It was unhealthy; Autoheal restarted it.",
        "priority": 3,
    }


def _recovered(
    services: dict[str, Any], seen: Mapping[str, Seen | None], now: float
) -> list[Event]:
    """Forget who has recovered; tell of those who were an alarm."""
    events: list[Event] = []
    for service, record in list(services.items()):
        quiet = now - max(record["restarts"], default=0.0)
        now_seen = seen.get(service)
        healthy = bool(now_seen and now_seen["running"] and now_seen["health"] == "healthy")
        if record["told"] and healthy and not 0 <= quiet < QUIET_SECONDS:
            del services[service]
            message = {
                "title": f"{service} is all right again",
                "message": f"It has been healthy for {QUIET_SECONDS / 60:.0f} minutes.",
                "priority": 3,
            }
            events.append({"service": service, "message": message, "entry": None})
        elif not record["told"] and not 0 <= quiet < WINDOW_SECONDS:
            del services[service]
    return events
