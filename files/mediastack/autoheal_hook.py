"""Autoheal's webhook wakes the keeper, which tells what happened: nobody hears of it twice.

Autoheal's log says everything that its webhook says, and keeps it while nobody listens; the keeper
reads it at each pass, counts, and falls silent when a service is restarted again and again. So the
log is the truth and the webhook only makes the keeper look at once. Its own words are passed on
when there is no keeper to do that.
"""

from __future__ import annotations

import os
import signal
import subprocess

KEEPER = "mediastack-keeper.service"
TIMEOUT_SECONDS = 5.0


def keeper_tells() -> bool:
    """Have the keeper look now; False when it does not run, and so will not tell. Raise nothing."""
    asked = ["systemctl", "show", "--property=MainPID", "--value", KEEPER]
    try:
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
        ).stdout.strip()
        if not answer.isdecimal() or int(answer) <= 1:
            return False
        # The keeper alone, not its unit: a child that looks at /data would die of it.
        os.kill(int(answer), signal.SIGHUP)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
