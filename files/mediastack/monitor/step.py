"""What the monitor does next: pure, so that every order of events can be tried.

At each pass the whole group is compared with Gluetun's present namespace; nothing is believed from
the pass before but what was counted, told and promised. In this order, and one act at a time: what
runs in another namespace is stopped, always, also during a pause; Gluetun itself is brought back;
then the group into its namespace (episodes), as often as limits allows; then single services
(ills). "Unknown is not down": without an answer nothing is done, and nothing while somebody else
holds the lock. `now` is steady seconds (monitor.steady).
"""

from __future__ import annotations

from collections.abc import Sequence

from mediastack.monitor import alarms, backoff, episodes, group, ills, limits, namespaces
from mediastack.monitor.alarms import Condition
from mediastack.monitor.group import Group
from mediastack.monitor.state import (
    Act,
    Decision,
    Look,
    Requests,
    Result,
    State,
    complete,
    say,
)

HOLD_FIRST_SECONDS = 1.0
HOLD_LONGEST_SECONDS = 60.0
HOLDS_BEFORE_NOTICE = 3
DISK_SECONDS = 10.0


def step(
    look: Look | None,
    state: State,
    now: float,
    results: Sequence[Result] = (),
    requests: Requests | None = None,
) -> tuple[Decision, State]:
    """Return what to do, and the state to save before doing it. `look` is None when nobody
    knows; `results` are of acts that have ended since the last pass."""
    state = complete(state)
    for result in results:
        _take(state, result, now)
    if requests is not None and requests["resume"]:
        limits.resume(state, now)
    limits.end_when_over(state, now)
    if look is None:
        alarms.blind(state, now)
        return {"acts": [], "soon": True, "firewall": _open_question(state)}, state
    alarms.seeing(state, now)
    seen = group.of(look)
    act = None
    if not look["busy"] and state["acting"] is None:
        act = _decide(state, look, seen, now)
    ills.forget_what_holds(state, seen, now)
    _forget_holds(state, seen)
    alarms.follow(
        state, _conditions(state, look, seen, now), now, look["settings"]["reminder_seconds"]
    )
    if act is not None:
        state["acting"] = {**act, "since": now, "attempt": _whose(state, act, seen)}
    decision: Decision = {
        "acts": [act] if act else [],
        "soon": _is_off(state, look, seen),
        "firewall": _open_question(state) or bool(seen.away or look["actions"]),
    }
    return decision, state


def _decide(state: State, look: Look, seen: Group, now: float) -> Act | None:
    wanted = episodes.follow(state, look, seen, now)
    if (act := _hold(state, seen, now)) is not None:
        if wanted is not None:
            episodes.take_back(state, now)
        return act
    return (
        ills.owner(state, seen, look, now)
        or wanted
        or ills.dependents(state, seen, now)
        or ills.unhealthy(state, seen, look, now)
        or ills.sick_owner(state, seen, look, now)
    )


def _hold(state: State, seen: Group, now: float) -> Act | None:
    """Stop what runs in a namespace that is not Gluetun's present one."""
    due = []
    for name in seen.stranded:
        record = state["holds"].setdefault(name, {"attempts": 0, "next": now})
        if now < record["next"]:
            continue
        record["attempts"] += 1
        record["next"] = now + backoff.pause(
            record["attempts"], HOLD_FIRST_SECONDS, HOLD_LONGEST_SECONDS, f"{name} {now}"
        )
        due.append(name)
    if not due:
        return None
    say(state, "held", services=due)
    return {"verb": "hold", "services": due}


def _whose(state: State, act: Act, seen: Group) -> str:
    """Whose attempt it is, should it turn out not to have been made."""
    if act["verb"] != "revive":
        return act["verb"]
    ours = state["episode"] is not None and seen.owner_name not in act["services"]
    return "episode" if ours else "ill"


def _forget_holds(state: State, seen: Group) -> None:
    state["holds"] = {
        name: record for name, record in state["holds"].items() if name in seen.stranded
    }


def _take(state: State, result: Result, now: float) -> None:
    """An act has ended. One that was not made at all was no attempt."""
    acting, state["acting"] = state["acting"], None
    if acting is None or not (result["busy"] or result["unknown"]):
        return
    if acting["attempt"] == "hold":
        for name in result["services"]:
            state["holds"].pop(name, None)
    elif acting["attempt"] == "restart":
        ills.take_back_restart(state, result["services"])
    elif acting["attempt"] == "episode":
        episodes.take_back(state, now)
    else:
        ills.take_back(state, result["services"], now)


def _conditions(state: State, look: Look, seen: Group, now: float) -> list[Condition]:
    found = [
        *episodes.conditions(state, seen, look["settings"]),
        *ills.conditions(state, seen, look, now),
    ]
    for name, record in state["holds"].items():
        if record["attempts"] > HOLDS_BEFORE_NOTICE:
            found.append(Condition("not_stopped", name, fields={"count": record["attempts"]}))
    if look["firewall"] is False and seen.owner["health"] == "healthy":
        found.append(Condition("firewall_down"))
    free, least = look["disk_free"], look["settings"]["disk_free_least"]
    if free is not None and free < least:
        fields = {"percent": round(100 * least, 1)}
        found.append(Condition("disk_full", "", DISK_SECONDS, fields))
    return found


def _open_question(state: State) -> bool:
    """Whether the next look has to tell whether Gluetun's firewall stands."""
    return state["episode"] is not None


def _is_off(state: State, look: Look, seen: Group) -> bool:
    owner_is_wanted = seen.owner["wanted"]
    return bool(
        state["episode"]
        or state["acting"]
        or state["outbox"]
        or look["busy"]
        or look["actions"]
        or not look["data"]
        or seen.stranded
        or seen.unclear
        or group.sick(seen)
        or (owner_is_wanted and (seen.away or not namespaces.is_well(seen.owner)))
        or any(record["unhealthy_since"] is not None for record in state["services"].values())
    )
