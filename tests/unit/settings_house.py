"""A house whose settings are right, for tests that then plant mistakes in it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import tomli_w

import settings

# Made here, so that no test file holds anything that looks like somebody's key.
KEY = base64.b64encode(bytes(range(32))).decode()


def write(
    folder: Path,
    own: dict[str, Any] | str | None = None,
    secrets: dict[str, Any] | str | None = None,
) -> tuple[Path, Path]:
    """Write both files of the user (None: a right one for secrets, none at all for settings)."""
    settings_file, secrets_file = folder / "settings.local.toml", folder / "secrets.toml"
    if own is not None:
        settings_file.write_text(own if isinstance(own, str) else tomli_w.dumps(own))
    if secrets is None:
        secrets = {"gluetun": {"wireguard_private_key": KEY}}
    secrets_file.touch(mode=0o600)
    secrets_file.write_text(secrets if isinstance(secrets, str) else tomli_w.dumps(secrets))
    return settings_file, secrets_file


def load(
    folder: Path,
    own: dict[str, Any] | str | None = None,
    secrets: dict[str, Any] | str | None = None,
    **environment: str,
) -> settings.Settings:
    """Return the settings of a house with these files and this environment alone."""
    return settings.load(*write(folder, own, secrets), environment=environment)


def problems(
    folder: Path,
    own: dict[str, Any] | str | None = None,
    secrets: dict[str, Any] | str | None = None,
    **environment: str,
) -> list[str]:
    """Return the problems of such a house, [] when there is none."""
    try:
        load(folder, own, secrets, **environment)
    except settings.SettingsError as error:
        return error.problems
    return []
