"""What the keeper does next: pure, so that every order of events can be tried.

Whatever plan says is ready gets done, each service on its own schedule: at once the first time,
then after 5 s, 10 s, 20 s … up to ten minutes while it does not hold. A service that ran quietly
for a minute has a clean slate. After several attempts the user hears of it, once, and once more
when it is over. Gluetun and what lives in its namespace are the monitor's (decision 018) and left
alone. "Unknown is not down": without an answer from Docker nothing is done, and nothing
while somebody else holds the lock.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from mediastack import plan

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
QUIET_SECONDS = 60.0
ATTEMPTS_BEFORE_NOTICE = 5

State = dict[str, Any]


class Observed(TypedDict):
    """`observation` is None when Docker did not answer; `busy` names who else holds the lock;
    `undecided` are services of which it is not known yet who stopped them; `causes` are the
    errors of the last attempt."""

    config: Mapping[str, Any]
    observation: dict[str, Any] | None
    busy: str
    undecided: list[str]
    causes: dict[str, str]


class Next(TypedDict):
    """`apply`: services to converge now. `messages`: {"service","title","message","priority"}.
    `soon`: look again in a second, because something is about to be possible."""

    apply: list[str]
    messages: list[dict[str, Any]]
    soon: bool


def initial_state() -> State:
    """Return what keeper.json holds before anything ever happened."""
    return {"services": {}}


def step(observed: Observed, state: State, now: float) -> tuple[Next, State]:
    """Return what to do and the state to save before doing it; `now` is seconds since epoch."""
    state = {**initial_state(), **copy.deepcopy(state)}
    todo: Next = {"apply": [], "messages": [], "soon": False}
    observation = observed["observation"]
    if observation is None or observed["busy"]:
        todo["soon"] = True
        return todo, state
    config = observed["config"]
    everything = plan.plan(config, observation)
    ready = _ours(config, plan.ready(config, observation, everything))
    actions = _ours(config, everything)
    services: dict[str, Any] = state["services"]
    # What an earlier release began with the monitor's services is not ours to end.
    for service in _monitored(config) & services.keys():
        del services[service]
    for service in dict.fromkeys(action["service"] for action in ready):
        if service in observed["undecided"]:
            continue
        if is_due(services.get(service), now):
            todo["apply"].append(service)
            services[service] = attempted(services.get(service), now)
    waiting = {action["service"] for action in actions} - {action["service"] for action in ready}
    undecided = set(observed["undecided"]) - _monitored(config)
    todo["soon"] = bool(waiting or undecided)
    planned = {action["service"] for action in actions}
    _tell(todo, services, observed["causes"])
    _forget_quiet(todo, services, planned, observation["intents"], now)
    return todo, state


def _monitored(config: Mapping[str, Any]) -> set[str]:
    return {plan.owner_name(config), *plan.dependents(config)}


def _ours(config: Mapping[str, Any], actions: Iterable[plan.Action]) -> list[plan.Action]:
    others = _monitored(config)
    return [action for action in actions if action["service"] not in others]


def is_due(record: Mapping[str, Any] | None, now: float) -> bool:
    """Say whether an attempt may be made; a clock that was set back does not stretch a pause."""
    if record is None:
        return True
    left = float(record["next"]) - now
    return left <= 0 or left > LONGEST_PAUSE_SECONDS


def attempted(record: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """Return the record after one more attempt at `now`."""
    attempts = (record["attempts"] if record else 0) + 1
    # The exponent is bounded for the sake of very long outages.
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_PAUSE_SECONDS)
    told = bool(record and record["told"])
    return {"attempts": attempts, "last": now, "next": now + pause, "told": told}


def take_back(state: State, services: list[str], now: float) -> State:
    """Return the state as if the last attempt at these services had not been made: it was not,
    because the lock was held or Docker away. The next may follow in a second."""
    state = copy.deepcopy(state)
    for service in services:
        record = state["services"].pop(service, None)
        if record is not None and record["attempts"] > 1:
            record |= {"attempts": record["attempts"] - 1, "next": now + 1.0}
            state["services"][service] = record
    return state


def pardon(state: State, services: Iterable[str]) -> State:
    """Return the state without the attempts at these services: somebody stopped them for good
    reason, so that their next start comes at once and not after the pause of one that fails."""
    forgiven = set(services)
    left = {name: record for name, record in state["services"].items() if name not in forgiven}
    return {**state, "services": left}


def _tell(todo: Next, services: dict[str, Any], causes: Mapping[str, str]) -> None:
    for service, record in services.items():
        if record["attempts"] >= ATTEMPTS_BEFORE_NOTICE and not record["told"]:
            record["told"] = True
            cause = causes.get(service, "it starts and does not stay up")
            todo["messages"].append(
                {
                    "service": service,
                    "title": f"{service} does not run",
                    "message": f"{record['attempts']} attempts to start it failed: {cause}. "
                    "Trying on, less and less often; see: stack-manage.sh doctor",
                    "priority": 4,
                }
            )


def _forget_quiet(
    todo: Next,
    services: dict[str, Any],
    planned: set[str],
    intents: Mapping[str, Any],
    now: float,
) -> None:
    for service, record in list(services.items()):
        quiet = now - record["last"] >= QUIET_SECONDS or now < record["last"]
        if service in planned or not quiet:
            continue
        del services[service]
        if record["told"] and service not in intents:
            todo["messages"].append(
                {
                    "service": service,
                    "title": f"{service} is all right again",
                    "message": f"It runs, after {record['attempts']} attempts.",
                    "priority": 3,
                }
            )
