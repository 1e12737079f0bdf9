"""Backups: what makes them is there, comes by itself, and only root can read what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import render
from tests.smoke import expect_host
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
TIMER = "mediastack-backup.timer"


def program(expected: Expected, observed: Observed) -> Iterator[str]:
    """restic runs."""
    said = observed["restic"].strip()
    if not said.startswith("restic "):
        yield f"restic does not run ({said or 'no answer'}), so nothing is backed up; {DEPLOY}"


def timer(expected: Expected, observed: Observed) -> Iterator[str]:
    """Backups, their care and the restore drill come by themselves."""
    for problem in expect_host.unit(expected, observed, TIMER):
        yield f"no backup comes by itself: {problem}"


def password(expected: Expected, observed: Observed) -> Iterator[str]:
    """The repositories' password is root's alone to read."""
    path = render.secret_path("backup", "repository_password")
    found = observed["secrets"].get(path) or {"kind": "absent"}
    if found["kind"] != "file" or not found["size"]:
        yield f"{path} is {found['kind']} or empty, so no backup can be made or read; {DEPLOY}"
        return
    have = found["mode"], found["uid"], found["gid"]
    if have != ("0400", 0, 0):
        yield f"{path} is {have[1]}:{have[2]}'s with mode {have[0]}, not root's alone; {DEPLOY}"


def repository(expected: Expected, observed: Observed) -> Iterator[str]:
    """The place of the local repository is root's alone: who removes it removes the backups."""
    path = expected.settings.storage.backups
    if not expected.settings.backup.local:
        return
    found = observed["files"].get(path) or {"kind": "absent", "mode": "", "uid": -1}
    if (found["kind"], found["mode"], found["uid"]) != ("directory", "0700", 0):
        have = f"{found['kind']}, mode {found['mode'] or '-'}, of uid {found['uid']}"
        yield f"{path} is no directory of root's alone ({have}); {DEPLOY}"
