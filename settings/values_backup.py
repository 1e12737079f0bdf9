"""Single values of the [backup] table that a range alone does not describe."""

from __future__ import annotations

import re

from settings.problems import shown

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
# What restic itself knows; "/" is a directory of the host, such as a mounted disk.
REPOSITORY = re.compile(r"(sftp|rest|s3|rclone|b2|azure|gs|swift):\S+|/\S*")
TAKEN = ("local", "rebuild", "repository")
CREDENTIALS = re.compile(r"://[^/@]*:[^/@]*@")


def time_of_day(value: str) -> str:
    """Return "HH:MM"."""
    if not TIME.fullmatch(value):
        raise ValueError(f'is {shown(value)}, no time of the day; fix: such as "03:30"')
    return value


def remote_name(value: str) -> str:
    """Return the name of a remote, which becomes a part of its secret's name."""
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is no name; fix: lower-case letters, digits and '-', up to 20"
        )
    if value in TAKEN:
        raise ValueError(f"{value} is a name of our own; fix: another one, such as nas")
    return value


def restic_repository(value: str) -> str:
    """Return where a repository is, as restic spells it; "" for none."""
    if not value:
        return value
    if CREDENTIALS.search(value):
        # Not shown: there is a password in it.
        raise ValueError(
            "holds a password, and this file is no secret; fix: leave it out here and put"
            ' RESTIC_REPOSITORY=… into secrets.toml, below [backup] as "<name>_environment"'
        )
    if not REPOSITORY.fullmatch(value):
        raise ValueError(
            f"is {shown(value)}, no place that restic knows; fix: such as"
            ' "sftp:user@nas:/backups", "rest:https://nas:8000/", "s3:https://host/bucket",'
            ' "rclone:name:path" or a directory'
        )
    return value
