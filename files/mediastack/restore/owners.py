"""Files of one host's account become those of another's: another PUID, another PGID.

Only what belonged to the service's own uid and gid is changed; what is root's stays root's. Modes
survive (a chown takes set-id bits away), and so do times.
"""

from __future__ import annotations

import os
import stat

Ids = tuple[int, int]


def remap(top: str, old: Ids, new: Ids) -> int:
    """Give what belongs to `old` (uid, gid) in a tree to `new`; return how many nodes that were.

    Done already is fine, as long as nothing of `new` was in it before. Raise OSError.
    """
    if old == new:
        return 0
    changed = _give(top, old, new)
    for directory, below, names in os.walk(top):
        changed += sum(_give(os.path.join(directory, name), old, new) for name in (*below, *names))
    return changed


def _give(path: str, old: Ids, new: Ids) -> int:
    found = os.lstat(path)
    uid = new[0] if found.st_uid == old[0] else found.st_uid
    gid = new[1] if found.st_gid == old[1] else found.st_gid
    if (uid, gid) == (found.st_uid, found.st_gid):
        return 0
    os.chown(path, uid, gid, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode))
    return 1
