"""A restore from what the user asks for to what has become of it.

In this order, and nothing live is touched before the last: what an earlier one left is brought to
its end; the repository is read and found whole; the snapshot and its manifest; the plan, with all
that speaks against it; the user's word; everything taken out and verified; the exchanges.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mediastack import clock, history, ledger
from mediastack.backup.manifest import ManifestError
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.snapshots import LATEST, Snapshot
from mediastack.docker_engine import ImageEngine
from mediastack.restore import changes, extract, fetch, inflight, plan, resume, sources, tell
from mediastack.restore.trouble import RestoreError

NAME = "mediastack restore"
FAILURES = (RestoreError, ResticError, ManifestError, OSError, ValueError)


class Asked(NamedTuple):
    """What the user asks for. `snapshot`: "latest" or the beginning of an identity; `target`: a
    repository's name, "" any; `services`: none are all; `agreed` answers whether to go on."""

    snapshot: str = LATEST
    target: str = ""
    services: tuple[str, ...] = ()
    dry_run: bool = False
    images: bool = False
    despite_damage: bool = False
    agreed: Callable[[], bool] = lambda: True


class Found(NamedTuple):
    """What there is to restore."""

    target: Target
    snapshot: Snapshot
    manifest: dict[str, Any]


def restore(load: resume.Load, docker: ImageEngine, asked: Asked) -> int:
    """Do it and say how it went; return an exit code. The caller holds backup.run_lock, and the
    updater's unless it is a dry run. Raise ConfigError, NotReachable."""
    try:
        if inflight.read() is not None and asked.dry_run:
            print("a restore is under way; what follows is as if it were over")
        elif resume.finish(load, docker, said):
            return failed("a restore that was begun is stuck: stack-manage.sh history")
        found = find(load(), asked)
        planned = plan.make(
            load(), found.manifest, asked.services, plan.look(load(), docker),
            with_images=asked.images,
        )  # fmt: skip
        print(headline(found))
        for line in plan.lines(planned):
            print(line)
        if planned.refusals:
            for name, why in planned.refusals.items():
                print(f"{NAME}: {name}: {why}", file=sys.stderr)
            others = [one.service for one in planned.items]
            more = f" (without them: --service {' --service '.join(others)})" if others else ""
            return failed(f"nothing was changed{more}")
        if not planned.items:
            return failed("there is nothing to restore")
        if asked.dry_run:
            _foresee(load(), found, planned)
            return 0
        if not asked.agreed():
            return failed("nothing was changed")
        journal = _fetched(load(), docker, found, planned)
    except FAILURES as error:
        return failed(f"{_words(error)}; nothing was changed")
    if not journal["services"]:
        print("everything is as in that backup; nothing was changed")
        return 0
    return _apply(load, docker, journal)


def find(config: Mapping[str, Any], asked: Asked) -> Found:
    """Return the backup that is asked for. Raise RestoreError, ResticError, ManifestError."""
    target, snapshot = sources.pick(
        config, asked.target, asked.snapshot, said, despite_damage=asked.despite_damage
    )
    return Found(target, snapshot, extract.manifest(target, snapshot.id))


def headline(found: Found) -> str:
    """Say which backup it is."""
    manifest = found.manifest
    return (
        f"Backup {found.snapshot.id[:8]} in {found.target.name}, made at "
        f"{history.local_time(manifest['made_at'])} on {manifest['host']}"
    )


def said(text: str) -> None:
    """Show a person where it is."""
    print(f"{NAME}: {text}", file=sys.stderr)


def failed(message: str) -> int:
    """Say it and return the exit code."""
    print(f"{NAME}: {message}", file=sys.stderr)
    return 1


def _foresee(config: Mapping[str, Any], found: Found, planned: plan.Plan) -> None:
    names = [one.service for one in planned.items]
    expected = changes.find(config, found.target, found.snapshot.id, found.manifest, names)
    for name, change in expected.items():
        databases = found.manifest["services"][name].get("databases", {})
        print("\n".join(changes.lines(name, change, databases)))
    print("Nothing was changed.")


def _fetched(
    config: Mapping[str, Any], docker: ImageEngine, found: Found, planned: plan.Plan
) -> dict[str, Any]:
    """Return the journal of a restore that is about to touch what is live, written down; on any
    failure nothing is left. Raise what fetch does."""
    journal: dict[str, Any] = {
        "schema": inflight.SCHEMA,
        "id": f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}",
        "target": found.target.name,
        "snapshot": found.snapshot.id,
        "made_at": found.manifest["made_at"],
        "at": clock.timestamp(),
        "asked_by": os.environ.get("SUDO_USER") or "root",
        "phase": inflight.FETCH,
        "services": {},
    }
    inflight.write(journal)
    try:
        services = fetch.fetch(
            config, docker, found.target, found.snapshot.id, found.manifest, planned.items,
            journal["id"], said,
        )  # fmt: skip
        journal = {**journal, "phase": inflight.APPLY, "services": services}
        if not services:
            resume.give_up(config, journal, "everything is as in that backup")
            return journal
        inflight.write(journal)
    except BaseException as error:
        with contextlib.suppress(OSError):
            resume.give_up(config, journal, _words(error))
        raise
    return journal


def _apply(load: resume.Load, docker: ImageEngine, journal: dict[str, Any]) -> int:
    names = ", ".join(journal["services"])
    ledger.append(tell.ACTOR, "restore", "restore started", cause=names,
                  details={key: journal[key] for key in ("id", "target", "snapshot")})  # fmt: skip
    try:
        ended = resume.carry_on(load, docker, journal, said)
    except OSError as error:
        return failed(f"{_words(error)}; it is brought to its end as soon as that is mended")
    finally:
        if inflight.read() is not None:
            resume.start_unit()
    resume.sweep(load(), docker)
    for name, tx in ended["services"].items():
        more = tell.words(tx)
        print(f"{name}: {tell.OUTCOMES.get(tx['step'], 'stuck')}{f': {more}' if more else ''}")
    return 0 if all(tx["step"] == "done" for tx in ended["services"].values()) else 1


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'disk'}: {error.strerror}"
    return str(error) or type(error).__name__
