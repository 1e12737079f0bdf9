"""What the simulated Docker works with: containers, how they behave, and things that take time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from mediastack.docker_client import DockerError, NotReachable

OWNER = "gluetun"
RUNS = ("running", "paused")
# What a process waits for: seconds. What it returns is its result.
Steps = Generator[float, None, Any]


@dataclass
class Traits:
    """How a service behaves; faults change it."""

    stop_seconds: float = 1.0
    healthy_seconds: float = 3.0
    has_health: bool = True
    start_error: str = ""
    crash_seconds: float | None = None
    never_healthy: bool = False
    wedged: bool = False


@dataclass
class Container:
    """One container as Docker knows it."""

    name: str
    service: str
    id: str
    network_mode: str
    config_hash: str
    status: str = "created"
    health: str = "none"
    netns: int | None = None
    pid: int = 0
    started: float | None = None
    started_text: str = ""
    finished: float | None = None
    finished_text: str = ""
    exit_code: int = 0
    oom: bool = False
    restarts: int = 0
    error: str = ""
    created: float = 0.0
    firewall: bool = True
    # When it lost its firewall (the world's seconds): what was found before is believed a while.
    unprotected: float = -1e9
    # Another one at each start, so that what was meant for an earlier life does nothing.
    life: int = 0
    # Docker does not start again by itself what a person stopped.
    by_hand: bool = False
    made_by: str = ""


def together(several: list[Steps]) -> Steps:
    """Run processes side by side; raise the first error when all have ended."""
    waiting: list[list[Any]] = [[0.0, number, steps] for number, steps in enumerate(several)]
    passed, errors = 0.0, []
    while waiting:
        waiting.sort(key=lambda entry: (entry[0], entry[1]))
        entry = waiting[0]
        if entry[0] > passed:
            yield entry[0] - passed
            passed = entry[0]
        try:
            entry[0] = passed + next(entry[2])
        except StopIteration:
            waiting.pop(0)
        except (DockerError, NotReachable) as error:
            errors.append(error)
            waiting.pop(0)
    if errors:
        raise errors[0]
