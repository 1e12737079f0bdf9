"""What the disk guard does next: pure, so that every order of events can be tried.

While a disk that downloads write to is low, no download runs: whatever runs at a look is stopped,
also what was added or started since. Each is put on a list before it is stopped, by its hash and
the moment it was added. When there is room again, those on the list are started, and nobody else:
what was stopped when it was first seen is its user's affair. The list loses an entry only when its
torrent runs again, is another one of the same hash, or has been absent for an hour in which
qBittorrent answered (it may answer before it has loaded all). No answer changes nothing.

An entry says how sure the guard is: `asked`, a stop is on its way and neither was confirmed nor
seen to have worked; `starting`, a start is. Killed in between, the guard looks: what runs is asked
again while it must be stopped, and was never stopped when it need not be any more. Only for what
its user stops (or starts and stops) within that instant there is no telling who did it; it counts
as ours. Times are seconds since boot (`now`), so no clock that is set moves them; a state of
another boot keeps all but them.
"""

from __future__ import annotations

import copy
from typing import Any

from mediastack import disk_guard_levels, disk_guard_words, portsync_login
from mediastack.disk_guard_observed import Observed
from mediastack.torrents import Torrent

State = dict[str, Any]
Action = dict[str, Any]

# Then it is told that downloads could not be paused, or not be resumed.
DEAF_SECONDS = 60.0
# A restart of the tunnel, or an update, is over by then.
SILENT_SECONDS = 600.0
ABSENT_SECONDS = 3600.0
# Of five that qBittorrent allows: portsync and the user need some as well.
TRIES = 2
MENDED = ("pausing", "paused")


def initial_state() -> State:
    """Return what disk_guard.json holds before anything ever happened."""
    return {
        "boot": "",
        "levels": {},  # path: {"warned", "low", "pauses"}
        "phase": "open",  # open, pausing, paused, resuming
        "cause": [],  # the paths for which they were paused
        "since": 0.0,  # of pausing and resuming
        "silent": None,  # since when qBittorrent does not say
        "deaf": False,  # it was told that qBittorrent does not do it
        "told": "",  # what the user knows: "deaf", "paused"; nothing, then its end is none either
        "stopped": {},  # hash: {"added_on", "name", "forced", "asked", "starting", "absent"}
        "resumed": 0,
        "login": portsync_login.initial_state(),
    }


def of_this_boot(state: State, boot: str, now: float) -> State:
    """Return the state without the moments of another boot."""
    state = {**initial_state(), **copy.deepcopy(state)}
    if state["boot"] != boot:
        state |= {"boot": boot, "since": now, "silent": None}
        state["login"] = portsync_login.initial_state()
        for entry in state["stopped"].values():
            entry["absent"] = None
    return state


def wants_torrents(state: State) -> bool:
    """Say whether qBittorrent has to be asked at all."""
    return bool(state["phase"] != "open" or state["stopped"])


def step(
    observed: Observed, state: State, now: float, *, pausing: bool
) -> tuple[list[Action], State]:
    """Return what to do, in this order, and the state to save before anything of it is done.

    `pausing`: there is a torrent client, and it may be paused. Actions: {"do": "tell", "title",
    "message", "priority"}, {"do": "record", "subject", "outcome", "cause", "details"}, {"do":
    "login"}, {"do": "stop", "hashes"}, {"do": "start", "hashes", "forced"}.
    """
    state = {**initial_state(), **copy.deepcopy(state)}
    actions: list[Action] = []
    disk_guard_levels.settle(actions, state, observed, pausing=pausing)
    low = disk_guard_levels.low(state) if pausing else []
    if low and state["phase"] not in MENDED:
        state |= {"phase": "pausing", "since": now, "deaf": False, "cause": low}
    elif not low and state["phase"] in MENDED:
        state |= {"phase": "resuming", "since": now, "deaf": False, "resumed": 0}
    if observed["asked"]:
        _settle_login(state, observed, now)
    if observed["torrents"] is not None:
        state["silent"] = None
        _settle(state, {one["hash"]: one for one in observed["torrents"]}, now)
        if state["phase"] in MENDED:
            _pause(actions, state, observed)
        else:
            _resume(actions, state, observed)
    elif observed["asked"]:
        state["silent"] = now if state["silent"] is None else state["silent"]
        for entry in state["stopped"].values():
            entry["absent"] = None
        if observed["login"] and _may_try(state["login"], now):
            state["login"] = portsync_login.attempt(state["login"], now)
            actions.append({"do": "login"})
    if _is_deaf(state, observed, now):
        state |= {"deaf": True, "told": state["told"] or "deaf"}
        actions += disk_guard_words.deaf(state, observed)
    return actions, state


