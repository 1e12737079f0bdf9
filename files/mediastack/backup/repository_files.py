"""Is every file of a repository still what restic wrote? For repositories that are directories.

restic names each file by the SHA-256 of its content, but for `config`, which is sealed and opened
by every command. So a bit that has turned anywhere can be found at the speed of the disk, also
where a restore of one snapshot would never look: in another one's data, in the index that restic
has in its cache, in what it does not seal of a key. What is read is not written to.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator

from mediastack.backup import repository
from mediastack.backup.settings import Target

NAME = re.compile(r"[0-9a-f]{64}")
SMALL = ("keys", "snapshots", "index")
DATA = "data"
CHUNK_BYTES = 1024**2


def problems(target: Target, *, data: bool = True) -> list[str]:
    """Return what is damaged, one file each; [] also for a repository elsewhere. Without `data`
    only what is small: keys, snapshots, index. Raise ResticError when its place is not known."""
    where = repository.directory(target)
    if not where:
        return []
    return [found for path in _files(where, data) if (found := _problem(path))]


def _files(where: str, data: bool) -> Iterator[str]:
    for part in (*SMALL, *((DATA,) if data else ())):
        for top, _, names in os.walk(os.path.join(where, part)):
            # Others are what a killed restic has left half written; nothing refers to them.
            yield from (os.path.join(top, name) for name in names if NAME.fullmatch(name))


def _problem(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError:
        # Removed meanwhile, by a prune from elsewhere.
        return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    if digest.hexdigest() != os.path.basename(path):
        return f"{path}: is damaged: its content is not what was written"
    return ""
