"""No updates for now, because the user said so: updater/paused.json {"since", "until" or null}.

A pause keeps new updates from beginning. One that is under way goes on to its end.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from mediastack import atomic, clock
from mediastack.updater import inflight


def begin(seconds: float | None) -> None:
    """Pause for so long (None: until it is ended). Raise OSError."""
    now = time.time()
    until = None if seconds is None else clock.timestamp(now + seconds)
    os.makedirs(inflight.directory(), mode=0o755, exist_ok=True)
    atomic.write_json(_path(), {"since": clock.timestamp(now), "until": until})


def end() -> bool:
    """End it; say whether there was one. Raise OSError."""
    was = bool(read())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path())
    return was


def read() -> dict[str, Any]:
    """Return {"since","until"} while updates are paused, {} while they are not."""
    found = atomic.read_json(_path(), {})
    if not found:
        return {}
    try:
        over = found["until"] is not None and time.time() >= clock.seconds(found["until"])
    except (KeyError, TypeError, ValueError):
        # Damaged: what was meant is a pause.
        return {"since": str(found.get("since", "")), "until": None}
    return {} if over else found


def line() -> str:
    """Return one line about it, "" while there is none."""
    found = read()
    if not found:
        return ""
    until = f"until {found['until'][:16]}" if found["until"] else "until you end it"
    return f"updates: paused {until}; stack-manage.sh pause-updates --off ends it"


def _path() -> str:
    return os.path.join(inflight.directory(), "paused.json")