def acknowledge(state: State, action: Action, said: str) -> State:
    """Return the state after a stop or a start, by what came of it (Torrents.stop's words)."""
    state = copy.deepcopy(state)
    stopped = state["stopped"]
    for name in action["hashes"]:
        entry = stopped[name]
        if action["do"] == "start":
            if said == "ok":
                del stopped[name]
                state["resumed"] += 1
            elif said == "unsent":
                entry["starting"] = False
        elif said == "ok":
            entry["asked"] = False
        elif said == "unsent":
            # It runs; whoever stops it now is not us.
            del stopped[name]
    return state


def _settle(state: State, found: dict[str, Torrent], now: float) -> None:
    """Bring the list up to date with what is there."""
    stopped, pausing = state["stopped"], state["phase"] in MENDED
    for name, entry in list(stopped.items()):
        torrent = found.get(name)
        if torrent is None:
            entry["absent"] = now if entry["absent"] is None else entry["absent"]
            if now - entry["absent"] >= ABSENT_SECONDS:
                del stopped[name]
            continue
        entry["absent"] = None
        if torrent["added_on"] != entry["added_on"]:
            del stopped[name]
        elif torrent["kind"] == "stopped":
            entry |= {"asked": False, "starting": entry["starting"] and not pausing}
        elif torrent["kind"] in ("down", "up") and not pausing:
            # Started by us, or by its user; or never stopped at all.
            state["resumed"] += bool(entry["starting"])
            del stopped[name]


def _pause(actions: list[Action], state: State, observed: Observed) -> None:
    """Nothing downloads."""
    running = [one for one in observed["torrents"] or [] if one["kind"] == "down"]
    for one in running:
        state["stopped"][one["hash"]] = {
            "added_on": one["added_on"],
            "name": one["name"],
            "forced": one["forced"],
            "asked": True,
            "starting": False,
            "absent": None,
        }
    if running:
        actions.append({"do": "stop", "hashes": sorted(one["hash"] for one in running)})
        if state["phase"] == "paused":
            actions += disk_guard_words.paused_too(len(running))
    elif state["phase"] == "pausing":
        state |= {"phase": "paused", "deaf": False}
        # Told before: there was room for a moment, and they were never all back.
        actions += disk_guard_words.paused(state, observed, tell=state["told"] != "paused")
        state["told"] = "paused"
    else:
        state["deaf"] = False


def _resume(actions: list[Action], state: State, observed: Observed) -> None:
    """Those on the list run again."""
    there = {one["hash"] for one in observed["torrents"] or [] if one["kind"] == "stopped"}
    waiting = {name: one for name, one in state["stopped"].items() if name in there}
    for entry in waiting.values():
        entry["starting"] = True
    for forced in (False, True):
        names = sorted(name for name, one in waiting.items() if one["forced"] is forced)
        if names:
            actions.append({"do": "start", "hashes": names, "forced": forced})
    if not waiting and state["phase"] == "resuming":
        state["phase"] = "open"
        actions += disk_guard_words.resumed(state, observed, tell=bool(state["told"]))
        state |= {"cause": [], "resumed": 0, "deaf": False, "told": ""}


def _settle_login(state: State, observed: Observed, now: float) -> None:
    seen: Any = {
        "tried": observed["tried"],
        "torrent": observed["started"],
        "password": observed["password"],
        "client": observed["torrents"],
    }
    state["login"] = portsync_login.settle(state["login"], seen, now)


def _may_try(login: dict[str, Any], now: float) -> bool:
    return bool(login["tries"] < TRIES and portsync_login.due(login, now))


def _is_deaf(state: State, observed: Observed, now: float) -> bool:
    """Say whether it is to be told that it takes long. A client that does not run downloads
    nothing, and what waits for it goes on when it runs."""
    phase = state["phase"]
    if state["deaf"] or (observed["started"] == "" and phase != "pausing"):
        return False
    if phase == "paused":
        return state["silent"] is not None and now - state["silent"] >= SILENT_SECONDS
    return bool(phase in ("pausing", "resuming") and now - state["since"] >= DEAF_SECONDS)
