"""An adoption that is ended by SIGKILL at a chosen point, or at its end if it is over before.

Points: "copy" (there is a copy), or a step of its journal. So much later the whole group dies.
"""

import json
import os
import signal
import subprocess
import time
from typing import Any

JOURNAL = "/var/lib/mediastack/adopt.json"
STAGE = "/srv/mediastack/config/.mediastack-adopt"
LONGEST_SECONDS = 120.0


def main(command: "list[str]", point: str, delay: float) -> "dict[str, Any]":
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    reached = False
    while process.poll() is None and time.monotonic() - started < LONGEST_SECONDS:
        if is_reached(point):
            reached = True
            break
        time.sleep(0.001)
    time.sleep(delay)
    was_alive = process.poll() is None
    if was_alive:
        os.killpg(process.pid, signal.SIGKILL)
    said = process.communicate()[0]
    return {"reached": reached, "killed": was_alive, "code": process.returncode, "said": said}


def is_reached(point: str) -> bool:
    if point == "copy":
        return os.path.isdir(STAGE) and bool(os.listdir(STAGE))
    try:
        with open(JOURNAL, encoding="utf-8") as stream:
            services = json.load(stream)["services"]
    except (OSError, ValueError, KeyError):
        return False
    return any(one.get("step") == point for one in services.values())
