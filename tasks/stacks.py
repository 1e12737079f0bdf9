"""The three compose projects run what their files describe, and it is healthy."""

from __future__ import annotations

from typing import Any

from pyinfra.api import deploy

import operations
from layout import ENTRY_POINT
from operations import Wanted


@deploy("Stacks")
def run(config: dict[str, Any]) -> None:
    """Every service that the user did not stop runs as described, in the right namespace."""
    operations.stacks(name="Containers", path=ENTRY_POINT, wanted=Wanted({"config": config}))
