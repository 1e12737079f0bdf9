"""What portsync does next: pure, so that every order of events can be tried.

One rule: qBittorrent's listening port is what Gluetun forwards. Both are read on every pass and any
difference is mended, whoever made it; nothing is taken from memory. While Gluetun has no port,
qBittorrent is left as it is. An entry in the ledger and a message follow when both agree again, not
when something was asked for. What waits, waits in seconds since boot (`now`), which no clock that
is set can stretch or cut; a state of another boot keeps only what was told.

Listening anew: sockets of a torrent client are bound to the tunnel's device. When Gluetun rebuilds
its tunnel, that device is another one of the same name, and a client that does not notice stays on
a dead one for ever, with the right number in its settings (Gluetun's issue 1407; qBittorrent 5.1
noticed each time it was tried here, which is no promise, and a quarter of a second costs little).
Setting the same port again is no change and does nothing. So when the device's index is another one
than that on which the port was last set, or when nobody listens there at all, the port is set to 0
(any), and the difference that this makes is mended in the next moment, as every other.
"""

from __future__ import annotations

import copy
from typing import Any

from mediastack import portsync_alarms, portsync_login
from mediastack.portsync_observed import Observed
from mediastack.qbittorrent_client import Client

# Nobody listens yet for a moment after a change.
DEAF_SECONDS = 2.0
DEAF_PAUSE_SECONDS = 10.0
DEAF_LONGEST_SECONDS = 600.0
# Somebody else who sets the port, too: told once, and not written down every few seconds.
FIGHT_SECONDS = 3600.0
FIGHT_MENDS = 10

State = dict[str, Any]
Action = dict[str, Any]


def initial_state() -> State:
    """Return what portsync.json holds before anything ever happened."""
    return {
        "boot": "",
        "port": None,  # the last one both agreed on and that was told
        "told": [],  # alarms that are out: "port", "client", "login", "fight"
        "since": {},  # alarm: since when its cause lasts
        "login": portsync_login.initial_state(),
        "setting": None,  # a change that is under way
        "listens": None,  # the start of qBittorrent and the device for which the port was set
        "deaf": None,
        "mends": [],
    }


def of_this_boot(state: State, boot: str) -> State:
    """Return the state without the moments of another boot, and without what ended with it."""
    if state.get("boot") == boot:
        return {**initial_state(), **state}
    kept: State = {key: state[key] for key in ("port", "told") if key in state}
    return {**initial_state(), **kept, "boot": boot}


def step(
    observed: Observed, state: State, now: float, *, interface: str, alarm_seconds: float
) -> tuple[list[Action], State]:
    """Return what to do, in this order, and the state to save before a login or a change is made.

    Actions: {"do": "tell", "title", "message", "priority"}, {"do": "record", "outcome", "cause",
    "duration_seconds", "details"}, {"do": "login"}, {"do": "change", "values"}.
    """
    state = {**initial_state(), **copy.deepcopy(state)}
    actions: list[Action] = []
    state["mends"] = [at for at in state["mends"] if now - at < FIGHT_SECONDS]
    if observed["torrent"] and not observed["fresh"] and not _known(state, observed):
        # Started under our eyes: it will listen on the device that is there now.
        state["listens"] = _here(observed)
    state["login"] = portsync_login.settle(state["login"], observed, now)
    # One alarm for one cause: time with a refused password does not count for the others.
    refused = "login" in state["told"]
    portsync_alarms.login(actions, state)
    portsync_alarms.no_port(actions, state, observed, now, alarm_seconds)
    client, forwarded = observed["client"], observed["forwarded"]
    if not forwarded:
        state["since"].pop("client", None)
        return actions, state
    agreed = False
    if client is not None:
        values = differences(client, forwarded, interface)
        if values:
            _begin(state, observed, client["port"], values, now)
            actions.append({"do": "change", "values": values})
        else:
            agreed = _settled(actions, state, observed, forwarded, now)
    elif observed["login"] and portsync_login.due(state["login"], now):
        state["login"] = portsync_login.attempt(state["login"], now)
        actions.append({"do": "login"})
    if refused:
        state["since"].pop("client", None)
    else:
        portsync_alarms.not_set(
            actions, state, observed, now, agreed=agreed, alarm_seconds=alarm_seconds
        )
    return actions, state


