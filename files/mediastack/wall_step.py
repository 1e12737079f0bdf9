"""What the keeper of the second wall does with what it found: pure, so every order can be tried.

The wall is compared with what is wanted, never remembered to be there. A difference is mended in
any case; the state on disk only decides how loudly. None after a boot, or on the first deploy, is
how it begins. One that equals what was loaded last is a change that a deploy or Docker made.
Anything else was taken down or changed by somebody: an urgent message, and a line in the ledger.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

State = dict[str, Any]
URGENT = 5


class Found(NamedTuple):
    """One look at the wall."""

    boot: str
    """Which boot of the machine this is."""
    wanted: str
    """Digest of what should be loaded."""
    listed: str | None
    """Digest of what is loaded, None for no table."""
    problems: Sequence[str]
    """How the two differ."""


class Told(NamedTuple):
    """What is said of a look: to the ledger and, with a priority, to the user."""

    outcome: str
    cause: str = ""
    title: str = ""
    message: str = ""
    priority: int = 0


def initial_state() -> State:
    """Return what wall.json holds before anything ever happened. `loaded`: digests of what we put
    there in this boot, several while we are at it; `failing`: why there is no wall, if we know."""
    return {"boot": "", "loaded": [], "failing": "", "told": False, "seen": None}


def reason(found: Found, state: State) -> str:
    """Return why the wall is not as wanted: "first", "changed", "damaged"; "" when it is."""
    if not found.problems:
        return ""
    here = state["boot"] == found.boot
    if found.listed is None:
        # A wall that stood in this boot does not go by itself.
        return "damaged" if here and state["loaded"] else "first"
    return "changed" if here and found.listed in state["loaded"] else "damaged"


def before_loading(found: Found, state: State) -> State:
    """Return the state to save before loading: a kill in between must not cry wolf."""
    state = copy.deepcopy(state)
    earlier = state["loaded"] if state["boot"] == found.boot else []
    state["boot"] = found.boot
    # A damaged one must not look like ours.
    kept = [one for one in earlier if one == found.listed]
    state["loaded"] = list(dict.fromkeys([*kept, found.wanted]))
    return state


def stands(
    found: Found, why: str, state: State, *, seconds: float, since: float
) -> tuple[list[Told], State]:
    """The wall is as wanted now, after `why` and `seconds` of mending; `since` is how long ago it
    was last seen whole. Return what to tell and the state to save."""
    state = copy.deepcopy(state)
    told = []
    cause = "; ".join(found.problems)
    if why == "damaged":
        took = f"{seconds * 1000:.0f} ms"
        told.append(
            Told(
                "mended",
                cause,
                "The second wall was damaged",
                f"{cause}. It was rebuilt in {took} and stands again; it was last seen whole"
                f" {since:.0f} s before. Something on this host changes its packet filter: look"
                " for `nft flush ruleset`, a firewall's reload, or a hand.",
                URGENT,
            )
        )
    elif why:
        told.append(Told("built" if why == "first" else "changed", cause))
    if state["told"]:
        message = f"It was down or incomplete: {state['failing']}"
        told.append(Told("stands again", "", "The second wall stands again", message, 3))
    state |= {"boot": found.boot, "loaded": [found.wanted], "failing": "", "told": False}
    return told, state


def fails(error: str, state: State) -> tuple[list[Told], State]:
    """The wall could not be read or built. Return what to tell (once) and the state to save."""
    state = copy.deepcopy(state)
    told = []
    if not state["told"]:
        told.append(
            Told(
                "down",
                error,
                "The second wall is down",
                f"{error}. Only Gluetun's own firewall keeps the vpn zone in now. Trying again"
                " every few seconds; see: systemctl status mediastack-wall",
                URGENT,
            )
        )
    state |= {"failing": error, "told": True}
    return told, state
