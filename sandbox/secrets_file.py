"""The sandbox's own WireGuard key: random, never anybody's, in `.sandbox/secrets.toml` (0600).

MEDIASTACK_SANDBOX_SECRETS names another file of secrets (absolute, or below the checkout) that a
box is deployed with: its key is the provider's client as well.
"""

from __future__ import annotations

import base64
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox import state

SECRETS_FILE = state.DIRECTORY / "secrets.toml"
OTHER_FILE = "MEDIASTACK_SANDBOX_SECRETS"
KEY_NAME = "wireguard_private_key"


def ensure() -> None:
    """Make the file when it is missing, 0600 from its first byte."""
    if SECRETS_FILE.exists():
        return
    state.DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    key = base64.b64encode(os.urandom(32)).decode()
    temporary = SECRETS_FILE.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(f'[gluetun]\n{KEY_NAME} = "{key}"\n')
    temporary.replace(SECRETS_FILE)


def wireguard_keys() -> list[str]:
    """The private keys a box of this checkout may use, in no order; a broken file has none."""
    found: set[str] = set()
    for path in {SECRETS_FILE, state.ROOT / os.environ.get(OTHER_FILE, SECRETS_FILE)}:
        try:
            found |= set(_keys(tomllib.loads(Path(path).read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue  # the deploy says what is wrong with it
    return sorted(found)


def _keys(table: dict[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _keys(value)
        elif name == KEY_NAME and isinstance(value, str):
            yield value
