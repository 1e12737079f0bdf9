"""Which settings belong to a host: read once per pair of files, before any connection.

A host's data may name its own files (`settings_file`, `secrets_file`); without them the user's
settings.local.toml and secrets.toml count. Wrong settings end the run here, with all problems at
once and nothing changed.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import settings
from settings import Settings, SettingsError

HERE = Path(__file__).parent


@cache
def load(settings_file: str, secrets_file: str) -> Settings:
    """The validated settings of a pair of files, named relative to the checkout."""
    return settings.load(HERE / settings_file, HERE / secrets_file)


def of(data: Any) -> Settings:
    """The settings for a host with this data (a mapping, or pyinfra's). Raise SettingsError."""
    return load(
        data.get("settings_file", "settings.local.toml"), data.get("secrets_file", "secrets.toml")
    )


def check(hosts: list[tuple[str, dict[str, Any]]]) -> None:
    """Validate the settings of every host of an inventory. Print all problems and exit 1."""
    lines: dict[str, None] = {}
    for _name, data in hosts:
        try:
            of(data)
        except SettingsError as error:
            lines.update(dict.fromkeys(error.problems))
    if lines:
        sys.exit("\n".join(lines))
