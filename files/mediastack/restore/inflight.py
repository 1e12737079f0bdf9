"""The restore under way: restore.json in the state directory, and whom it concerns.

{"schema", "id", "target", "snapshot", "made_at", "at" (ISO), "asked_by", "phase": "fetch" (nothing
live was touched yet) or "apply", "services": {name: transaction}}. Whoever starts containers asks
here first: in a held step a service's image and its config are no pair, and while a restored one
may have to migrate its databases nobody restarts it for being unhealthy. A file that is damaged, or
of a release that nobody here knows, holds nothing.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from mediastack import atomic, config
from mediastack.restore import transaction

SCHEMA = 1
FETCH, APPLY = "fetch", "apply"
WORDS = "its restore is in the middle of exchanging it"


def read() -> dict[str, Any] | None:
    """Return the restore under way, None when there is none."""
    found = atomic.read_json(path(), {})
    whole = found.get("schema") == SCHEMA and isinstance(found.get("services"), dict)
    return found if whole and found.get("phase") in (FETCH, APPLY) else None


def write(journal: dict[str, Any]) -> None:
    """Put it on disk before what it says is begun. Raise OSError."""
    atomic.write_json(path(), journal)


def clear() -> None:
    """It is over. Raise OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path())
        atomic.sync_directory(os.path.dirname(path()))


def held() -> dict[str, str]:
    """Return {service: why} of whom nobody but the restore may start now."""
    return {name: WORDS for name, tx in _transactions().items() if transaction.holds(tx)}


def in_work() -> set[str]:
    """Return the services that nobody is to restart for being unhealthy: they may migrate."""
    found = _transactions()
    return {name for name, tx in found.items() if transaction.is_in_work(tx)}


def path() -> str:
    """Return where this house keeps it."""
    return os.path.join(config.paths()["state"], "restore.json")


def _transactions() -> dict[str, transaction.Transaction]:
    journal = read()
    found = journal["services"] if journal and journal["phase"] == APPLY else {}
    return {name: tx for name, tx in found.items() if not transaction.is_over(tx)}
