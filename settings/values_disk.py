"""Single values of the [disk] table that a range alone does not describe."""

from __future__ import annotations

import shared
from settings.problems import shown


def space(value: str) -> str:
    """Return room on a disk, as the host's guard reads it."""
    try:
        shared.disk_space.parse(value)
    except ValueError as error:
        raise ValueError(
            f'is {shown(value)}, {error}; fix: such as "20 GiB", "5%", or "5% or 20 GiB" for the '
            "less of the two"
        ) from None
    return value
