"""Copies of SQLite databases. INTERFACE FIRST: filled in by the following commits.

record: {"sha256", "bytes", "mode", "uid", "gid", "mtime_ns", "user_version", "tables": {table:
rows}, "checked": "integrity"|"quick"|"no", "copied_at": ISO}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def copy(source: str, target: str) -> dict[str, Any]:
    """Put a consistent, checked copy of a database into place and return its record.

    Raise BackupError ("database": damaged, "busy": locked for too long, "space", "other").
    """
    raise NotImplementedError


def verify(path: str, record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a copy: [] when it is what its record says. Changes nothing, also
    beside it."""
    raise NotImplementedError
