"""Faults of what makes backups: its program, its timer, who can read and remove them."""

from __future__ import annotations

from collections.abc import Iterator

import render
from checks.faults import Fault
from checks.faults.files import PATH
from tests.smoke.expect_backups import TIMER
from tests.smoke.expected import Expected

RESTIC = "/usr/bin/restic"


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    # Not moved away: of a check that was killed it is put right by its own sweep.
    yield Fault("restic does not run", RESTIC, f"chmod 0644 {RESTIC}", f"chmod 0755 {RESTIC}",
                (("backups.program", ""),))  # fmt: skip
    yield Fault(
        "no backups by themselves", TIMER, f"systemctl disable --quiet --now {TIMER}",
        f"systemctl enable --quiet --now {TIMER}", (("backups.timer", ""),),
        (("host.unit", TIMER), ("daemon-reload", "")),
    )  # fmt: skip
    path = render.secret_path("backup", "repository_password")
    yield Fault(
        "password open", path, f"chmod 0440 {path}", f"chmod 0400 {path}",
        (("backups.password", ""),),
        (("secrets.declared", path), ("secrets.private", "")),
    )  # fmt: skip
    place = expected.settings.storage.backups
    if expected.settings.backup.local:
        yield Fault("backups open", place, f"chmod 0755 {place}", f"chmod 0700 {place}",
                    (("backups.repository", ""),), ((PATH, place),))  # fmt: skip
