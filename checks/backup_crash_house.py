"""The services whose configs are backed up and restored here, and the programs that do it.

Real ones of the household, of each kind: on the bridge, in Gluetun's network with a database, and
the one that is stopped for its copy. They get health checks of a second, or each restore would take
a minute. The timer of backups rests, so that nobody else goes on with what was killed.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from checks import box, checkout, runtime
from checks.framework import CheckError, Context

CONFIGS = "/srv/mediastack/config"
TIMER = "mediastack-backup.timer"
QUICK_HEALTH = {"interval": 1, "timeout": 5, "retries": 3, "start_period": 60}
UPDATES = {"stable_seconds": 1}
WELL_SECONDS, WELL_SECONDS_WITH_FAULT = 90.0, 20.0
# Less than what a command in the box may take.
RUN_SECONDS = 100.0


@dataclass(frozen=True)
class Subject:
    """A service; `odd`: it leaves owners as they are."""

    name: str
    database: str = ""
    left_out: tuple[str, ...] = ()
    owner: int = 1000
    odd: bool = False

    def words(self) -> dict[str, Any]:
        """As inside/backup_state.py takes it."""
        return {
            "root": f"{CONFIGS}/{self.name}",
            "database": self.database,
            "left_out": list(self.left_out),
            "owner": self.owner,
            "odd": self.odd,
        }


SEERR = Subject("seerr", "db/db.sqlite3", ("cache", "logs"), odd=True)
SONARR = Subject("sonarr", "sonarr.db", ("logs", "logs.db", "logs.db-wal", "logs.db-shm"))
QBITTORRENT = Subject("qbittorrent", "", ("qBittorrent", ".cache", ".config", ".local"))
EVERYBODY = (SEERR, SONARR, QBITTORRENT)
# Those whose whole tree holds still while nobody restores.
RESTORED = (SEERR, SONARR)


@dataclass
class Run:
    """A run of a host program, killed or not."""

    words: tuple[str, ...]
    code: int = 0
    killed: bool = False
    seconds: float = 0.0
    began: float = 0.0
    steps: list[list[Any]] = field(default_factory=list)
    said: str = ""
    late: bool = False


def prepare(context: Context) -> None:
    """Deploy the household with quick health checks; no timer."""
    sources = context.resources.enter_context(with_quick_health(context.box.sources))
    done = box.deploy(context.box, sources=sources)
    if done.failed:
        raise CheckError(f"the deploy with quick health checks failed: {done.failed}")
    runtime.wait_until_well(context.box, WELL_SECONDS)
    # Nobody backs up or goes on with a restore by himself.
    context.resources.enter_context(runtime.without_timer(context.box, TIMER))
    box.run(context.box, "systemctl stop mediastack-backup.service")


@contextlib.contextmanager
def with_quick_health(source: Path) -> Iterator[Path]:
    """A copy of the checkout whose sandbox asks these services every second."""
    services = runtime.services()
    changes = {
        one.name: {"health": {"test": list(health.test), **QUICK_HEALTH}}
        for one in EVERYBODY
        if (health := services[one.name].health) is not None
    }
    with checkout.frozen(source) as sources:
        file = sources / "sandbox" / "settings.toml"
        found = tomllib.loads(file.read_text(encoding="utf-8"))
        found["updates"] = {**found.get("updates", {}), **UPDATES}
        tables = found.setdefault("services", {})
        for name, change in changes.items():
            tables[name] = {**tables.get(name, {}), **change}
        file.write_text(tomli_w.dumps(found), encoding="utf-8")
        yield sources


def run(context: Context, *words: str, kill_at: int = 0, delay: float = 0.0) -> Run:
    """Run a host program, and kill it there."""
    found = box.inside(
        context.box, "backup_kill", words=list(words), kill_at=kill_at, delay=delay,
        seconds=RUN_SECONDS,
    )  # fmt: skip
    return Run(words, **found)


def must(context: Context, *words: str) -> Run:
    """Run one that nothing disturbs; note what goes wrong as a violation."""
    found = run(context, *words)
    if found.code:
        how = "does not end" if found.late else f"ends with {found.code}"
        context.violation(f"{' '.join(words)} {how}: {found.said[-400:].strip()}")
    return found


def state(context: Context, subjects: tuple[Subject, ...], plant: int = -1) -> dict[str, Any]:
    """The configs as they are; `plant`: after another state was put in."""
    words = {one.name: one.words() for one in subjects}
    found: dict[str, Any] = box.inside(context.box, "backup_state", services=words, state=plant)
    return found


def of_snapshot(context: Context, identity: str, subjects: tuple[Subject, ...]) -> dict[str, Any]:
    """What a snapshot has of them, by restic alone."""
    words = {one.name: one.words() for one in subjects}
    found: dict[str, Any] = box.inside(
        context.box, "backup_state", services=words, identity=identity, what="snapshot"
    )
    return found


def leftovers(context: Context) -> list[str]:
    """What a restore has left."""
    found: list[str] = box.inside(context.box, "backup_state", services={}, what="leftovers")
    return found


def whole(context: Context) -> str:
    """What restic finds wrong with the repository."""
    found: str = box.inside(context.box, "backup_state", services={}, what="whole")
    return found


def offered(context: Context) -> list[str]:
    """The identities of all backups that a user is shown, the newest last."""
    found = json.loads(box.run(context.box, "/opt/mediastack/bin/mediastack backup list --json"))
    return [str(one["id"]) for one in found]


def is_well(context: Context, after: str) -> None:
    """Everything runs again, without a hand."""
    seconds = WELL_SECONDS_WITH_FAULT if context.break_name else WELL_SECONDS
    try:
        runtime.wait_until_well(context.box, seconds)
    except CheckError as error:
        context.violation(f"{after}: {error}")
