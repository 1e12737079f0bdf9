"""Out of which repository, and which of its backups: as the user names them, or our newest.

Without a name the repositories are asked in their order, the local one first, and one that cannot
be read is said and passed over: the next may have what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mediastack.backup import repository_files, settings, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.snapshots import LATEST, Snapshot
from mediastack.restore.trouble import RestoreError

REBUILD = "rebuild"


def targets(config: Mapping[str, Any], name: str = "") -> list[Target]:
    """Return the repositories of this host, with the one that it was rebuilt from; with `name` only
    that. Raise RestoreError when there is none."""
    known = settings.targets(config)
    if where := str((config.get("backup") or {}).get("rebuild_from", "")):
        known.append(settings.target(config, REBUILD, where))
    if not known:
        raise RestoreError(
            "config", "this host has no repository; fix: backup.local or [backup.remotes.<name>]"
        )
    if name and all(one.name != name for one in known):
        there = ", ".join(one.name for one in known)
        raise RestoreError("config", f"there is no repository {name}; there are: {there}")
    return [one for one in known if name in ("", one.name)]


def pick(
    config: Mapping[str, Any],
    name: str,
    wanted: str,
    said: Callable[[str], None],
    *,
    despite_damage: bool = False,
) -> tuple[Target, Snapshot]:
    """Return where what is wanted ("latest" or the beginning of an identity) is.

    Raise ResticError, RestoreError: of the first repository, when none has it.
    """
    several = targets(config, name)
    failures: list[ResticError | RestoreError] = []
    for target in several:
        try:
            _require_whole(target, said, despite_damage)
            return target, _of(config, target, wanted)
        except (ResticError, RestoreError) as error:
            failures.append(error)
            if len(several) > 1:
                said(str(error))
    raise failures[0]


def _require_whole(target: Target, said: Callable[[str], None], despite_damage: bool) -> None:
    """Raise RestoreError when a file of the repository is damaged, whatever it is of: where one is,
    there may be more, and restic's own list of backups is one of them. Raise ResticError."""
    if not (found := repository_files.problems(target)):
        return
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    if not despite_damage:
        raise RestoreError(
            "damaged",
            f"{target.name}: {found[0]}{more}; fix: another repository (--target), or"
            " --despite-damage (what is restored is proven all the same); see docs/backup.md",
        )
    for one in found:
        said(one)


def _of(config: Mapping[str, Any], target: Target, wanted: str) -> Snapshot:
    found = snapshots.listed(target)
    here = str(config.get("host", {}).get("name", ""))
    if wanted == LATEST and found:
        ours = [one for one in found if one.host == here]
        if not ours:
            others = ", ".join(sorted({one.host for one in found}))
            raise RestoreError(
                "absent",
                f"{target.name} holds no backup of {here}, only of {others}; fix: name one of"
                " stack-manage.sh backup list with --snapshot",
            )
        found = ours
    try:
        return snapshots.find(found, wanted, target=target.name)
    except LookupError as error:
        raise RestoreError("absent", str(error)) from error
