"""One measured run of a backup program: seconds, processor time, and what it weighs at its peak."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants import BenchError

SAMPLE_SECONDS = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """`peak` is in bytes: of all processes of the run together, as seen 50 times a second."""

    seconds: float
    processor: float
    peak: int


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run a command to its end. Raise BenchError when it fails."""
    os.sync()
    before = os.times()
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with _watched(process.pid) as peak:
        said, _ = process.communicate()
    seconds = time.monotonic() - started
    after = os.times()
    if process.returncode:
        tail = "\n".join(said.strip().splitlines()[-15:])
        raise BenchError(f"{command[0]} ended with {process.returncode}:\n{tail}")
    used = after.children_user + after.children_system
    return Measured(
        seconds, used - before.children_user - before.children_system, max(peak, default=0)
    )


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    over, seen = threading.Event(), [0]

    def watch() -> None:
        while not over.is_set():
            seen[0] = max(seen[0], sum(_resident(one) for one in _family(pid)))
            over.wait(SAMPLE_SECONDS)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/children", encoding="ascii") as stream:
                    found += map(int, stream.read().split())
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
