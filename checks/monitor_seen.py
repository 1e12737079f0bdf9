"""What happened to Gluetun's group in the box, from the record of inside/group.py.

A stretch is the time for which a dependent ran while Gluetun ran in another namespace, or not at
all. Its length is what "nobody stays stranded" is about; a new namespace of Gluetun's does not
begin a new one. Pure, but for `recorded`.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks import box, runtime
from checks.box import Host

READY_SECONDS = 15.0
OWNER = "gluetun"
# A decision comes so soon after what it waited for.
WITHHELD_SECONDS = 0.05


@dataclass
class Record:
    """Changes and events, oldest first, in the box's time."""

    states: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take in what inside/group.py printed; a torn last line is left out."""
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                (self.states if "running" in entry else self.events).append(entry)

    def cut(self) -> None:
        """Nobody looks any more: what ran last is not known to go on."""
        if self.states:
            self.states.append({"at": self.states[-1]["at"], "running": {}})

    def ran(self, name: str, since: float) -> bool:
        """Whether it was seen running after this moment."""
        return any(one["at"] > since and name in one["running"] for one in self.states)

    def times(self, name: str, *actions: str, since: float = 0.0) -> list[float]:
        """When Docker told one of these of a container."""
        return [
            one["at"]
            for one in self.events
            if one["name"] == name and one["event"] in actions and one["at"] >= since
        ]


@contextlib.contextmanager
def recorded(host: Host, into: Path, record: Record) -> Iterator[None]:
    """Record while the context lasts; what was recorded is in `record` afterwards."""
    source = (box.INSIDE / "group.py").read_text(encoding="utf-8")
    packed = base64.b64encode(source.encode()).decode()
    program = f"import base64;exec(base64.b64decode('{packed}'))"
    names = " ".join(group())
    with box.recorded(host, f'python3 -c "{program}" {names}', into):

        def missing() -> str:
            return "" if b'"running"' in into.read_bytes() else "its first line"

        runtime.wait_until("the namespaces are watched", missing, READY_SECONDS)
        yield
    record.add(into.read_text(encoding="utf-8", errors="replace"))


def group() -> list[str]:
    """Gluetun and its dependents."""
    return [OWNER, *dependents()]


def dependents() -> list[str]:
    """What should live in Gluetun's namespace."""
    return sorted(name for name, one in runtime.expected().items() if one.zone == "vpn")


def stretches(record: Record, end: float) -> dict[str, float]:
    """The longest stretch of each dependent that had one, in seconds; `end`: of the record."""
    longest: dict[str, float] = {}
    began: dict[str, float] = {}
    for entry in [*record.states, {"at": end, "running": {}}]:
        running = entry["running"]
        owner = running.get(OWNER)
        for name in [name for name in running if name != OWNER] + list(began):
            one = running.get(name)
            stranded = one is not None and (owner is None or one[2] != owner[2])
            if stranded:
                began.setdefault(name, entry["at"])
            elif name in began:
                length = entry["at"] - began.pop(name)
                longest[name] = max(longest.get(name, 0.0), length)
    return longest


def decisions(host: Host, since: float) -> list[dict[str, Any]]:
    """What the monitor wrote down of its decisions after this moment."""
    text = box.run(host, "cat /var/lib/mediastack/monitor/monitor.json", check=False)
    try:
        found: list[dict[str, Any]] = json.loads(text).get("decisions", [])
    except ValueError:
        return []
    return [one for one in found if one["at"] > since]


def latencies(
    record: Record, decided: list[dict[str, Any]]
) -> tuple[list[float], list[float], list[str]]:
    """(seconds from Docker's event to each decision that one led to, those of decisions that Docker
    withheld the answer for, what is wrong with them).

    An event that the monitor names has to be one of Docker's. Where it names none, because the end
    of the process woke it, the last event before it counts if it is no older than a second; a
    decision without one had been waiting for its time. Docker answers nothing about a container
    while it starts it: a decision that was asked for before and made right after that could not be
    sooner.
    """
    known = sorted(one["at"] for one in record.events)
    starts = record.times(OWNER, "start")
    found: list[float] = []
    withheld: list[float] = []
    wrong: list[str] = []
    for one in decided:
        at, event = one["at"], one["event_at"]
        if event is None:
            before = [moment for moment in known if at - 1.0 <= moment <= at + 0.02]
            if one["why"] == "hold" and before:
                found.append(max(0.0, at - before[-1]))
            continue
        if not any(abs(moment - event) < 0.001 for moment in known):
            wrong.append(f"the monitor names an event at {event:.3f} that Docker did not tell")
        blocked = any(event < start <= at <= start + WITHHELD_SECONDS for start in starts)
        (withheld if blocked else found).append(at - event)
    return found, withheld, wrong


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies (the nearest one above)."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
