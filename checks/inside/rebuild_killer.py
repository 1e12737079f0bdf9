"""Wait until a rebuild runs, and so long again; then SIGKILL it, alone or with what it started."""

import contextlib
import os
import signal
import time

POLL_SECONDS = 0.01
WORDS = ["mediastack", "rebuild"]


def words(pid: str) -> "list[str]":
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            return handle.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def parent(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as handle:
            return handle.read().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def main(delay: float, patience: float, family: bool) -> "dict[str, object]":
    until = time.monotonic() + patience
    while time.monotonic() < until:
        every = [pid for pid in os.listdir("/proc") if pid.isdigit()]
        found = [pid for pid in every if words(pid)[-2:] == WORDS]
        if not found:
            time.sleep(POLL_SECONDS)
            continue
        time.sleep(delay)
        killed = []
        children = [pid for pid in os.listdir("/proc") if pid.isdigit() and parent(pid) in found]
        for pid in [*found, *(children if family else [])]:
            name = " ".join(words(pid)[-2:])
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
                killed.append(name)
        return {"killed": killed}
    return {"killed": []}
