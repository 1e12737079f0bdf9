"""What a host is told about backups: the table of settings, and the secrets of its repositories."""

from __future__ import annotations

from typing import Any

from catalog import HOST_SECRETS
from service import Secret
from settings import Settings

CONSUMER = "backup"
REBUILD = "rebuild"


def environment(name: str) -> Secret:
    """What restic finds in its environment for one repository: keys of S3, a password of REST."""
    return Secret(name=f"{name}_environment", origin="user", kind="opaque", required=False)


def secrets(settings: Settings) -> tuple[Secret, ...]:
    """The password of all repositories, and what each remote asks for."""
    password = HOST_SECRETS[CONSUMER][0]
    if f"{CONSUMER}/{password.name}" in settings.secrets:
        password = Secret(name=password.name, origin="user", kind="opaque")
    return (password, *(environment(name) for name in (*settings.backup.remotes, REBUILD)))


def table(settings: Settings) -> dict[str, Any]:
    """The [backup] table."""
    return settings.backup.model_dump()


def directories(settings: Settings) -> str:
    """Where the unit of backups may write as well: remotes that are directories of the host."""
    places = (remote.repository for remote in settings.backup.remotes.values())
    found = sorted({place for place in places if place.startswith("/")})
    return " ".join("-" + place.replace("%", "%%") for place in found)
