"""What the settings of backups need from each other and from secrets.toml.

A backup that goes nowhere, or a rebuild that cannot open its repository, would be found out in the
night, or after the fire; here it costs a second. No message shows a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from settings.model import Backup, Parts, Storage
from settings.problems import Problem
from settings.user_secrets import variable

PASSWORD = "backup/repository_password"  # noqa: S105 - its name
REBUILD = "rebuild"
WORD = re.compile(r"[A-Z][A-Z0-9_]*=.*")
REPOSITORY, OWN_PASSWORD = "RESTIC_REPOSITORY", "RESTIC_PASSWORD"


def environments(parts: Parts) -> Iterator[Problem]:
    """What restic gets as its environment is NAME=value words, and not its password."""
    table = parts.table(Backup)
    for name in (*(table.remotes if table else ()), REBUILD):
        words = _environment(parts, name)
        if any(not WORD.fullmatch(word) for word in words):
            yield Problem(
                f"backup.{name}_environment",
                "is not NAME=value NAME=value …",
                'write it like "AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…", without spaces in a'
                " value",
                parts.secrets_file,
            )
        elif any(word.startswith(OWN_PASSWORD) for word in words):
            yield Problem(
                f"backup.{name}_environment",
                f"has {OWN_PASSWORD}, but all repositories of a host have one password",
                'take it out, and write repository_password = "…" below [backup]',
                parts.secrets_file,
            )


def remotes(parts: Parts) -> Iterator[Problem]:
    """Each remote is somewhere, and somewhere else than the others."""
    table, storage = parts.table(Backup), parts.table(Storage)
    if table is None:
        return
    seen: dict[str, str] = {}
    for name, remote in table.remotes.items():
        path, reference = f"backup.remotes.{name}.repository", f"backup/{name}_environment"
        place = remote.repository or _named(parts, name)
        if not place and reference not in parts.unsure:
            yield Problem(
                path,
                "is missing",
                'such as "sftp:user@nas:/backups"; one with a password in it goes into'
                f' {parts.secrets_file}: {name}_environment = "RESTIC_REPOSITORY=…" below [backup]',
            )
        elif place and (other := seen.setdefault(place, name)) != name:
            yield Problem(path, f"is the repository of {other} as well", "one of its own")
        if storage and f"{place}/".startswith(f"{storage.config}/"):
            yield Problem(
                path,
                f"is inside storage.config {storage.config}, and would be backed up into itself",
                "a directory of another disk or machine",
            )


def somewhere(parts: Parts) -> Iterator[Problem]:
    """Backups that are made are kept somewhere."""
    table = parts.table(Backup)
    if table and table.enabled and not table.local and not table.remotes:
        yield Problem(
            "backup.local",
            "is false, and there are no backup.remotes: backups would go nowhere",
            "local = true, or a [backup.remotes.<name>], or enabled = false",
        )


def rebuild(parts: Parts) -> Iterator[Problem]:
    """Where a bare host comes from can be opened; and what opens it is for something."""
    table = parts.table(Backup)
    if table is None:
        return
    reference = f"backup/{REBUILD}_environment"
    words = _environment(parts, REBUILD)
    if not table.rebuild_from and not _named(parts, REBUILD):
        if words:
            yield Problem(
                f"backup.{REBUILD}_environment",
                "is given, but there is nothing to rebuild from",
                "set backup.rebuild_from, or add RESTIC_REPOSITORY=… to it, or delete it",
                parts.secrets_file,
            )
        return
    if table.rebuild_from and _named(parts, REBUILD):
        yield Problem(
            "backup.rebuild_from",
            f"is given, and {reference} of {parts.secrets_file} names another repository",
            "delete one of the two",
        )
    if PASSWORD not in parts.secrets and PASSWORD not in parts.unsure:
        yield Problem(
            "backup.rebuild_from",
            "is given, but not the password of that repository",
            f"put it into {parts.secrets_file} (chmod 600) as [backup] and on the next line"
            f' repository_password = "…", or into the environment as {variable(PASSWORD)};'
            " it is in the recovery kit",
        )


def _environment(parts: Parts, name: str) -> list[str]:
    given = parts.secrets.get(f"backup/{name}_environment")
    return given.get_secret_value().split() if given else []


def _named(parts: Parts, name: str) -> str:
    """Where a secret environment says that the repository is, "" when it does not."""
    words = _environment(parts, name)
    return next((w.split("=", 1)[1] for w in words if w.startswith(f"{REPOSITORY}=")), "")


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    environments,
    remotes,
    somewhere,
    rebuild,
)
