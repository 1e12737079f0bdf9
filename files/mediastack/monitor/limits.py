"""How often the group may be brought back: so many times an hour, and not for ever for one cause.

Then a pause: observing goes on, what is stranded is still stopped, but nothing is brought back
until the pause is over or the user lifts it, which starts the count anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack.monitor.state import State, say

WINDOW_SECONDS = 3600.0


def counted(state: State, now: float) -> int:
    """Return how many cascades were decided within the last hour, since the user's last resume."""
    return len(_within_window(state, now))


def _within_window(state: State, now: float) -> list[dict[str, Any]]:
    since, resumed = now - WINDOW_SECONDS, state["resumed_at"]
    return [
        cascade
        for cascade in state["cascades"]
        if cascade["at"] > since and (resumed is None or cascade["at"] >= resumed)
    ]


def is_exhausted(state: State, now: float, settings: Mapping[str, Any]) -> bool:
    """Say whether one more cascade would be one too many."""
    return counted(state, now) >= int(settings["cascades_per_hour"])


def is_loop(state: State, cause: str, opened: float, settings: Mapping[str, Any]) -> bool:
    """Say whether a cascade opened at `opened` for this cause goes on with a loop: those before
    had the same one, and each began soon after the one before it had ended."""
    resumed = state["resumed_at"]
    before = [
        cascade
        for cascade in state["cascades"]
        if cascade["at"] < opened and (resumed is None or cascade["at"] >= resumed)
    ][-settings["loop_cascades"] :]
    if len(before) < settings["loop_cascades"] or not settings["loop_cascades"]:
        return False
    begins = [cascade["at"] for cascade in before[1:]] + [opened]
    ends = [
        cascade["ended"] if cascade["ended"] is not None else cascade["at"] for cascade in before
    ]
    return all(
        cascade["cause"] == cause and begin - end <= settings["loop_seconds"]
        for cascade, begin, end in zip(before, begins, ends, strict=True)
    )


def count(state: State, now: float, cause: str) -> None:
    """Write down that a cascade was decided; what no window can see any more is dropped."""
    kept = [one for one in state["cascades"] if one["at"] > now - 2 * WINDOW_SECONDS]
    state["cascades"] = [*kept, {"at": now, "ended": None, "cause": cause}]


def pause(state: State, now: float, reason: str, settings: Mapping[str, Any]) -> None:
    """Begin a pause and tell the user, urgently and once."""
    seconds = float(settings["pause_seconds"])
    if reason == "limit":
        # Over before there is room for one more, it would only begin again.
        room = _within_window(state, now)[-int(settings["cascades_per_hour"])]
        seconds = max(seconds, room["at"] + WINDOW_SECONDS - now)
    state["pause"] = {"since": now, "until": now + seconds, "reason": reason}
    state["episode"] = None
    say(state, "paused", count=counted(state, now), seconds=seconds, cause=reason)


def resume(state: State, now: float) -> None:
    """The user lifts the pause: what was counted or failed before does not count any more."""
    state["resumed_at"] = now
    state["services"] = {}
    if state["pause"] is not None:
        state["pause"] = None
        say(state, "resumed")


def end_when_over(state: State, now: float) -> None:
    """End a pause whose time is over."""
    if state["pause"] is not None and now >= state["pause"]["until"]:
        state["pause"] = None
        say(state, "pause_over")