def differences(client: Client, forwarded: int, interface: str) -> dict[str, Any]:
    """Return the preferences to set, {} when all is as it should be."""
    values: dict[str, Any] = {}
    if client["port"] != forwarded or client["random"]:
        values |= {"listen_port": forwarded, "random_port": False}
    if client["upnp"]:
        values["upnp"] = False
    if client["interface"] != interface:
        values["current_network_interface"] = interface
    return values


def _begin(
    state: State, observed: Observed, before: int, values: dict[str, Any], now: float
) -> None:
    """Note the change that is about to be made; of one that goes on, when and why it began."""
    setting = state["setting"] or {"from": before, "since": now, "anew": False}
    listens = values.keys() & {"listen_port", "current_network_interface"}
    place = _here(observed) if listens else None
    state["setting"] = {**setting, "to": observed["forwarded"], "place": place}


def _settled(
    actions: list[Action], state: State, observed: Observed, forwarded: int, now: float
) -> bool:
    """The numbers agree: say so if that is new, and see to it that somebody listens."""
    setting, state["setting"] = state["setting"], None
    if setting is not None and setting["to"] != forwarded:
        setting = None  # asked for and never made
    if setting is not None or state["port"] != forwarded:
        _tell_change(actions, state, setting, forwarded, now)
    if setting is not None and setting["place"]:
        state["listens"] = setting["place"]
        if state["deaf"] is not None:
            state["deaf"]["since"] = now
    if observed["listening"] is not False:
        state["deaf"] = None
    if not observed["device"] or not observed["torrent"]:
        return True
    if state["listens"] == _here(observed) and not _deaf(state, observed, now):
        return True
    state["setting"] = {"from": forwarded, "since": now, "anew": True, "to": 0, "place": None}
    actions.append({"do": "change", "values": {"listen_port": 0, "random_port": False}})
    return False


def _known(state: State, observed: Observed) -> bool:
    """Say whether it is known of this qBittorrent for which device its port was set."""
    return bool(state["listens"] and state["listens"]["torrent"] == observed["torrent"])


def _here(observed: Observed) -> dict[str, Any]:
    return {"torrent": observed["torrent"], "device": observed["device"]}


def _deaf(state: State, observed: Observed, now: float) -> bool:
    """Say whether nobody has listened for so long that it is to be mended now."""
    if observed["listening"] is not False:
        return False
    deaf = state["deaf"] or {"since": now, "pause": DEAF_PAUSE_SECONDS, "next": now + DEAF_SECONDS}
    state["deaf"] = deaf
    if now < deaf["next"] or now < deaf["since"] + DEAF_SECONDS:
        return False
    pause = deaf["pause"]
    state["deaf"] = {
        "since": now,
        "pause": min(2 * pause, DEAF_LONGEST_SECONDS),
        "next": now + pause,
    }
    return True


def _tell_change(
    actions: list[Action],
    state: State,
    setting: dict[str, Any] | None,
    forwarded: int,
    now: float,
) -> None:
    before = state["port"]
    outcome, cause = "port changed", f"Gluetun forwards {forwarded}"
    if before == forwarded and setting is not None:
        outcome, cause = "port mended", f"it was set to {setting['from']}"
        if setting["anew"]:
            outcome, cause = "listens anew", "the tunnel was rebuilt, or nobody listened"
        else:
            state["mends"] = [*state["mends"], now][-FIGHT_MENDS - 1 :]
        if len(state["mends"]) > FIGHT_MENDS and not setting["anew"]:
            portsync_alarms.put_out(
                actions,
                state,
                "fight",
                "Something else sets qBittorrent's port",
                f"It was mended {FIGHT_MENDS} times within an hour. Mending goes on and is no "
                "longer written down; look for what sets it: TORRENTING_PORT, another script",
            )
            return
    duration = 0.0 if setting is None else max(now - setting["since"], 0.0)
    actions.append(
        {
            "do": "record",
            "outcome": outcome,
            "cause": cause,
            "duration_seconds": duration,
            "details": {"from": before if before != forwarded else None, "to": forwarded},
        }
    )
    if before != forwarded:
        state["port"] = forwarded
        was = f"; it was {before}" if before else ""
        actions.append(
            {
                "do": "tell",
                "title": "The forwarded port changed" if before else "A port is forwarded",
                "message": f"qBittorrent listens on {forwarded}{was}.",
                "priority": 3,
            }
        )
