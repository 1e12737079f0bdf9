"""One backup into one repository: what restic is told, and when a snapshot is none.

restic goes on when it cannot read a file, and saves what it could. A live file that has vanished
meanwhile is not missed, but anything else ends it before it saves; should it have been quicker, its
snapshot is removed, or, where the host may not remove anything, marked as partial in the repository
itself and never offered. What the last backup had is named to restic, so that a path that came or
went since does not make it read everything again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from mediastack import clock
from mediastack.backup import report, repository, repository_locks, restic, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.staging import Staged

# restic's exit code when something could not be read; on_error has judged that by then.
INCOMPLETE = 3
VANISHED = (errno.ENOENT, errno.ENOTDIR)
VANISHED_WORDS = re.compile(r"no such file or directory|not a directory", re.IGNORECASE)
NO_PARENT = re.compile(
    r"no matching ID|invalid id|more than one matching|failed to load snapshot", re.IGNORECASE
)
COUNTS = ("files_new", "files_changed", "files_unmodified", "data_added", "total_bytes_processed")


def save(config: dict[str, Any], target: Target, staged: Staged) -> dict[str, Any]:
    """Make a snapshot of what is staged and live; return {"snapshot": id, and restic's counts}.

    The caller holds run_lock. Raise ResticError, OSError; then there is no snapshot.
    """
    repository.require(config, target)
    _settle(target)
    host, began = config["host"]["name"], time.time()
    command = ["backup", "--tag", snapshots.TAG, "--host", host]
    for pattern in staged.excludes:
        command += ["--exclude", pattern]
    parent = str(report.read()["targets"].get(target.name, {}).get("snapshot", ""))
    where = repository.directory(target)
    options: dict[str, Any] = {
        "seconds": restic.WORK_SECONDS,
        "tolerated": (INCOMPLETE,),
        "on_error": judge(staged.manifest["paths"]["stage"]),
        "is_full": repository.is_nearly_full(where) if where else None,
    }
    try:
        answer = _with_parent(target, command, parent, staged.paths, options)
    except ResticError as error:
        if error.kind == "unreadable":
            with contextlib.suppress(ResticError):
                _drop(target, host, began)
        raise
    summary = next((one for one in answer.objects if one.get("snapshot_id")), None)
    if summary is None:
        raise ResticError("other", f"{target.name}: restic has saved nothing")
    repository.remember(target)
    return {"snapshot": summary["snapshot_id"], **{name: summary.get(name) for name in COUNTS}}


def judge(stage: str) -> Callable[[str], bool]:
    """Return what hears restic's complaints and says whether one of them must end the backup."""

    def must_end(line: str) -> bool:
        try:
            found = json.loads(line)
        except ValueError:
            return False
        if not isinstance(found, dict) or found.get("message_type") != "error":
            return False
        inner = found.get("error")
        inner = inner if isinstance(inner, dict) else {"message": inner}
        vanished = inner.get("Err") in VANISHED or bool(
            VANISHED_WORDS.search(str(inner.get("message", "")))
        )
        # Nobody but us takes anything out of the stage.
        is_staged = f"{found.get('item', '')}/".startswith(f"{stage}/")
        return is_staged or not vanished

    return must_end


def _with_parent(
    target: Target,
    command: Sequence[str],
    parent: str,
    paths: Sequence[str],
    options: dict[str, Any],
) -> restic.Answer:
    if parent:
        try:
            words = [*command, "--parent", parent, "--", *paths]
            return _into(target, words, options)
        except ResticError as error:
            # Another repository than it was, or somebody has removed that snapshot.
            if not NO_PARENT.search(str(error)):
                raise
    return _into(target, [*command, "--", *paths], options)


def _into(target: Target, words: Sequence[str], options: dict[str, Any]) -> restic.Answer:
    try:
        return repository_locks.run(target, words, **options)
    except ResticError as error:
        if error.kind != "absent":
            raise
    repository.make_if_new(target)
    return repository_locks.run(target, words, **options)


def _drop(target: Target, host: str, began: float) -> None:
    """See to it that what was saved although a file could not be read is never offered.

    Raise OSError, ResticError.
    """
    since = clock.timestamp(began)
    partial = [one.id for one in snapshots.listed(target) if one.host == host and one.time >= since]
    if partial:
        report.note_target(target.name, partial=[*_partial(target), *partial])
        _settle(target)


def _settle(target: Target) -> None:
    """Remove the partial snapshots of this repository that are known here; where that may not be
    done, have another one say what they are. Raise OSError, ResticError."""
    for one in _partial(target):
        if target.append_only or not _removed(target, one):
            words = ["--tag", snapshots.PARTIAL + one, "--", target.password_file]
            repository_locks.run(target, ["backup", *words], seconds=restic.WORK_SECONDS)
        report.note_target(target.name, partial=[x for x in _partial(target) if x != one])


def _removed(target: Target, snapshot: str) -> bool:
    """Remove it and see: restic 0.18 ends with 0 also where a server has refused."""
    try:
        repository_locks.run(target, ["forget", snapshot])
    except ResticError as error:
        if error.kind != "read-only":
            raise
    answer = restic.run(target, ["snapshots", "--no-lock"])
    return not any(snapshots.same(str(one["id"]), snapshot) for one in answer.objects)


def _partial(target: Target) -> list[str]:
    return list(report.read()["targets"].get(target.name, {}).get("partial", []))
