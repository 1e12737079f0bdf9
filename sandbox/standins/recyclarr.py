"""Recyclarr: no port; runs as 1000:1000, needs a writable /config, waits for its schedule.

With arguments (`sync`) it does one run and ends, as `docker compose run --rm recyclarr sync` does.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from . import application, control, web


def main(arguments: list[str]) -> int:
    """Run once with arguments, else until SIGTERM."""
    state = application.state_directory("/config")
    log = Path(state) / "logs" / "cli"
    if os.geteuid() == 0:
        raise SystemExit("recyclarr must not run as root")
    try:
        log.mkdir(parents=True, exist_ok=True)
        (log / "standin.log").write_text(f"{time.time():.0f} {arguments}\n", encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"/config is not writable: {error}") from error
    if arguments:
        print(f"ran {' '.join(arguments)}")
        return 0
    control.at_start(state)
    print(f"waiting for the schedule {application.setting('CRON_SCHEDULE', '@daily')}")
    return web.wait_for_signal(state)
