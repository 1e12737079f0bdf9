"""Backups and restores that are wrong in a way that people have built: planted, and undone.

FOCUS: the steps (event and what it is about) at which each of them shows; DELAY: so long after.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks.framework import Context
from checks.updates_crash_faults import patched


@contextlib.contextmanager
def copies_in_place(context: Context) -> Iterator[None]:
    """It copies what was backed up over what is there, file by file."""
    with patched(
        context,
        "restore/swap.py",
        "    try:\n        exchange(live, staged)\n",
        "    import shutil\n    try:\n        shutil.rmtree(live)\n"
        "        shutil.copytree(staged, live, symlinks=True)\n        return\n",
        "    if identity(live) != wanted:\n",
        "    if identity(staged) == wanted:\n",
    ):
        yield


@contextlib.contextmanager
def resume_forgets(context: Context) -> Iterator[None]:
    """What was begun is forgotten, and not brought to its end."""
    with patched(
        context,
        "restore/resume.py",
        "    journal = inflight.read()\n    if journal is not None and",
        "    return 0\n    if journal is not None and",
    ):
        yield


@contextlib.contextmanager
def stop_unexplained(context: Context) -> Iterator[None]:
    """A service is stopped for its copy, and nobody is told that it was us."""
    journal = '    journal.begin(ACTOR, "backup", [service])\n'
    with patched(context, "backup/stopped.py", journal, ""):
        yield


@contextlib.contextmanager
def offers_partial(context: Context) -> Iterator[None]:
    """To be quicker it saves what is large first, under the same tag."""
    saving = "    try:\n        answer = _with_parent("
    first = "    _with_parent(target, command, parent, staged.paths[:2], options)\n"
    with patched(context, "backup/save.py", saving, first + saving):
        yield


@contextlib.contextmanager
def stale_lock(context: Context) -> Iterator[None]:
    """The lock that a killed one has left is taken for somebody's."""
    with patched(
        context, "backup/repository_locks.py", "    clear(target)\n    return", "    return"
    ):
        yield


FOCUS = {
    "copies-in-place": r"os\.(mkdir|chmod|utime|rmdir|remove) .*config/(seerr|sonarr)/check",
    "resume-forgets": r"http\.client\.send .*/stop",
    "stop-unexplained": r"http\.client\.send .*/stop",
    "offers-partial": r"subprocess\.Popen .*'backup', '--tag'",
    "stale-lock": r"subprocess\.Popen .*'prune'",
}
# A lock is there when restic has opened the repository.
DELAY = {"stale-lock": 1.2, "stop-unexplained": 1.5, "resume-forgets": 0.3}
