"""What a backup reads besides the live files: consistent copies, and the manifest of it all.

INTERFACE FIRST: `prepare` is filled in by the following commits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mediastack.docker_engine import Engine

# Do the work while a service is stopped; return for how many seconds it was (0.0: it did not run).
Stop = Callable[[dict[str, Any], Engine, str, Callable[[], None]], float]


class Staged(NamedTuple):
    """What restic is to be told, and what happened.

    `paths` exist and are absolute; `excludes` are absolute patterns for --exclude (not
    --exclude-file, which reads them otherwise). `downtime`: {service: seconds}, only of those that
    were stopped. `problems`: what is wrong with single databases, one sentence each: the snapshot
    is worth making (it has the last good copy where there is one), and the run is to end with 1 and
    a message.
    """

    paths: list[str]
    excludes: list[str]
    manifest: dict[str, Any]
    reused: int
    copied: int
    downtime: dict[str, float]
    problems: list[str]


def prepare(config: dict[str, Any], docker: Engine, *, stop: Stop | None = None) -> Staged:
    """Bring the stage up to date with this house. The caller holds run_lock. Raise BackupError."""
    raise NotImplementedError


def bytes_wanted(config: Mapping[str, Any]) -> int:
    """Return how much room prepare needs at most on the configs' file system, in bytes."""
    raise NotImplementedError
