"""Write down the command line and environment of every process that appears, until told to end.

Each process is read several times after it was first seen, because it may still be about to become
another program. A record per line goes to stdout; equal ones only once.
"""

import json
import os
import time

READINGS = 6
PAUSE_SECONDS = 0.02


def read(pid: str, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as handle:
            return handle.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def main() -> None:
    readings: dict[str, int] = {}
    written: set[tuple[str, str]] = set()
    while True:
        pids = {name for name in os.listdir("/proc") if name.isdigit()}
        readings = {pid: readings.get(pid, 0) for pid in pids}
        for pid in pids:
            if readings[pid] >= READINGS:
                continue
            readings[pid] += 1
            record = (read(pid, "cmdline"), read(pid, "environ"))
            if record[0] and record not in written:
                written.add(record)
                print(json.dumps(record), flush=True)
        time.sleep(PAUSE_SECONDS)
