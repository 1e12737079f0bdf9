"""Which settings belong to a host: read once per pair of files, before any connection.

A host's data may name its own files (`settings_file`, `secrets_file`); without them the user's
settings.local.toml and secrets.toml count. Several hosts may share them: `settings_host`, which the
inventory adds, selects the table `[hosts.<name>]` of one. Wrong settings end the run here, with all
problems at once and nothing changed.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import settings
from settings import Settings, SettingsError

HERE = Path(__file__).parent
SETTINGS_FILE = "settings.local.toml"


@cache
def load(settings_file: str, secrets_file: str, host: str = "") -> Settings:
    """The validated settings of a pair of files, named relative to the checkout, for one host."""
    return settings.load(HERE / settings_file, HERE / secrets_file, host=host)


def of(data: Any) -> Settings:
    """The settings for a host with this data (a mapping, or pyinfra's). Raise SettingsError."""
    return load(
        data.get("settings_file", SETTINGS_FILE),
        data.get("secrets_file", "secrets.toml"),
        data.get("settings_host", ""),
    )


def check(hosts: list[tuple[str, dict[str, Any]]]) -> None:
    """Validate the settings of every host of an inventory. Print all problems and exit 1."""
    lines: dict[str, None] = {}
    sharing: dict[str, list[str]] = {}
    for name, data in hosts:
        file = data.get("settings_file", SETTINGS_FILE)
        sharing.setdefault(file, []).append(name)
        try:
            of(data)
        except SettingsError as error:
            lines.update(dict.fromkeys(error.problems))
    for file, names in sharing.items():
        lines.update(dict.fromkeys(settings.misplaced(HERE / file, names)))
    if lines:
        sys.exit("\n".join(lines))
