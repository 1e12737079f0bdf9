"""How often a password may be tried: never so often that qBittorrent bans our address.

It bans an address for an hour after five logins that failed since its start or since the last good
one, however far apart. So a try is counted before it is made, and counts until a good one: a
program that is killed in between, or an answer that got lost, leaves it counted. A password that
was refused twice waits for a change of its file or a restart of qBittorrent, or an hour; after
four tries nothing but a restart brings another, as only that makes qBittorrent forget them. The
one that is left is the user's. Pure; `now` is in seconds since boot.
"""

from __future__ import annotations

from typing import Any

from mediastack.portsync_observed import Observed

MAXIMUM_TRIES = 4
REFUSALS = 2
# After the first, second and later refusal of one password.
PAUSES_SECONDS = (2.0, 3600.0)
MOMENT_SECONDS = 1.0
# An hour by default, and a minute in which it may have begun before we knew.
BAN_SECONDS = 3660.0

Login = dict[str, Any]


def initial_state() -> Login:
    """Return what there is to know before the first login."""
    return {
        "torrent": "",  # the start of qBittorrent that the counts are of
        "password": "",
        "tries": 0,
        "refused": 0,
        "unsure": 0,  # tries since that start was seen: they may have met the next one
        "next": 0.0,
        "until": None,  # a ban has ended by then, and qBittorrent has forgotten
        "stuck": "",  # why no try is made, for the alarm
    }


def settle(login: Login, observed: Observed, now: float) -> Login:
    """Return the counts after what came of the last try, and after changes around them."""
    login = {**initial_state(), **login}
    tried = observed["tried"]
    if tried == "ok":
        login |= {"unsure": 0, "tries": 0, "refused": 0, "next": 0.0, "stuck": ""}
    elif tried == "refused":
        login["refused"] += 1
        login["next"] = now + PAUSES_SECONDS[min(login["refused"], len(PAUSES_SECONDS)) - 1]
    elif tried == "banned":
        login |= {"tries": MAXIMUM_TRIES, "until": now + BAN_SECONDS}
        login["stuck"] = "It has banned our address for an hour"
    elif tried in ("unsent", "strange"):
        # No qBittorrent has seen it.
        login |= {"tries": max(login["tries"] - 1, 0), "next": now + MOMENT_SECONDS}
    if login["until"] is not None and now >= login["until"]:
        login |= {"tries": 0, "refused": 0, "next": 0.0, "until": None}
    started = observed["torrent"]
    if started and started != login["torrent"]:
        if login["torrent"]:
            login |= {"tries": login["unsure"], "refused": 0, "next": 0.0, "until": None}
        login["torrent"] = started
    elif started:
        login["unsure"] = 0
    if observed["password"] != login["password"]:
        login |= {"password": observed["password"], "refused": 0, "next": 0.0}
    if observed["client"] is not None:
        # It lets us in; what was counted stays counted.
        login["stuck"] = ""
    elif login["tries"] >= MAXIMUM_TRIES or login["refused"] >= REFUSALS:
        # Until it lets us in: another password, or another start, is no proof.
        login["stuck"] = login["stuck"] or f"{login['tries']} tries failed"
    return login


def due(login: Login, now: float) -> bool:
    """Say whether a try may be made now."""
    return bool(login["tries"] < MAXIMUM_TRIES and now >= login["next"])


def attempt(login: Login, now: float) -> Login:
    """Return the counts with one more try, to be saved before it is made."""
    counted = {"tries": login["tries"] + 1, "unsure": login["unsure"] + 1}
    return {**login, **counted, "next": now + MOMENT_SECONDS}
