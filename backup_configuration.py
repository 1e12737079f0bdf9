"""What a host is told about backups: the table of settings, and the secrets of its repositories."""

from __future__ import annotations

from typing import Any

from catalog import HOST_SECRETS
from service import Secret
from settings import Settings

CONSUMER = "backup"
REBUILD = "rebuild"
# In a secret environment: the place of the repository itself.
REPOSITORY_VARIABLE = "RESTIC_REPOSITORY="


def environment(name: str) -> Secret:
    """What restic finds in its environment for one repository: keys of S3, a password of REST."""
    return Secret(name=f"{name}_environment", origin="user", kind="opaque", required=False)


def secrets(settings: Settings) -> tuple[Secret, ...]:
    """The password of all repositories, and what each remote asks for."""
    password = HOST_SECRETS[CONSUMER][0]
    if f"{CONSUMER}/{password.name}" in settings.secrets:
        password = Secret(name=password.name, origin="user", kind="opaque")
    return (password, *(environment(name) for name in (*settings.backup.remotes, REBUILD)))


def rebuild_order(settings: Settings) -> dict[str, str]:
    """Where a fresh host comes from, and how to open it; {} when it shall begin with nothing."""
    environment = _value(settings, f"{CONSUMER}/{REBUILD}_environment")
    if not settings.backup.rebuild_from and REPOSITORY_VARIABLE not in environment:
        return {}
    return {
        "repository": settings.backup.rebuild_from,
        "password": _value(settings, f"{CONSUMER}/{HOST_SECRETS[CONSUMER][0].name}"),
        "environment": environment,
    }


def _value(settings: Settings, reference: str) -> str:
    """What the user gave, "" for nothing."""
    given = settings.secrets.get(reference)
    return given.get_secret_value() if given else ""


def table(settings: Settings) -> dict[str, Any]:
    """The [backup] table."""
    return settings.backup.model_dump()


def directories(settings: Settings) -> str:
    """Where the unit of backups may write as well: remotes that are directories of the host."""
    places = (remote.repository for remote in settings.backup.remotes.values())
    found = sorted({place for place in places if place.startswith("/")})
    return " ".join("-" + place.replace("%", "%%") for place in found)
