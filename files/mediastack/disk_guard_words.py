"""What the disk guard tells of its pauses. Pure; part of disk_guard_step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack import disk_guard_levels, disk_space
from mediastack.disk_guard_observed import Observed

State = dict[str, Any]
Action = dict[str, Any]

SUBJECT = "qbittorrent"
STOP = "stack-manage.sh downloads down qbittorrent"


def line(report: Mapping[str, Any]) -> str:
    """Return what `status` says of a report (disk_guard.report), "" while nothing is paused."""
    if report.get("phase", "open") == "open" and not report.get("stopped"):
        return ""
    why = f" ({report['error']})" if report.get("error") else ""
    return f"downloads: paused for want of room, {count(report.get('stopped', 0))} stopped{why}"


def paused(state: State, observed: Observed, *, tell: bool) -> list[Action]:
    """Nothing downloads any more; without `tell` only history says it."""
    where = disk_guard_levels.names(state["cause"])
    room = disk_guard_levels.room(observed, state["cause"])
    many = count(len(state["stopped"]))
    message = (
        f"{room}. Stopped: {many}; what is added now is stopped as well, seeding goes on."
        f"{_until(state, observed)} What you stopped yourself stays stopped."
    )
    actions = _told(f"Downloads are paused: {where} nearly full", message, 4,
                    "downloads paused", room, {"torrents": len(state["stopped"])})  # fmt: skip
    return actions if tell else actions[1:]


def paused_too(many: int) -> list[Action]:
    """Something was added or started during a pause; only history tells it."""
    return [_record("stopped too", "downloads are paused", {"torrents": many})]


def resumed(state: State, observed: Observed, *, tell: bool) -> list[Action]:
    """They run again; without `tell` only history says it."""
    where = disk_guard_levels.names(state["cause"])
    room = disk_guard_levels.room(observed, state["cause"])
    message = f"{room or 'There is room'}. Started again: {count(state['resumed'])}."
    gone = sum(one["absent"] is not None for one in state["stopped"].values())
    if gone:
        message += f" Not there any more: {count(gone)}."
    if len(state["stopped"]) > gone:
        message += f" Checked, moved or without files: {count(len(state['stopped']) - gone)}."
    actions = _told(f"Downloads go on: room again on {where}", message, 3,
                    "downloads resumed", room, {"torrents": state["resumed"]})  # fmt: skip
    return actions if tell else actions[1:]


def deaf(state: State, observed: Observed) -> list[Action]:
    """For too long it could not be done, or is not known."""
    where = disk_guard_levels.names(state["cause"])
    room = disk_guard_levels.room(observed, state["cause"]) or where
    why = state["login"]["stuck"] or observed["trouble"] or "it does not do it"
    if state["phase"] == "resuming":
        title, priority, outcome = "Downloads cannot be resumed", 4, "not resumed"
        text = f"qBittorrent: {why}. It is tried further; or start them in its web interface."
    elif state["phase"] == "paused":
        title, priority, outcome = "Are downloads still paused?", 4, "unheard"
        text = f"qBittorrent has not said for a while what it does: {why}."
    elif observed["started"] == "":
        title, priority, outcome, why = f"Nearly full: {where}", 4, "nearly full", room
        text = "qBittorrent does not run; when it does, its downloads are paused."
    else:
        title = f"Downloads cannot be paused, and nearly full: {where}"
        priority, outcome = 5, "not paused"
        text = f"qBittorrent: {why}. It is tried further. Make room, or: {STOP}"
    return _told(title, f"{room}. {text}", priority, outcome, why, None)


def count(torrents: int) -> str:
    """Return so many torrents."""
    return "1 torrent" if torrents == 1 else f"{torrents or 'no'} torrents"


def _until(state: State, observed: Observed) -> str:
    needed = [
        f"{disk_space.words(disk['resume'])} on {disk_guard_levels.names(disk['paths'])}"
        for disk in observed["disks"]
        if set(disk["paths"]) & set(state["cause"])
    ]
    return f" They go on with {' and '.join(needed)} free." if needed else ""


def _told(
    title: str, message: str, priority: int, outcome: str, cause: str, details: Any
) -> list[Action]:
    tell = {"do": "tell", "title": title, "message": message, "priority": priority}
    return [tell, _record(outcome, cause, details)]


def _record(outcome: str, cause: str, details: Any) -> Action:
    return {
        "do": "record",
        "subject": SUBJECT,
        "outcome": outcome,
        "cause": cause,
        "details": details,
    }
