"""The transaction under way: updater/inflight.json in the state directory, and whom it concerns.

Whoever starts containers asks here first. In a HELD step the service's image and its config are no
pair, so nobody but the updater may start it, and that it does not run is nobody's wish. While the
new version has to prove itself, nobody may restart it for being unhealthy: it may be in the middle
of a migration. A file that is damaged, or of a release that nobody here knows, holds nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any

from mediastack import atomic, config
from mediastack.updater import transaction

SCHEMA = 1
BALLAST, BALLAST_BYTES = "ballast", 4 * 1024**2
WORDS = "its update is being taken back"
# From the stop of the old version to the end of either gate.
WORK_STEPS = frozenset(("settle", "switch", "gate", "commit", "return", *transaction.BACKWARD))


def read() -> dict[str, Any] | None:
    """Return the transaction under way, None when there is none."""
    found = atomic.read_json(_path(), {})
    whole = found.get("schema") == SCHEMA and isinstance(found.get("service"), str)
    return found if whole and isinstance(found.get("step"), str) else None


def write(tx: transaction.Transaction) -> None:
    """Put it on disk before its step is begun. Raise OSError."""
    os.makedirs(directory(), mode=0o755, exist_ok=True)
    try:
        if tx["step"] == "pull":
            _take_ballast()
        atomic.write_json(_path(), tx)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not _drop_ballast():
            raise
        atomic.write_json(_path(), tx)


def clear() -> None:
    """It is over. Raise OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path())
        atomic.sync_directory(os.path.dirname(_path()))


def held() -> dict[str, str]:
    """Return {service: why} of whom nobody but the updater may start now."""
    tx = read()
    return {tx["service"]: WORDS} if tx and transaction.holds(tx) else {}


def in_work() -> set[str]:
    """Return the service that an update has stopped, or whose version has to prove itself now."""
    tx = read()
    return {tx["service"]} if tx and tx["step"] in WORK_STEPS else set()


def directory() -> str:
    """Return where the updater keeps what it knows."""
    return os.path.join(config.paths()["state"], "updater")


def _take_ballast() -> None:
    """A bad version may fill the disk; what takes it back needs some room for its own files."""
    path = os.path.join(directory(), BALLAST)
    if not os.path.exists(path):
        atomic.write(path, b"\0" * BALLAST_BYTES, mode=0o600)


def _drop_ballast() -> bool:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(directory(), BALLAST))
        return True
    return False


def _path() -> str:
    return os.path.join(directory(), "inflight.json")
