"""What is known of backups: backup.json in the state directory, for status, doctor and metrics.

{"schema": 1,
 "targets": {name: {"tried_at", "error" ("" when it was good), "saved_at", "snapshot",
                    "cared_at", "care_error"}},
 "proven": {"at", "snapshot", "target"} (of the last restore drill that was good),
 "drill": {"at", "error"}, "kit": {"confirmed_at", "of"}}; times are ISO, what never was is absent.
It is part of each backup, as a rebuilt host should know what was proven.
"""

from __future__ import annotations

import os
from typing import Any

from mediastack import atomic, config

SCHEMA = 1


def read() -> dict[str, Any]:
    """Return the report; one without anything when there is none."""
    found: dict[str, Any] = atomic.read_json(default_path(), {})
    return {"schema": SCHEMA, "targets": {}, "proven": {}, "drill": {}, "kit": {}, **found}


def note_target(name: str, **fields: Any) -> None:
    """Lay fields over those of one target. Raise OSError."""
    with atomic.exclusive(default_path()):
        found = read()
        found["targets"][name] = {**found["targets"].get(name, {}), **fields}
        atomic.write_json(default_path(), found)


def note(**tables: dict[str, Any]) -> None:
    """Replace whole tables ("proven", "drill", "kit"). Raise OSError."""
    with atomic.exclusive(default_path()):
        atomic.write_json(default_path(), {**read(), **tables})


def default_path() -> str:
    """Return where this house keeps it."""
    return os.path.join(config.paths()["state"], "backup.json")
