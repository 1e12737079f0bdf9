"""An episode: the group is being brought into the owner's present namespace.

It opens when the owner is another incarnation than the one in which the group was whole, or has
left dependents running behind, and is counted then, unless the host was started: that is nobody's
fault. One that runs elsewhere while the owner is the same is a single service's ill.
It waits until the owner is ready, asks for the missing dependents to be brought back, again after
longer and longer pauses, and ends when all are inside and healthy, or not healthy in time: then it
is the matter of ills. When the owner changes once more after an attempt, that is the next episode.
What a deploy or the user has brought in order meanwhile is simply found settled.
"""

from __future__ import annotations

from typing import Any

from mediastack.monitor import backoff, group, limits
from mediastack.monitor.alarms import Condition
from mediastack.monitor.group import Group
from mediastack.monitor.state import Act, Look, State, say

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 120.0
ATTEMPTS_BEFORE_NOTICE = 5


def follow(state: State, look: Look, seen: Group, now: float) -> Act | None:
    """Open, go on with or end an episode; return what to ask for now."""
    owner = seen.owner
    if not owner["wanted"]:
        if state["episode"] is not None:
            _close(state, now, "episode_given_up")
        return None
    if seen.owner_name in look["undecided"]:
        # It has just ended; whether the user wanted that is known in a second.
        return None
    _overtake(state, seen, now)
    if state["episode"] is not None:
        # One that is open across a boot is that boot's as well.
        state["booted"] = look["boot"]
    if state["episode"] is None and not _open(state, look, seen, now):
        return None
    return _go_on(state, look, seen, now)


def conditions(state: State, seen: Group, settings: Any) -> list[Condition]:
    """Return what of it is worth telling when it lasts."""
    episode = state["episode"]
    if episode is None:
        return []
    found = []
    if episode["attempts"] >= ATTEMPTS_BEFORE_NOTICE:
        fields = {"count": episode["attempts"], "services": seen.away}
        found.append(Condition("not_back", fields=fields))
    if not seen.ready and not episode["attempts"]:
        found.append(Condition("owner_not_ready", after_seconds=settings["healthy_seconds"]))
    return found


def _overtake(state: State, seen: Group, now: float) -> None:
    """Attempts were made for an incarnation that is gone: what comes now is another episode."""
    episode = state["episode"]
    if episode is None or episode["target"] in (None, seen.incarnation):
        return
    if seen.incarnation is not None or seen.stranded:
        _close(state, now, "episode_overtaken")


def _open(state: State, look: Look, seen: Group, now: float) -> bool:
    """Open an episode if one is needed and allowed; settle what is in order."""
    moved = seen.incarnation is not None and seen.incarnation != state["settled"]
    if moved and not seen.away and not seen.unclear:
        state["settled"] = seen.incarnation
        state["booted"] = look["boot"]
        return False
    left_behind = seen.incarnation is None and any(name in seen.away for name in seen.stranded)
    if not left_behind and not (moved and seen.away):
        return False
    if state["pause"] is not None:
        return False
    cause = _cause(state, look, seen)
    is_counted = cause != "boot"
    if is_counted and limits.is_exhausted(state, now, look["settings"]):
        limits.pause(state, now, "limit", look["settings"])
        return False
    if is_counted:
        limits.count(state, now, cause)
    state["booted"] = look["boot"]
    state["episode"] = {
        "cause": cause,
        "counted": is_counted,
        "since": now,
        "target": None,
        "attempts": 0,
        "next": now,
        "revived_at": None,
    }
    kind = "episode_opened" if is_counted else "episode_opened_uncounted"
    say(state, kind, services=seen.away, cause=cause)
    return True


def _go_on(state: State, look: Look, seen: Group, now: float) -> Act | None:
    episode, settings = state["episode"], look["settings"]
    if not seen.away:
        _verify(state, seen, now, settings)
        return None
    if episode["attempts"] >= ATTEMPTS_BEFORE_NOTICE and seen.home:
        # Those that come back and do not stay are single services' ills.
        _settle(state, seen, now)
        return None
    if not seen.ready or now < episode["next"]:
        return None
    if not episode["attempts"]:
        # Only now is it known what became of the owner.
        _refine(state, look, seen)
        opened, cause = episode["since"], episode["cause"]
        if episode["counted"] and limits.is_loop(state, cause, opened, settings):
            limits.pause(state, now, "loop", settings)
            return None
    episode["attempts"] += 1
    episode["target"] = seen.incarnation
    episode["revived_at"] = now
    seed = f"{episode['since']}"
    episode["next"] = now + backoff.pause(
        episode["attempts"], FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, seed
    )
    return {"verb": "revive", "services": list(seen.away)}


def take_back(state: State, now: float) -> None:
    """The last attempt was not made: the lock was held, or nobody answered."""
    episode = state["episode"]
    if episode is not None and episode["attempts"]:
        episode["attempts"] -= 1
        episode["next"] = now + 1.0


def _verify(state: State, seen: Group, now: float, settings: Any) -> None:
    """All are inside: wait for their health, within reason; unclear ones are waited for as well."""
    episode = state["episode"]
    since = episode["revived_at"] if episode["revived_at"] is not None else episode["since"]
    patient = now - since < settings["healthy_seconds"]
    if seen.incarnation is None or (seen.unclear and patient):
        return
    if group.sick(seen) and patient:
        return
    _settle(state, seen, now)


def _settle(state: State, seen: Group, now: float) -> None:
    """The group is where it belongs; what is left is single services' matter."""
    episode = state["episode"]
    state["settled"] = seen.incarnation
    kind = "episode_done" if episode["counted"] else "episode_done_uncounted"
    seconds = now - episode["since"]
    _close(state, now, kind, services=seen.home, count=len(seen.home), seconds=seconds)


def _close(state: State, now: float, kind: str, **fields: Any) -> None:
    episode, state["episode"] = state["episode"], None
    if episode["counted"] and state["cascades"]:
        state["cascades"][-1]["ended"] = now
    say(state, kind, cause=episode["cause"], **fields)


def _cause(state: State, look: Look, seen: Group) -> str:
    """Say why the group is not where it should be, as one of words.CAUSES."""
    owner, settled = seen.owner, state["settled"]
    if settled is None:
        return "first"
    if settled[2] != look["boot"] and state["booted"] != look["boot"]:
        return "boot"
    if owner["status"] == "absent":
        return "missing"
    if seen.incarnation is None:
        return "oom" if owner["oom_killed"] else "ended"
    if owner["id"] != settled[0]:
        return "recreated"
    return "crashed" if owner["restarts"] else "restarted"


def _refine(state: State, look: Look, seen: Group) -> None:
    """When it opened, the owner may just have ended; by now it is known how it came back."""
    episode = state["episode"]
    if episode["cause"] not in ("ended", "missing"):
        return
    episode["cause"] = _cause(state, look, seen)
    if episode["counted"] and state["cascades"]:
        state["cascades"][-1]["cause"] = episode["cause"]
