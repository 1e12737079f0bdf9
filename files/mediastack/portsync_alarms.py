"""What portsync tells the user when it cannot do its work: each cause once, and once its end.

`state["told"]` names what is out. It is saved after it was told: a kill in between repeats a
message at worst. Pure, as portsync_step, of which it is a part.
"""

from __future__ import annotations

from typing import Any

from mediastack.portsync_observed import Observed

State = dict[str, Any]
Action = dict[str, Any]


def no_port(
    actions: list[Action], state: State, observed: Observed, now: float, alarm_seconds: float
) -> None:
    """No port for long although Gluetun runs: told once, and once when there is one."""
    if observed["forwarded"]:
        state["since"].pop("port", None)
        port = observed["forwarded"]
        _resolve(actions, state, "port", "Gluetun has a forwarded port again", f"It is {port}.")
        return
    if observed["owner"] == "":
        # Stopped: that is not about its port, and others tell it.
        state["since"].pop("port", None)
        return
    since = state["since"].setdefault("port", now)
    if now - since >= alarm_seconds:
        why = observed["trouble"] or "its VPN server forwards none"
        put_out(
            actions,
            state,
            "port",
            "Gluetun has no forwarded port",
            f"For {alarm_seconds / 60:.0f} minutes: {why}. Torrents go on, but nobody can connect "
            "to them; see: stack-manage.sh downloads logs gluetun",
        )


def not_set(
    actions: list[Action],
    state: State,
    observed: Observed,
    now: float,
    *,
    agreed: bool,
    alarm_seconds: float,
) -> None:
    """A port that does not get into qBittorrent for as long, although its container runs."""
    if agreed:
        for alarm in ("client", "fight" if not state["mends"] else ""):
            _resolve(
                actions, state, alarm, "qBittorrent's port is right again",
                f"It listens on {observed['forwarded']}.",
            )  # fmt: skip
    if agreed or observed["torrent"] == "":
        state["since"].pop("client", None)
        return
    since = state["since"].setdefault("client", now)
    if now - since >= alarm_seconds:
        why = observed["trouble"] or "it does not take it"
        put_out(
            actions,
            state,
            "client",
            "qBittorrent has the wrong port",
            f"Gluetun forwards {observed['forwarded']}, and for {alarm_seconds / 60:.0f} minutes "
            f"it could not be set: {why}. See: stack-manage.sh downloads logs qbittorrent",
        )


def login(actions: list[Action], state: State) -> None:
    """A password that is refused: told once, and once when one is let in."""
    stuck = state["login"]["stuck"]
    if stuck:
        put_out(
            actions,
            state,
            "login",
            "qBittorrent refuses our password",
            f"{stuck}. The forwarded port cannot be set. Put the password that "
            "qBittorrent has into secrets/qbittorrent/web_password, or set that one in its web "
            "interface; then: stack-manage.sh downloads restart qbittorrent",
        )
    else:
        _resolve(
            actions,
            state,
            "login",
            "qBittorrent takes our password again",
            "The port is set again.",
        )


def put_out(actions: list[Action], state: State, alarm: str, title: str, message: str) -> None:
    """Tell of something that lasts, unless it was told."""
    if alarm not in state["told"]:
        state["told"] = [*state["told"], alarm]
        actions.append({"do": "tell", "title": title, "message": message, "priority": 4})
        actions.append(_alert("alert", title))


def _resolve(actions: list[Action], state: State, alarm: str, title: str, message: str) -> None:
    if alarm in state["told"]:
        state["told"] = [one for one in state["told"] if one != alarm]
        actions.append({"do": "tell", "title": title, "message": message, "priority": 3})
        actions.append(_alert("resolved", title))


def _alert(outcome: str, cause: str) -> Action:
    plain: Action = {"do": "record", "outcome": outcome, "cause": cause}
    return plain | {"duration_seconds": 0.0, "details": None}
