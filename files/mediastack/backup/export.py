"""`backup export`: one backup as a plain archive, for people who want to look into it with tar.

restic writes the snapshot as a tar stream, and here each file gets its place in the archive while
it passes: config/<service>/… with the databases where the apps have them, secrets/…, state/…,
mediastack.toml and manifest.json. The databases are compared with the manifest on the way, and an
archive that is not whole never gets its name. It is not encrypted, and readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, cast

from mediastack.backup import contents, manifest, restic
from mediastack.backup.manifest import ManifestError
from mediastack.backup.settings import Target
from mediastack.backup.snapshots import Snapshot
from mediastack.backup.trouble import BackupError

PACKERS = {
    ".tar.zst": ("zstd", "-q", "-T0", "-c"),
    ".tar.gz": ("gzip", "-c"),
    ".tar": ("cat",),
}
CHUNK_BYTES = 1024**2


# A database of a backup: (service, path below its config).
Key = tuple[str, str]


def export(target: Target, snapshot: Snapshot, path: str) -> int:
    """Write the archive; return how many files are in it. `path` must not exist yet.

    Raise BackupError, ResticError, ManifestError, OSError; then there is no archive.
    """
    packer = next((words for end, words in PACKERS.items() if path.endswith(end)), None)
    if packer is None:
        raise BackupError("other", f"{path}: is no archive; fix: a name with {', '.join(PACKERS)}")
    if os.path.lexists(path):
        raise BackupError("other", f"{path}: is there already; fix: name a new file")
    stage = stage_of(snapshot)
    with _reading(target, snapshot.id, f"{stage}/{contents.MANIFEST}") as stream:
        made = manifest.parse(stream.read(manifest.LARGEST_BYTES), f"snapshot {snapshot.id[:8]}")
    partial = f"{path}.part"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as output:
            with _packing(packer, output) as packed, _reading(target, snapshot.id, "/") as stream:
                count = copy(stream, packed, made)
            os.fsync(output.fileno())
        os.link(partial, path)
    finally:
        os.unlink(partial)
    return count


def stage_of(snapshot: Snapshot) -> str:
    """Return where the stage was when it was made. Raise BackupError when it is none of ours."""
    ending = os.path.join("", contents.DIRECTORY, contents.STAGE)
    for path in snapshot.paths:
        if path.endswith(f"/{ending}"):
            return path
    raise BackupError("other", f"snapshot {snapshot.id[:8]} is no backup of ours")


def copy(source: IO[bytes], packed: IO[bytes], made: Mapping[str, Any]) -> int:
    """Copy restic's tar stream into one with our names; return the number of files.

    Raise BackupError when a database is missing or is not the one in the manifest.
    """
    records: dict[Key, Mapping[str, Any]] = {
        (service, relative): record
        for service, entry in made["services"].items()
        for relative, record in entry.get("databases", {}).items()
    }
    seen, count = set(), 0
    with (
        tarfile.open(fileobj=source, mode="r|") as reader,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as writer,
    ):
        for member in reader:
            name, key = placed("/" + member.name.strip("/"), made)
            if not name or (key and key not in records):
                continue
            _rename(member, name)
            content = reader.extractfile(member) if member.isreg() else None
            if key and content is not None:
                _as_recorded(member, records[key])
                checked = _Checked(content)
                writer.addfile(member, checked)
                if checked.digest.hexdigest() != records[key]["sha256"]:
                    raise BackupError("database", f"{name}: is not what was saved")
                seen.add(key)
            else:
                writer.addfile(member, content)
            count += member.isreg()
    if missing := sorted("/".join(key) for key in records.keys() - seen):
        raise BackupError("database", f"the backup lacks {', '.join(missing)}")
    return count


def placed(path: str, made: Mapping[str, Any]) -> tuple[str, Key | None]:
    """Return what a path of the snapshot is called in the archive ("": it is not in it), and which
    database it is, if it is one. Pure."""
    paths = made["paths"]
    stage = paths["stage"]
    if path == f"{stage}/{contents.MANIFEST}":
        return contents.MANIFEST, None
    if (rest := _below(path, f"{stage}/databases")) is not None:
        service, _, relative = rest.partition("/")
        return (f"config/{rest}", (service, relative)) if relative else ("", None)
    if rest := _below(path, f"{stage}/stopped"):
        return f"config/{rest}", None
    for service, entry in made["services"].items():
        if (rest := _below(path, entry["root"])) is not None:
            return f"config/{service}/{rest}".rstrip("/"), None
    for name, top in (("secrets", f"{paths['etc']}/secrets"), ("state", paths["state"])):
        if (rest := _below(path, top)) is not None:
            return f"{name}/{rest}".rstrip("/"), None
    return ("mediastack.toml", None) if path == f"{paths['etc']}/mediastack.toml" else ("", None)


class _Checked:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.digest.update(data)
        return data


def _below(path: str, top: str) -> str | None:
    """What a path is called below `top` ("" for itself), None when it is not there."""
    if path == top:
        return ""
    return path.removeprefix(f"{top}/") if path.startswith(f"{top}/") else None


def _rename(member: tarfile.TarInfo, name: str) -> None:
    member.name = name
    # It would come before the name.
    member.pax_headers = {k: v for k, v in member.pax_headers.items() if k != "path"}


def _as_recorded(member: tarfile.TarInfo, record: Mapping[str, Any]) -> None:
    """A copy has the owner, mode and time of what it is a copy of."""
    member.uid, member.gid, member.mode = record["uid"], record["gid"], record["mode"]
    member.mtime = record["mtime_ns"] / 10**9
    member.uname = member.gname = ""
    member.pax_headers = {}


@contextlib.contextmanager
def _reading(target: Target, snapshot_id: str, path: str) -> Iterator[IO[bytes]]:
    """What restic has at a path; a directory as tar. Raise ResticError when it did not get all."""
    command = [*restic.DIES_WITH_US, "restic", "dump", "--no-lock", snapshot_id, path]
    environment = restic.environment(target)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        stream = cast(IO[bytes], process.stdout)
        try:
            try:
                yield stream
            except (tarfile.TarError, ManifestError):
                # Half a stream; what restic says of it comes first.
                _require_whole(target, process, stream, said)
                raise
            _require_whole(target, process, stream, said)
        finally:
            process.kill()
            process.wait()
            stream.close()


def _require_whole(
    target: Target, process: subprocess.Popen[bytes], stream: IO[bytes], said: IO[bytes]
) -> None:
    # After the end of an archive there may be padding, and restic waits until it is taken.
    while stream.read(CHUNK_BYTES):
        pass
    if code := process.wait():
        said.seek(0)
        raise restic.failure(target, said.read().decode(errors="replace").splitlines(), code)


@contextlib.contextmanager
def _packing(words: Sequence[str], output: IO[bytes]) -> Iterator[IO[bytes]]:
    """What packs into a file whatever is written to it. Raise BackupError."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=output, stderr=said)
        except OSError as error:
            raise BackupError(
                "other",
                f"{words[0]}: {error.strerror}; fix: run the deploy, it installs {words[0]}",
            ) from error
        stream = cast(IO[bytes], process.stdin)
        broken = False
        try:
            yield stream
            stream.close()
        except BrokenPipeError:
            broken = True
        finally:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
            code = process.wait()
        if code or broken:
            said.seek(0)
            why = said.read().decode(errors="replace").strip()[-400:]
            kind = "space" if "No space left" in why else "other"
            raise BackupError(kind, f"the archive cannot be written: {why or f'{words[0]} ended'}")
