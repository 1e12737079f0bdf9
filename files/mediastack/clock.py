"""The one spelling of a moment in our files: ISO 8601, UTC, milliseconds, "+00:00".

Python 3.10 cannot parse a trailing "Z", and text that sorts like time is worth having.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone


def timestamp(seconds: float | None = None) -> str:
    """Return `seconds` since the epoch (default: now) as text."""
    moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds")


def seconds(text: str) -> float:
    """Return a timestamp() text as seconds since the epoch. Raise ValueError on other text."""
    return datetime.fromisoformat(text).timestamp()
