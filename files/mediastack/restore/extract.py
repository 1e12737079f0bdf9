"""Whole trees out of a snapshot, into a place of their own, each proven to be what was saved.

restic checks every block while it restores and reads every file back afterwards; then each name,
size, owner, mode and time is compared with the snapshot's own list, the databases are laid over
the files from the stage and opened. What fails any of it is removed again and raises: a tree that
is at `into` is good. Owners are those of the snapshot (owners.remap makes them those of this host).
Nothing live is ever written to. restic 0.12 cannot restore a path by itself, so its trees come with
all their parents, into a scratch directory beside `into`, and are renamed into place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mediastack.backup import contents, restic
from mediastack.backup import manifest as manifests
from mediastack.backup.settings import Target
from mediastack.restore import compare, lay, listing
from mediastack.restore.trouble import RestoreError

# Room that a restore must leave: those who run have to go on writing.
LEAST_FREE_BYTES = 256 * 1024**2
GLOB = str.maketrans({letter: f"\\{letter}" for letter in "\\*?["})


class Source(NamedTuple):
    """Where a snapshot has what belongs to a service: its tree, and its databases ("": none)."""

    tree: str
    databases: str


def manifest(target: Target, snapshot_id: str) -> dict[str, Any]:
    """Return the manifest of a snapshot. Raise RestoreError, ResticError, ManifestError."""
    path = os.path.join(stage(target, snapshot_id), contents.MANIFEST)
    with tempfile.TemporaryDirectory(prefix="mediastack-") as scratch:
        _restore(target, snapshot_id, [path], scratch)
        return manifests.read(scratch + path)


def stage(target: Target, snapshot_id: str) -> str:
    """Return where the stage was when this snapshot was made. Raise RestoreError, ResticError."""
    answer = restic.run(target, ["snapshots", "--no-lock", snapshot_id])
    ending = os.path.join("", contents.DIRECTORY, contents.STAGE)
    for found in answer.objects:
        for path in found.get("paths") or []:
            if str(path).endswith(f"/{ending}"):
                return str(path)
    if answer.objects:
        raise RestoreError("absent", f"{snapshot_id} in {target.name} is no backup of ours")
    raise RestoreError(
        "absent",
        f"{target.name} has no snapshot {snapshot_id}; fix: stack-manage.sh backup list",
    )


def service(
    target: Target, snapshot_id: str, manifest: Mapping[str, Any], service: str, into: str
) -> None:
    """Put a service's config at `into`, which must not exist; its parent must.

    Raise RestoreError, ResticError, OSError.
    """
    services(target, snapshot_id, manifest, {service: into})


def services(
    target: Target,
    snapshot_id: str,
    manifest: Mapping[str, Any],
    wanted: Mapping[str, str],
    *,
    skip_absent: bool = False,
) -> list[str]:
    """Put the configs of several services into place ({service: into}), read in one go; all
    parents are on one file system. Either all are there then or none, but with `skip_absent` not
    those that had no config then; return which are. Raise as `service` does."""
    sources = {name: source(manifest, name) for name in wanted}
    for path in wanted.values():
        _require_free(path)
    tops = [top for one in sources.values() for top in (one.tree, one.databases) if top]
    done: list[str] = []
    with _scratch(next(iter(wanted.values()))) as scratch:
        expected = _seen(target, snapshot_id, tops, scratch)
        absent = [name for name, one in sources.items() if one.tree not in expected]
        if absent and not skip_absent:
            raise RestoreError("absent", f"{snapshot_id} has nothing of {', '.join(absent)}")
        for name in absent:
            del sources[name]
        tops = [top for top in tops if top in expected]
        if not sources:
            return []
        _restore(target, snapshot_id, tops, scratch)
        compare.trees(listing.nodes(target, snapshot_id, tops), scratch, tops)
        for name, one in sources.items():
            records = manifest["services"][name].get("databases", {})
            lay.over(scratch + one.tree, scratch + one.databases, records)
        try:
            for name, one in sources.items():
                _put(scratch + one.tree, wanted[name])
                done.append(wanted[name])
        except BaseException:
            for path in done:
                shutil.rmtree(path, ignore_errors=True)
            raise
    return list(sources)


def secrets(target: Target, snapshot_id: str, manifest: Mapping[str, Any], into: str) -> None:
    """Put the directory of all secrets at `into`. Raise RestoreError, ResticError, OSError."""
    top = os.path.join(manifest["paths"]["etc"], "secrets")
    with _scratch(into) as scratch:
        _whole(target, snapshot_id, [top], scratch)
        if not os.path.isdir(scratch + top):
            raise RestoreError("absent", f"{snapshot_id} has no secrets")
        for name in manifest["secrets"]:
            if not os.path.isfile(os.path.join(scratch + top, name)):
                raise RestoreError("damaged", f"{snapshot_id} lacks the secret {name}")
        _put(scratch + top, into)


def state(target: Target, snapshot_id: str, manifest: Mapping[str, Any], into: str) -> None:
    """Put our own state files (contents.STATE_FILES, those there were) below `into`.

    Raise RestoreError, ResticError, OSError.
    """
    top = manifest["paths"]["state"]
    wanted = [os.path.join(top, name) for name in contents.STATE_FILES]
    with _scratch(into) as scratch:
        _whole(target, snapshot_id, wanted, scratch)
        os.makedirs(scratch + top, exist_ok=True)
        _put(scratch + top, into)


def source(manifest: Mapping[str, Any], service: str) -> Source:
    """Return where a snapshot has a service. Raise RestoreError when it has not."""
    entry = manifest["services"].get(service)
    if entry is None:
        there = ", ".join(manifest["services"])
        raise RestoreError("absent", f"that backup has no {service}; it has {there}")
    where = manifest["paths"]["stage"]
    tree = os.path.join(where, "stopped", service) if entry.get("stopped") else entry["root"]
    there = os.path.join(where, "databases", service) if entry.get("databases") else ""
    return Source(str(tree), there)


def require_room(directory: str, wanted: int) -> None:
    """Raise RestoreError when so many bytes do not fit there. Raise OSError."""
    free = shutil.disk_usage(directory).free
    if free - wanted < LEAST_FREE_BYTES:
        raise RestoreError(
            "space",
            f"{directory}: {free // 1024**2} MiB free; it takes {wanted // 1024**2} MiB beside what"
            f" is there and has to leave {LEAST_FREE_BYTES // 1024**2}; fix: make room, or restore"
            " fewer services at a time (--service)",
        )


def _whole(target: Target, snapshot_id: str, paths: list[str], scratch: str) -> None:
    _seen(target, snapshot_id, paths, scratch)
    _restore(target, snapshot_id, paths, scratch)
    compare.trees(listing.nodes(target, snapshot_id, paths), scratch, paths)


def _seen(target: Target, snapshot_id: str, tops: Iterable[str], scratch: str) -> set[str]:
    """Which of the tops are there; all that is below them fits on the disk."""
    known, found, size = set(tops), set(), 0
    for node in listing.nodes(target, snapshot_id, known):
        size += node.size
        if node.path in known:
            found.add(node.path)
    require_room(scratch, size)
    return found


def _restore(target: Target, snapshot_id: str, paths: Iterable[str], into: str) -> None:
    # Without a lock of its own: that of a host that is no more must not keep anybody from it.
    command = ["restore", snapshot_id, "--no-lock", "--verify", "--target", into]
    for path in paths:
        command += ["--include", path.translate(GLOB)]
    restic.run(target, command, seconds=restic.WORK_SECONDS)


def _put(tree: str, into: str) -> None:
    _require_free(into)
    os.rename(tree, into)


def _require_free(into: str) -> None:
    if os.path.lexists(into):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), into)


@contextlib.contextmanager
def _scratch(beside: str) -> Iterator[str]:
    """A directory of ours on the file system of this path, gone whatever happens but a kill."""
    parent, name = os.path.split(os.path.abspath(beside))
    made = tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=parent)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
