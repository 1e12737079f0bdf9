"""The [backup] table of mediastack.toml, and the repositories that follow from it.

What cannot be read as it should be is as good as absent; a table of an earlier release lacks it
all, and then nothing is backed up. Secrets are named here, not read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

CONSUMER = "backup"
LOCAL = "local"
LOCAL_DIRECTORY = "restic"


class Target(NamedTuple):
    """A restic repository. `repository` is "" when its environment names it; the host never
    removes anything from one that is `append_only`."""

    name: str
    repository: str
    password_file: str
    environment_file: str
    append_only: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is on this host, where nobody else writes to it."""
        return self.name == LOCAL


class Settings(NamedTuple):
    """`at` is "HH:MM" in the host's zone; `keep_*` are numbers of days, weeks and months;
    `check_percent` of each repository is read back in a week."""

    enabled: bool = False
    at: str = "03:30"
    keep_daily: int = 7
    keep_weekly: int = 5
    keep_monthly: int = 12
    check_percent: int = 5
    drill: bool = True


def of(config: Mapping[str, Any]) -> Settings:
    """Return the settings of this house."""
    table, defaults = config.get("backup") or {}, Settings()
    known = {name: table[name] for name in Settings._fields
             if isinstance(table.get(name), type(getattr(defaults, name)))}  # fmt: skip
    return Settings(**known)


def targets(config: Mapping[str, Any]) -> list[Target]:
    """Return where backups go, the local repository first."""
    table = config.get("backup") or {}
    found = []
    if table.get("local", False):
        found.append(target(config, LOCAL, os.path.join(config["paths"]["backups"], "restic")))
    for name, remote in sorted((table.get("remotes") or {}).items()):
        where, append_only = str(remote.get("repository", "")), bool(remote.get("append_only"))
        found.append(target(config, name, where, append_only=append_only))
    return found


def target(
    config: Mapping[str, Any], name: str, repository: str, *, append_only: bool = False
) -> Target:
    """Return the repository of this name, with the files of its secrets."""
    directory = os.path.join(config["paths"]["etc"], "secrets", CONSUMER)
    return Target(
        name,
        repository,
        os.path.join(directory, "repository_password"),
        os.path.join(directory, f"{name}_environment"),
        append_only,
    )
