"""`resume`: the user lifts the monitor's pause; it counts its cascades anew from there.

The wish is a file in the monitor's own directory, so that it stands also when the monitor is just
being restarted. The directory belongs to an account without rights: nothing of what lies there is
followed or read here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from mediastack import config as configuration
from mediastack.monitor import host, report

PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.1
WAKE = ("systemctl", "kill", "--signal=HUP", report.UNIT)


def main(arguments: list[str]) -> int:
    """Verb `resume`: exit 1 when the monitor does not take it up. Raise ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack resume", description=main.__doc__)
    parser.parse_args(arguments)
    config = configuration.load()
    found = report.read(config)
    if not found:
        print("mediastack resume: this host has no Gluetun, so no monitor", file=sys.stderr)
        return 1
    path = os.path.join(config["monitor"]["directory"], host.RESUME_FILE)
    try:
        ask(path)
    except OSError as error:
        print(f"mediastack resume: {path}: {error.strerror}; run the deploy", file=sys.stderr)
        return 1
    subprocess.run(WAKE, capture_output=True, check=False)
    if not is_taken(path):
        print(
            "mediastack resume: the monitor has not taken it up yet and will when it runs; "
            f"systemctl status {report.UNIT} says why it does not",
            file=sys.stderr,
        )
        return 1
    lifted = "the pause is lifted" if found["pause"] else "there was no pause"
    print(f"{lifted}; up to {found['cascades_per_hour']} times an hour are counted from now on")
    return 0


def ask(path: str) -> None:
    """Leave the wish; one that lies there already is the same. Raise OSError."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


def is_taken(
    path: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Say whether the wish was taken away within PATIENCE_SECONDS."""
    deadline = clock() + PATIENCE_SECONDS
    while os.path.lexists(path):
        if clock() >= deadline:
            return False
        sleep(POLL_SECONDS)
    return True
