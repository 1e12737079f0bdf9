"""What the monitor remembers (monitor.json), and the words in which its parts talk.

All moments in it are steady seconds (monitor.steady): no clock that is set moves them. What was
decided is in it before it is done, so that a monitor that is killed anywhere goes on from there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypedDict

SCHEMA = 1
State = dict[str, Any]
Look = Mapping[str, Any]
Message = dict[str, Any]


class Act(TypedDict):
    """One request to the healer: `verb` is hold, revive or restart."""

    verb: str
    services: list[str]


class Result(TypedDict):
    """What became of an act. `failed`: {service: cause}; `busy`: who holds the lock; `unknown`:
    why nobody knows. With one of the last two nothing was done."""

    verb: str
    services: list[str]
    failed: dict[str, str]
    busy: str
    unknown: str


class Requests(TypedDict):
    """What the user asked for since the last pass."""

    resume: bool


class Decision(TypedDict):
    """`acts`: at most one. `soon`: look again within two seconds. `firewall`: ask for it then."""

    acts: list[Act]
    soon: bool
    firewall: bool


def initial_state() -> State:
    """Return what monitor.json holds before anything ever happened."""
    return {
        "schema": SCHEMA,
        "steady": None,  # of monitor.steady
        "number": 0,  # of the last message
        "outbox": [],  # messages that are not known to be told
        "cascades": [],  # counted ones, {"at", "ended", "cause"}
        "episode": None,  # the group is being brought into Gluetun's present namespace
        "settled": None,  # the incarnation of Gluetun in which the group was whole
        "booted": "",  # the boot whose own episode has begun
        "pause": None,  # {"since", "until", "reason"}
        "resumed_at": None,  # from here on cascades count
        "services": {},  # {name: {"attempts", "last", "next", "unhealthy_since", "restarts"}}
        "holds": {},  # {name: {"attempts", "next"}}, stops that did not stop
        "alarms": {},  # {key: {"kind", "service", "since", "told_at", "gone_since"}}
        "acting": None,  # the act under way
    }


def complete(state: Mapping[str, Any]) -> State:
    """Return a copy with everything in it; a state of another release's schema starts anew."""
    if state.get("schema", SCHEMA) != SCHEMA:
        return initial_state()
    return {**initial_state(), **copy.deepcopy(dict(state))}


def loaded(saved: Mapping[str, Any]) -> State:
    """Return the state to begin with: what was under way when it was saved is not ours to await."""
    return {**complete(saved), "acting": None}


def say(state: State, kind: str, **fields: Any) -> None:
    """Put a message into the outbox; `fields` as words.render takes them."""
    state["number"] += 1
    state["outbox"].append({"number": state["number"], "kind": kind, **fields})
