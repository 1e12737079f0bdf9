"""What a host is told about backups follows from the settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import backup_configuration


@pytest.mark.parametrize(
    ("places", "written"),
    [
        ([], ""),
        (["sftp:nas:/backups", "s3:https://x/y", ""], ""),
        (["/mnt/usb/b", "/mnt/a%b"], "-/mnt/a%%b -/mnt/usb/b"),
    ],
)
def test_the_unit_may_write_to_remotes_that_are_directories(
    places: list[str], written: str
) -> None:
    remotes = {f"r{number}": SimpleNamespace(repository=one) for number, one in enumerate(places)}
    settings: Any = SimpleNamespace(backup=SimpleNamespace(remotes=remotes))
    assert backup_configuration.directories(settings) == written
