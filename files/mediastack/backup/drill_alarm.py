"""Who has not seen a restore succeed for eight days is told so, whatever keeps the drill from it.

Called by each `backup --due`, at work or not: once when it is too long, then once a week, until a
drill succeeds. The doctor says the same every day, should that timer be dead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mediastack import clock, ledger, notify
from mediastack.backup import ages, report, settings

REMINDER_SECONDS = 7 * ages.DAY
SUBJECT = "restore-drill"


def tell(config: Mapping[str, Any], now: float | None = None) -> bool:
    """Send the alarm if it is due; say whether it was. Raise OSError."""
    wanted = settings.of(config)
    if not (wanted.enabled and wanted.drill):
        return False
    now, found = time.time() if now is None else now, report.read()
    problem = ages.unproven(config, found, now)
    told = ages.since(found["drill"].get("told_at"), now)
    if not problem or (told is not None and told < REMINDER_SECONDS):
        return False
    # First written down: rather one message too few than one every quarter of an hour.
    report.note(drill={**found["drill"], "told_at": clock.timestamp(now)})
    error = str(found["drill"].get("error", ""))
    name = config.get("host", {}).get("name", "this host")
    ledger.append("backup", SUBJECT, "alarm", cause=f"a restore {problem}")
    notify.send(
        SUBJECT,
        f"{name}: no restore proven for 8 days",
        f"A restore {problem}. {error or 'The drill did not run.'}\n"
        "Whether your backups can be restored is not known: stack-manage.sh restore-drill",
        priority=4,
        tags=("rotating_light",),
        key="restore unproven",
    )
    return True
