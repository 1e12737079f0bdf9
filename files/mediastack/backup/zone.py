"""The time zone of this house, which the settings name and the machine need not be in."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any


def of(config: Mapping[str, Any]) -> tzinfo | None:
    """Return it; None, the machine's own, when it is not known here."""
    try:
        return zoneinfo.ZoneInfo(str(config["host"]["timezone"]))
    except (KeyError, zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
