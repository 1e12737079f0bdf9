"""What the user hears of a restore: a ledger entry for each service, and one message for all.

What is stuck is sent at once, for it waits for a hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack import ledger, notify

ACTOR = "restore"
LOW, USUAL, HIGH, URGENT = 2, 3, 4, 5
OUTCOMES = {
    "done": "restored",
    "failed": "not restored",
    "undone": "restore taken back",
    "stuck": "restore stuck",
}


def stage(tx: Mapping[str, Any], name: str) -> None:
    """Write down what has become of a service. Raise nothing."""
    service = str(tx["service"])
    cause = f"{tx['step']}: {tx['stuck']}" if name == "stuck" else words(tx)
    details = {key: tx[key] for key in ("move", "sick", "left") if tx.get(key)}
    ledger.append(ACTOR, service, OUTCOMES[name], cause=cause, details=details or None)
    if name == "stuck":
        notify.send(
            service,
            f"{service} is stuck in its restore",
            f"{cause}. Tried again every quarter of an hour, and by: stack-manage.sh restore"
            " --resume",
            priority=URGENT,
            tags=("rotating_light",),
            key=f"restore stuck {service}",
        )


def ended(journal: Mapping[str, Any]) -> None:
    """Send how all of it ended. Raise nothing."""
    everybody = journal["services"].values()
    done = [tx["service"] for tx in everybody if tx["step"] == "done"]
    rest = [tx for tx in everybody if tx["step"] != "done"]
    lines = (
        [f"Restored from the backup of {journal['made_at']}: {', '.join(done)}."] if done else []
    )
    lines += [f"{tx['service']}: {OUTCOMES.get(tx['step'], 'stuck')}: {words(tx)}" for tx in rest]
    notify.send(
        "restore",
        "Restore finished" if not rest else "Restore: not everything was restored",
        "\n".join(lines),
        priority=HIGH if rest else USUAL,
        tags=("warning",) if rest else ("white_check_mark",),
        key=f"restore {journal['id']}",
    )


def words(tx: Mapping[str, Any]) -> str:
    """Return in words what became of a service, or where it is."""
    if tx["step"] == "done":
        stopped = not tx["runs"] and tx["old"] is not None
        text = "it is stopped; its config of before is kept for a week" if stopped else ""
    elif tx["step"] == "failed":
        text = f"{tx['why']}; it is as it was"
    elif tx["step"] == "undone":
        text = f"{tx['why']}; its config of before is back"
    else:
        text = f"{tx['step']}: {tx['stuck'] or 'under way'}"
    sick = f"; it is not well: {tx['sick']}" if tx["sick"] else ""
    left = f"; left over: {tx['left']}" if tx["left"] else ""
    return f"{text}{sick}{left}".removeprefix("; ")
