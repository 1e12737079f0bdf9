"""Backups and restores that are wrong in a way that people have built: planted, and undone.

FOCUS: the steps (event and what it is about) at which each of them shows; SHARE: how far into one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks.framework import Context
from checks.updates_crash_faults import patched


@contextlib.contextmanager
def moves_piece_by_piece(context: Context) -> Iterator[None]:
    """It empties the config, and moves into it what was backed up, name by name."""
    exchanging = "    try:\n        exchange(live, staged)\n"
    moving = """\
    import shutil
    for name in os.listdir(live):
        path = os.path.join(live, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    for name in os.listdir(staged):
        os.rename(os.path.join(staged, name), os.path.join(live, name))
    return
"""
    identity = "    if identity(live) != wanted:\n"
    with patched(
        context,
        "restore/swap.py",
        *(exchanging, moving + exchanging),
        *(identity, "    if identity(staged) == wanted and os.listdir(staged):\n"),
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
    "piece-by-piece": r"os\.rename .*mediastack-restore/[^/]+/(seerr|sonarr)/",
    "resume-forgets": r"http\.client\.send .*/stop",
    "stop-unexplained": r"http\.client\.send .*/stop",
    "offers-partial": r"subprocess\.Popen .*'backup', '--tag'",
    "stale-lock": r"subprocess\.Popen .*'prune'",
}
# After so much of the time that it took undisturbed, from and to.
SHARE = {
    "stale-lock": (0.3, 0.9),
    "stop-unexplained": (0.2, 0.8),
    "resume-forgets": (0.1, 0.8),
}
