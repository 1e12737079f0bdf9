"""What the loops' pure steps want the user to hear of: a message, or an entry in the history.

Actions: {"do": "tell", "title", "message", "priority"}, and {"do": "record", "outcome", "cause",
"details"} with "subject" and "duration_seconds" where they have them. Neither raises: who reports a
problem must not die of reporting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack import ledger, notify


def carry_out(actor: str, subject: str, action: Mapping[str, Any]) -> None:
    """Hand a "tell" over to the spool, write anything else into the ledger; both are about
    `subject` unless the entry names another."""
    if action["do"] == "tell":
        title, priority = action["title"], action["priority"]
        notify.send(subject, title, action["message"], priority=priority, key=title)
        return
    ledger.append(
        actor,
        action.get("subject", subject),
        action["outcome"],
        cause=action["cause"],
        duration_seconds=action.get("duration_seconds", 0.0),
        details=action["details"],
    )
