"""How full each disk is, with hysteresis, and what is told of that. Pure; part of disk_guard_step.

A disk is warned of from `warn` downwards and low from `pause` downwards. It is no longer low at
`resume`, and no longer warned of when it has as much more than `warn` as `resume` has more than
`pause`. What does not answer stays what it was: an unmounted /data would else have all the room of
the system's disk. Levels are kept by path, so that two paths may come to be on one disk.
"""

from __future__ import annotations

from typing import Any

from mediastack import disk_space
from mediastack.disk_guard_observed import Disk, Observed

# A line of four gigabit, or a disk that copies.
FASTEST_BYTES_PER_SECOND = 500e6
SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 30.0

State = dict[str, Any]
Action = dict[str, Any]

Level = dict[str, bool]

NONE = {"warned": False, "low": False}


def settle(actions: list[Action], state: State, observed: Observed, *, pausing: bool) -> None:
    """Bring state["levels"] up to date, and tell what the pause of downloads will not tell."""
    before: dict[str, Level] = state["levels"]
    kept = {path: before[path] for path in observed["unknown"] if path in before}
    for disk in observed["disks"]:
        levels = [before.get(path, NONE) for path in disk["paths"]]
        was = {key: any(one[key] for one in levels) for key in NONE}
        now = of(disk, was)
        kept |= {path: {**now, "pauses": disk["pauses"]} for path in disk["paths"]}
        _tell(actions, disk, was, now, pauses=disk["pauses"] and pausing)
    state["levels"] = kept


def of(disk: Disk, was: Level) -> Level:
    """Return the level of a disk that had the level `was`."""
    free, margin = disk["free"], max(disk["resume"] - disk["pause"], 0)
    low = free <= disk["pause"] or (was["low"] and free < disk["resume"])
    warned = low or free <= disk["warn"] or (was["warned"] and free < disk["warn"] + margin)
    return {"warned": warned, "low": low}


def low(state: State) -> list[str]:
    """Return the paths for which downloads have to be paused."""
    return [path for path, level in state["levels"].items() if level["low"] and level["pauses"]]


def patience(observed: Observed, state: State) -> float:
    """Return for how many seconds nothing can happen on these disks, by the fastest that is
    thought possible."""
    seconds = [LONGEST_SECONDS]
    for disk in observed["disks"]:
        level = state["levels"].get(disk["paths"][0], NONE)
        mark = disk["pause"] if level["warned"] else disk["warn"]
        seconds.append(max(disk["free"] - mark, 0) / FASTEST_BYTES_PER_SECOND)
    return max(min(seconds), SHORTEST_SECONDS)


def names(paths: list[str]) -> str:
    """Return watched paths for a person."""
    return " and ".join(paths) if len(paths) < 3 else f"{', '.join(paths[:-1])} and {paths[-1]}"  # noqa: PLR2004


def room(observed: Observed, paths: list[str]) -> str:
    """Return how much is free on the disks of these paths."""
    found = [disk for disk in observed["disks"] if set(disk["paths"]) & set(paths)]
    return "; ".join(
        f"{disk_space.words(disk['free'])} of {disk_space.words(disk['total'])} are free on "
        f"{names(disk['paths'])}"
        for disk in found
    )


def _tell(actions: list[Action], disk: Disk, was: Level, now: Level, *, pauses: bool) -> None:
    where, free = names(disk["paths"]), disk_space.words(disk["free"])
    of_all = f"{free} of {disk_space.words(disk['total'])} are free"
    if now["low"] and not was["low"] and not pauses:
        text = f"{of_all}. Nothing is paused for it: make room."
        actions += told(where, f"{where}: nearly full", text, 4, "nearly full", of_all)
    elif now["warned"] and not was["warned"] and not now["low"]:
        text = f"{of_all}."
        if pauses:
            text += f" At {disk_space.words(disk['pause'])} downloads are paused."
        actions += told(where, f"{where}: little room", text, 3, "little room", of_all)
    elif was["warned"] and not now["warned"] and not (was["low"] and pauses):
        actions += told(where, f"{where}: room again", f"{of_all}.", 3, "room again", of_all)


def told(
    subject: str, title: str, message: str, priority: int, outcome: str, cause: str
) -> list[Action]:
    """Return a message and its line in the ledger."""
    return [
        {"do": "tell", "title": title, "message": message, "priority": priority},
        {"do": "record", "subject": subject, "outcome": outcome, "cause": cause, "details": None},
    ]
