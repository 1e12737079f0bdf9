"""What a simulated host is made of: a service and its config, a registry, images, containers.

A config is a value: two are compared by `==`, and a copy is the value itself. Its rows are a chain,
each derived from the one before, so a lost, doubled or foreign row shows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checks.updates_world import World

FIRST_ROW = 17


def next_row(row: int) -> int:
    """The row that follows `row` in the chain."""
    return zlib.crc32(row.to_bytes(4, "big"))


@dataclass(frozen=True)
class Config:
    """A service's state on disk. `torn`: copied or written half; `size` in bytes."""

    files: tuple[tuple[str, str], ...] = (("settings", "ours"), ("logs.db", "schema 1"))
    schema: int = 1
    rows: tuple[int, ...] = (FIRST_ROW,)
    owner: int = 1000
    torn: bool = False
    size: float = 50e6

    def chain_is_whole(self) -> bool:
        """Every row follows from the one before it."""
        pairs = zip(self.rows, self.rows[1:], strict=False)
        return self.rows[:1] == (FIRST_ROW,) and all(next_row(a) == b for a, b in pairs)

    def differences(self, other: Config) -> tuple[str, str]:
        """What differs, as this one and the other have it."""
        mine, theirs = vars(self), vars(other)
        names = [name for name in mine if mine[name] != theirs[name]]
        return tuple(  # type: ignore[return-value]
            ", ".join(f"{name} {str(one[name])[-60:]}" for name in names) for one in (mine, theirs)
        )


class Life:
    """One life of a container's program: what it answers, and how it is at its end."""

    def __init__(self, world: World, since: float) -> None:
        self.world, self.since = world, since
        self.answers = self.works = False
        self.answer_seconds = 0.1
        self.stop_seconds = 1.0

    def up(self, answers: bool = True) -> None:
        """It works from here on, or no longer."""
        self.answers = self.works = answers

    def add_row(self) -> None:
        """The program writes a row."""
        rows = self.world.config.rows
        self.world.change(rows=(*rows, next_row(rows[-1])))

    def write(self, name: str, content: str | None) -> None:
        """The program writes a file, or removes it (None)."""
        files = dict(self.world.config.files)
        if content is None:
            files.pop(name, None)
        else:
            files[name] = content
        self.world.change(files=tuple(sorted(files.items())))


Program = Callable[[Life], Generator[float, None, int]]


@dataclass(frozen=True)
class Image:
    """What a digest stands for. `cannot_start`: the exit code of a runtime that gives up."""

    program: Program
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")
    size: float = 200e6
    health: bool = True
    cannot_start: int = 0


@dataclass
class Service:
    """What the configuration says of the service that is updated."""

    grace: float = 30.0
    deadline: float = 600.0
    stable: float = 60.0
    expects_health: bool = True
    interval: float = 30.0
    start_interval: float = 5.0
    start_period: float = 120.0
    restarts: bool = True
    """Docker starts it anew (bridge); else nobody does (vpn zone)."""
    dependents: tuple[str, ...] = ()
    tag: str = "1.0.1"
    """The tag that is new; the old one is 1.0.0."""


@dataclass
class Registry:
    """`mode`: "" (it works) or what is wrong with it; `speed` in bytes a second."""

    mode: str = ""
    speed: float = 20e6
    tags: dict[str, str] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)


@dataclass
class Container:
    """A container as Docker knows it; `count` is its RestartCount."""

    digest: str
    number: int
    restarts_by_itself: bool
    status: str = "created"
    exit_code: int = 0
    count: int = 0
    begun: int = 0
    pause: float = 0.1
    health: str = "starting"
    streak: int = 0
    probe: float = 0.0
    life: Life | None = None
    running: Generator[float, None, int] | None = field(default=None, repr=False)

    def document(self, has_check: bool) -> dict[str, Any]:
        """What `docker inspect` shows, as far as an updater looks at it."""
        state: dict[str, Any] = {
            "Status": self.status,
            "Running": self.life is not None,
            "ExitCode": self.exit_code,
            "StartedAt": f"{self.number}.{self.begun}",
        }
        if has_check:
            state["Health"] = {
                "Status": self.health,
                "FailingStreak": self.streak,
                "Log": [{"End": str(self.probe), "ExitCode": int(self.streak > 0)}]
                if self.probe
                else [],
            }
        return {
            "Id": f"c{self.number}",
            "Config": {"Image": self.digest},
            "RestartCount": self.count,
            "State": state,
        }
