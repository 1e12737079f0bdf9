"""What ails single members of the group, whose owner's namespace is the right one.

The owner that is missing, ended or to be made anew is brought back; so is a dependent when the
group as a whole is settled; each on its own schedule: at once the first time, then after 5 s, 10 s,
20 s … up to ten minutes while it does not hold. A dependent that stays unhealthy while Gluetun is
healthy is restarted, a few times an hour (Autoheal does not serve this group, and Gluetun heals its
own tunnel). Who held for as long as its last pause has a clean slate.
"""

from __future__ import annotations

from typing import Any

from mediastack.monitor import backoff, limits, namespaces
from mediastack.monitor.alarms import Condition
from mediastack.monitor.group import Group
from mediastack.monitor.state import Act, Look, State

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
# One that ends every few minutes shall be found out as well.
QUIET_SECONDS = 300.0
# Docker itself starts Gluetun again when it ends; here it is about one that was gone.
OWNER_QUIET_SECONDS = 60.0
ATTEMPTS_BEFORE_NOTICE = 5


def owner(state: State, seen: Group, look: Look, now: float) -> Act | None:
    """Return what to ask for when the owner itself has to be brought back."""
    name = seen.owner_name
    if not seen.owner["wanted"] or name in look["undecided"] or name not in seen.planned:
        return None
    return _attempt(state, [name], now)


def dependents(state: State, seen: Group, now: float) -> Act | None:
    """Return what to ask for when dependents of a settled group are missing or to be made anew."""
    if not seen.ready or state["episode"] is not None or state["settled"] != seen.incarnation:
        return None
    planned = [name for name in seen.home if name in seen.planned]
    return _attempt(state, [*seen.away, *planned, *seen.leftovers], now)


def unhealthy(state: State, seen: Group, look: Look, now: float) -> Act | None:
    """Return whom to restart because it has been unhealthy for long, in the right namespace."""
    settings = look["settings"]
    due = []
    for name in seen.home:
        record = _record(state, name)
        if seen.services[name]["health"] != "unhealthy" or not namespaces.is_well(seen.owner):
            record["unhealthy_since"] = None
            continue
        if record["unhealthy_since"] is None:
            record["unhealthy_since"] = now
        record["restarts"] = _recent(record["restarts"], now)
        # Twice as patient after each restart that did not help.
        patience = settings["unhealthy_seconds"] * 2 ** len(record["restarts"])
        long = now - record["unhealthy_since"] >= patience
        if long and len(record["restarts"]) < settings["restarts_per_hour"]:
            due.append(name)
    if not due:
        return None
    for name in due:
        record = state["services"][name]
        record["restarts"].append(now)
        record["unhealthy_since"] = now
    return {"verb": "restart", "services": due}


def sick_owner(state: State, seen: Group, look: Look, now: float) -> Act | None:
    """Return a restart of the owner, if the user has set that, after its tunnel failed for long."""
    record = _record(state, seen.owner_name)
    paused = seen.owner["status"] == "paused"
    ill = seen.owner["status"] == "running" and seen.owner["health"] == "unhealthy"
    if not ill and not paused:
        record["unhealthy_since"] = None
        return None
    if record["unhealthy_since"] is None:
        record["unhealthy_since"] = now
    seconds = look["settings"]["restart_owner_seconds"]
    if paused or not seconds or state["pause"] is not None:
        return None
    if now - record["unhealthy_since"] < seconds:
        return None
    record["unhealthy_since"] = now
    return {"verb": "restart", "services": [seen.owner_name]}


def conditions(state: State, seen: Group, look: Look, now: float) -> list[Condition]:
    """Return what of it is worth telling."""
    settings = look["settings"]
    found = []
    for name, record in state["services"].items():
        if record["attempts"] >= ATTEMPTS_BEFORE_NOTICE:
            kind = "owner_down" if name == seen.owner_name else "service_down"
            found.append(Condition(kind, name, fields={"count": record["attempts"]}))
        spent = len(_recent(record["restarts"], now)) >= settings["restarts_per_hour"]
        if name in seen.home and spent and seen.services[name]["health"] == "unhealthy":
            after = settings["unhealthy_seconds"]
            fields = {"count": len(record["restarts"])}
            found.append(Condition("service_unhealthy", name, after, fields))
    record = state["services"].get(seen.owner_name)
    if record is not None and record["unhealthy_since"] is not None:
        found.append(Condition("owner_unhealthy", "", settings["owner_unhealthy_seconds"]))
    return found


def forget_what_holds(state: State, seen: Group, now: float) -> None:
    """Drop records of those that have been well for as long as their last pause."""
    well = {*seen.home}
    if seen.owner["status"] in namespaces.RUNS:
        well.add(seen.owner_name)
    for name, record in list(state["services"].items()):
        record["restarts"] = _recent(record["restarts"], now)
        if name not in seen.services:
            del state["services"][name]
            continue
        if not seen.services[name]["wanted"]:
            # Stopped for a reason, as by a /data that comes and goes: no failed start of its own.
            record["attempts"] = 0
        elif name not in well:
            record["well_since"] = None
            continue
        if record["well_since"] is None:
            record["well_since"] = now
        pause = record["next"] - record["last"] if record["attempts"] else 0.0
        quiet = OWNER_QUIET_SECONDS if name == seen.owner_name else QUIET_SECONDS
        if now - record["well_since"] >= max(quiet, pause):
            record["attempts"] = 0
        if not record["attempts"] and not record["restarts"] and record["unhealthy_since"] is None:
            del state["services"][name]


def take_back(state: State, names: list[str], now: float) -> None:
    """The last attempt at these was not made: the lock was held, or nobody answered."""
    for name in names:
        record = state["services"].get(name)
        if record is not None and record["attempts"]:
            record["attempts"] -= 1
            record["next"] = now + 1.0


def take_back_restart(state: State, names: list[str]) -> None:
    """The last restart of these was not made."""
    for name in names:
        record = state["services"].get(name)
        if record is not None and record["restarts"]:
            record["restarts"].pop()


def _attempt(state: State, names: list[str], now: float) -> Act | None:
    due = []
    for name in dict.fromkeys(names):
        record = _record(state, name)
        if record["attempts"] and now < record["next"]:
            continue
        record["attempts"] += 1
        record["last"] = now
        record["next"] = now + backoff.pause(
            record["attempts"], FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, f"{name} {now}"
        )
        due.append(name)
    return {"verb": "revive", "services": due} if due else None


def _record(state: State, name: str) -> dict[str, Any]:
    fresh: dict[str, Any] = {
        "attempts": 0,
        "last": 0.0,
        "next": 0.0,
        "well_since": None,
        "unhealthy_since": None,
        "restarts": [],
    }
    record: dict[str, Any] = state["services"].setdefault(name, fresh)
    return record


def _recent(moments: list[float], now: float) -> list[float]:
    return [moment for moment in moments if moment > now - limits.WINDOW_SECONDS]
