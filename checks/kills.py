"""A deploy that is cut down at a chosen point, in one of the ways in which that happens.

The point is an operation (pyinfra names each as it starts) and a fraction of the time that the
operation took undisturbed. The ways: the controller is killed and what it started on the host goes
on; both ends are killed; the connection is cut and the controller has to notice; the power fails.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from checks import box
from checks.box import Host
from checks.framework import CheckError

KINDS = ("controller", "both", "connection")
POWER = "power"
STARTING = "--> Starting operation: "
ENDED_WELL = "without its connection it ended with 0"
# What was left to do was little, and done before the connection was cut.
OVER = "over"
# pyinfra has to notice that its connection is gone, and to end.
NOTICE_SECONDS = 90.0
RUN_SECONDS = 600.0


@dataclass(frozen=True)
class Point:
    """Where and how a deploy is cut down."""

    operation: str
    fraction: float
    kind: str

    def __str__(self) -> str:
        return f"{self.operation} at {self.fraction:.2f} ({self.kind})"


@dataclass
class Followed:
    """A running pyinfra, and what it has said so far with the time of each line."""

    process: subprocess.Popen[str]
    awaited: str
    reached: threading.Event = field(default_factory=threading.Event)
    lines: list[tuple[float, str]] = field(default_factory=list)

    def read(self) -> None:
        """Take its output until there is no more."""
        for line in self.process.stdout or ():
            self.lines.append((time.monotonic(), line.rstrip()))
            if line.startswith(f"{STARTING}{self.awaited}"):
                self.reached.set()
        self.reached.set()

    def has(self, start: str) -> bool:
        """Whether a line began like this."""
        return any(line.startswith(start) for _, line in self.lines)

    def said(self) -> str:
        """The last lines."""
        return "\n".join(line for _, line in self.lines[-12:])


def started(host: Host, sources: Path, awaited: str) -> tuple[Followed, threading.Thread]:
    """Start a deploy in a process group of its own and read along."""
    process = subprocess.Popen(
        [f"{sys.prefix}/bin/pyinfra", "inventory.py", "deploy.py", "-y"],
        cwd=sources,
        env={**os.environ, "MEDIASTACK_BOX": host.name, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    followed = Followed(process, awaited)
    reader = threading.Thread(target=followed.read, daemon=True)
    reader.start()
    return followed, reader


def end(followed: Followed, reader: threading.Thread) -> None:
    """SIGKILL it with all it started on this machine."""
    if followed.process.poll() is None:
        os.killpg(followed.process.pid, signal.SIGKILL)
    followed.process.wait()
    reader.join(timeout=10)


def undisturbed(host: Host, sources: Path) -> dict[str, float]:
    """Deploy; return the seconds of each operation. Raise CheckError when it fails."""
    followed, reader = started(host, sources, "-")
    try:
        code = followed.process.wait(RUN_SECONDS)
        reader.join(timeout=10)
    finally:
        end(followed, reader)
    if code != 0:
        raise CheckError(f"the undisturbed deploy ended with {code}:\n{followed.said()}")
    marks = [(at, line.removeprefix(STARTING)) for at, line in followed.lines
             if line.startswith(STARTING)]  # fmt: skip
    ends = [at for at, _ in marks[1:]]
    ends += [at for at, line in followed.lines if line.startswith("--> Results")][:1]
    return {name: until - at for (at, name), until in zip(marks, ends, strict=False)}


def cut_down(host: Host, sources: Path, point: Point, seconds: float) -> tuple[bool, str]:
    """Deploy and cut it down at `point`, in an operation that takes so many seconds.

    Return (whether it still ran then, what went wrong before or instead: "" is as it should be).
    """
    followed, reader = started(host, sources, point.operation)
    try:
        followed.reached.wait(RUN_SECONDS)
        try:
            code = followed.process.wait(point.fraction * seconds)
        except subprocess.TimeoutExpired:
            wrong = _strike(host, followed, reader, point.kind)
            return (False, "") if wrong == OVER else (True, wrong)
        reader.join(timeout=10)
        good = code == 0 and followed.has(f"{STARTING}{point.operation}")
        return False, "" if good else f"it ended with {code} by itself:\n{followed.said()}"
    finally:
        end(followed, reader)


def _strike(host: Host, followed: Followed, reader: threading.Thread, kind: str) -> str:
    if kind == "connection":
        box.inside(host, "sessions", what="cut")
        cut_at = time.monotonic()
        try:
            code = followed.process.wait(NOTICE_SECONDS)
        except subprocess.TimeoutExpired:
            return f"it does not notice within {NOTICE_SECONDS:.0f} s that its connection is gone"
        reader.join(timeout=10)
        went_on = any(at > cut_at and line.startswith(STARTING) for at, line in followed.lines)
        return "" if code else ENDED_WELL if went_on else OVER
    end(followed, reader)
    if kind == "both":
        box.inside(host, "sessions", what="kill")
    elif kind == POWER:
        box.reboot(host, hard=True)
    return ""


def quiet(host: Host, seconds: float) -> None:
    """Wait until nothing of an earlier connection runs in the box. Raise CheckError."""
    deadline = time.monotonic() + seconds
    while still := box.inside(host, "sessions", what="look"):
        if time.monotonic() > deadline:
            raise CheckError(f"after {seconds:.0f} s there still runs in the box: {still}")
        time.sleep(0.5)
