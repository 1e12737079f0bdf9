"""How a test makes a stand-in slow, sick or dead.

A control file is read again at every question: `<state>/.standin.json` (survives a recreation when
the state is mounted) or `/tmp/standin.json` (for `docker exec`). Keys, all optional, also as
environment (STANDIN_HEALTH=sick ...):

    health                  "sick": health answers 500; "hang": it never answers in time
    delay_seconds           every answer takes so much longer
    start_delay_seconds     the port opens so much later (read at start)
    exit_code               the process ends at once with it (at start, or when next asked)
    ignore_sigterm          true: only SIGKILL ends it
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

FALLBACK = Path("/tmp/standin.json")
HANG_SECONDS = 3600.0


def read(state: str = "") -> dict[str, Any]:
    """The control values in force now: environment, overlaid by the files that exist."""
    found: dict[str, Any] = {}
    for name, value in os.environ.items():
        if name.startswith("STANDIN_"):
            found[name.removeprefix("STANDIN_").lower()] = value
    for path in (FALLBACK, Path(state) / ".standin.json" if state else FALLBACK):
        try:
            found.update(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue  # absent, or being written: the next question reads it again
    return found


def at_start(state: str = "") -> None:
    """Honour exit_code and start_delay_seconds."""
    values = read(state)
    if "exit_code" in values:
        raise SystemExit(int(values["exit_code"]))
    time.sleep(float(values.get("start_delay_seconds", 0)))


def is_sick(state: str = "") -> bool:
    """Honour what is in force for one health question; True when it must be answered with 500."""
    values = read(state)
    if values.get("health") == "hang":
        time.sleep(HANG_SECONDS)
    return values.get("health") == "sick"


def before_answer(state: str = "") -> None:
    """Honour exit_code and delay_seconds for any question."""
    values = read(state)
    if "exit_code" in values:
        os._exit(int(values["exit_code"]))
    time.sleep(float(values.get("delay_seconds", 0)))
