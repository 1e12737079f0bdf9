"""The configuration of a host on which a transaction is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mediastack import config as configuration
from mediastack.updater.house import Trouble


class Configured:
    """`load` gives the configuration as it is now: a deploy may come in between, and containers
    made from an older one would not be what is wanted, or could not be made at all."""

    def __init__(self, load: Callable[[], dict[str, Any]]) -> None:
        self._load = load

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as it is now. Raise Trouble."""
        try:
            return self._load()
        except configuration.ConfigError as error:
            raise Trouble("passing", str(error)) from error
