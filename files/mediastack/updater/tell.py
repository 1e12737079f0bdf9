"""What the user hears of updates: one ledger entry and one message for each stage.

`found` is only for what waits for the user's hand (a major version, "notify"), and once for each
tag. A pass that does not begin something says so in the journal alone: it comes again in minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from mediastack import atomic, clock, image_lock, ledger, notify
from mediastack.updater import inflight

ACTOR = "updater"
LOW, USUAL, HIGH, URGENT = 2, 3, 4, 5


class _Words(NamedTuple):
    outcome: str
    title: str
    message: str
    priority: int
    tags: tuple[str, ...]


STAGES = {
    "started": _Words(
        "update started",
        "Updating {service}",
        "{move}. Its config is copied first; should the new version not do well, both go back.",
        LOW,
        ("hourglass_flowing_sand",),
    ),
    "done": _Words(
        "updated",
        "{service} was updated",
        "{move}. It is healthy, and was for as long as it had to be.",
        USUAL,
        ("white_check_mark",),
    ),
    "failed": _Words(
        "update failed",
        "{service} was not updated",
        "{move}: {why}. The old version runs as before.",
        USUAL,
        ("warning",),
    ),
    "rolled back": _Words(
        "rolled back",
        "{service} was rolled back",
        "{move}: {why}. The old version runs again, with the config from before.",
        HIGH,
        ("leftwards_arrow_with_hook",),
    ),
    "stuck": _Words(
        "update stuck",
        "{service} is stuck in its update",
        "{move}: {step} does not succeed: {stuck}. Tried on; it stays stopped until then.",
        URGENT,
        ("rotating_light",),
    ),
}
SICK = " But it is not well: {sick}. See: stack-manage.sh doctor"


def stage(tx: Mapping[str, Any], name: str) -> None:
    """Write down and send what has become of a transaction. Raise nothing."""
    words, service = STAGES[name], str(tx["service"])
    fields = {
        "service": service,
        "move": move(tx),
        "why": tx.get("why", ""),
        "step": tx.get("step", ""),
        "stuck": tx.get("stuck", ""),
    }
    message = words.message.format(**fields)
    if sick := tx.get("sick"):
        message += SICK.format(sick=sick)
    cause = fields["move"]
    if name in ("failed", "rolled back"):
        cause = f"{cause}: {fields['why']}"
    elif name == "stuck":
        cause = f"{fields['step']}: {fields['stuck']}"
    seconds = _since(str(tx.get("at", ""))) if name != "started" else 0.0
    details = {key: tx.get(key) for key in ("id", "old", "new", "asked_by", "sick") if tx.get(key)}
    ledger.append(
        ACTOR, service, words.outcome, duration_seconds=seconds, cause=cause, details=details
    )
    notify.send(
        service,
        words.title.format(**fields),
        message,
        priority=URGENT if sick and name == "rolled back" else words.priority,
        tags=words.tags,
        key=f"{words.outcome} {service}",
    )


def found(service: str, old: str, new: str, digest: str, why: str) -> bool:
    """Tell of a version that waits for the user's hand; False when it was told before."""
    mark = f"{new}@{digest}"
    path = os.path.join(inflight.directory(), "told.json")
    with atomic.exclusive(path):
        told = atomic.read_json(path, {})
        if told.get(service) == mark:
            return False
        atomic.write_json(path, {**told, service: mark})
    tag, new_tag = image_lock.split(old)[1], image_lock.split(new)[1]
    ledger.append(ACTOR, service, "update found", cause=why, details={"old": old, "new": mark})
    notify.send(
        service,
        f"{service} {new_tag} is there",
        f"{why}. It runs {tag}. To take it: stack-manage.sh update {service} --major",
        priority=USUAL,
        tags=("new",),
        key=f"update found {service}",
    )
    return True


def move(tx: Mapping[str, Any]) -> str:
    """Return "4.0.20 -> 4.0.21", or that one tag has another content now."""
    before, after = (image_lock.split(tx[key]["image"])[1] for key in ("old", "new"))
    return f"{before} -> {after}" if before != after else f"{before}, built anew"


def _since(at: str) -> float:
    try:
        return max(0.0, time.time() - clock.seconds(at))
    except ValueError:
        return 0.0
