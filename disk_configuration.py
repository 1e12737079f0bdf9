"""What a host is told about room on its disks: the thresholds, and whether to pause downloads.

Where qBittorrent's web API is stands in [vpn], beside the namespace that it is in; which paths are
watched follows from [paths].
"""

from __future__ import annotations

from typing import Any

from settings import Settings


def table(settings: Settings) -> dict[str, Any]:
    """The [disk] table."""
    return settings.disk.model_dump()
