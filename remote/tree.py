"""Managed files on the host: what differs from the wanted tree, and making it so.

Sent to the host over stdin (`python3 -`), so nothing of it is ever in a process list; standard
library only, Python 3.10 or newer. The wanted tree is a list of entries; the record of what we
made (`managed.json`) is what lets a later run remove a path that left the catalog and nothing
else. Content is written to a new 0600 file, owned, moded, synced and renamed into place: a reader
sees the old file or the new one, and nobody sees it with a wider mode than the final one. The
new file's name follows from the path: what a killed run left there is a difference like others.

Entry: {"path", "kind": "file"|"directory"|"link", "mode": "0644", "uid", "gid", "sha256",
"content": base64 (apply only), "target": link target, "keep": never removed by us,
"as_found": a directory that is made when it is absent and else left as it is}.
"""

import base64
import contextlib
import hashlib
import json
import os
import stat
from typing import Any

DIFF_LIMIT_BYTES = 65536
KINDS = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK}


def read_record(path: str) -> "dict[str, dict[str, Any]]":
    try:
        with open(path, encoding="utf-8") as handle:
            record: dict[str, dict[str, Any]] = json.load(handle)
            return record
    except (FileNotFoundError, ValueError):
        return {}


def digest(path: str) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def old_text(path: str) -> str:
    """The text now on the host, for --diff; empty for binary and large files."""
    try:
        if os.path.getsize(path) > DIFF_LIMIT_BYTES:
            return ""
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except (OSError, UnicodeDecodeError):
        return ""


def difference(entry: "dict[str, Any]") -> "dict[str, str] | None":
    """What is wrong with one path, or None."""
    path = entry["path"]
    if entry.get("as_found") and os.path.isdir(path):
        return None
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"path": path, "problem": "absent"}
    if not KINDS[entry["kind"]](found.st_mode):
        return {"path": path, "problem": f"is not a {entry['kind']}"}
    if entry["kind"] == "link":
        target = os.readlink(path)
        wrong = target != entry["target"]
        return {"path": path, "problem": f"points to {target}"} if wrong else None
    problems = []
    if entry["kind"] == "file" and digest(path) != entry["sha256"]:
        problems.append("content differs")
    mode = stat.S_IMODE(found.st_mode)
    if mode != int(entry["mode"], 8):
        problems.append(f"mode {mode:04o} instead of {entry['mode']}")
    if (found.st_uid, found.st_gid) != (entry["uid"], entry["gid"]):
        owner = f"{found.st_uid}:{found.st_gid}"
        problems.append(f"owner {owner} instead of {entry['uid']}:{entry['gid']}")
    if not problems:
        return None
    if "content differs" in problems:
        return {"path": path, "problem": ", ".join(problems), "old": old_text(path)}
    return {"path": path, "problem": ", ".join(problems), "content": "same"}


def stale(spec: "dict[str, Any]") -> "list[str]":
    """Paths that we made, that nobody wants any more and that still exist (deepest first)."""
    wanted = {entry["path"] for entry in spec["entries"]}
    leaving = {
        path: made["kind"]
        for path, made in read_record(spec["record"]).items()
        if path not in wanted and not made["keep"]
    }
    # What a killed run was about to rename into place is ours as well.
    leaving.update({new_name(path): kind for path, kind in leaving.items()})
    going: set[str] = set()
    for path in sorted(leaving, reverse=True):
        if removable(path, leaving[path], going):
            going.add(path)
    return sorted(going, reverse=True)


def leftovers(spec: "dict[str, Any]") -> "list[str]":
    """What killed runs were about to rename into place, of paths that are wanted."""
    paths = [entry["path"] for entry in spec["entries"] if entry["kind"] != "directory"]
    prepared = (new_name(path) for path in [*paths, spec["record"]])
    return [path for path in prepared if still(path, "file") or still(path, "link")]


def removable(path: str, kind: str, going: "set[str]") -> bool:
    """It is still what we made, and nothing of somebody else's would be left in it."""
    if not still(path, kind):
        return False
    if kind == "directory":
        return all(os.path.join(path, name) in going for name in os.listdir(path))
    return True


def still(path: str, kind: str) -> bool:
    """Something of this kind is there; a link is a link, wherever it leads."""
    try:
        return KINDS[kind](os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def due_record(spec: "dict[str, Any]", record: "dict[str, Any]") -> "dict[str, Any]":
    """What the record should say: what is wanted, and what is left of what we made before.

    What is gone is forgotten: a file that somebody else puts there one day is not ours.
    """
    wanted = {e["path"]: {"kind": e["kind"], "keep": e.get("keep", False)} for e in spec["entries"]}
    left = {
        path: made
        for path, made in record.items()
        if path not in wanted and (made["keep"] or still(path, made["kind"]))
    }
    return {**left, **wanted}


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Every difference between the wanted tree and the host."""
    found = [difference(entry) for entry in spec["entries"]]
    problems = [one for one in found if one] + [
        {"path": path, "problem": "no longer wanted"} for path in stale(spec)
    ]
    problems += [{"path": path, "problem": "left by a killed run"} for path in leftovers(spec)]
    record = read_record(spec["record"])
    if record != due_record(spec, record):
        problems.append({"path": spec["record"], "problem": "is out of date"})
    return problems


def new_name(path: str) -> str:
    """Where a path's new content is prepared."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.mediastack-new")


def temporary_name(path: str) -> str:
    """The same, with what a killed run left there removed."""
    temporary = new_name(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    return temporary


def write_file(entry: "dict[str, Any]") -> None:
    path = entry["path"]
    temporary = temporary_name(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(base64.b64decode(entry["content"]))
            handle.flush()
            os.fchown(handle.fileno(), entry["uid"], entry["gid"])
            os.fchmod(handle.fileno(), int(entry["mode"], 8))
            os.fsync(handle.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def own(entry: "dict[str, Any]") -> None:
    """Owner and mode through a descriptor that follows no link: apps own some parents."""
    descriptor = os.open(entry["path"], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchown(descriptor, entry["uid"], entry["gid"])
        os.fchmod(descriptor, int(entry["mode"], 8))
    finally:
        os.close(descriptor)


def make_room(entry: "dict[str, Any]", made: "dict[str, Any] | None") -> None:
    """Something of another kind is in the way: ours goes, somebody else's stays and is named.

    A symbolic link where a directory belongs is never followed: it may lead anywhere.
    """
    path, kind = entry["path"], entry["kind"]
    if not os.path.lexists(path) or still(path, kind):
        return
    ours = made is not None and not made["keep"] and still(path, made["kind"])
    if still(path, "directory"):
        if not ours or os.listdir(path):
            raise OSError(f"{path} is a directory, a {kind} is wanted there; fix: move it away")
        os.rmdir(path)
    elif kind == "directory":
        if not ours:
            raise OSError(
                f"{path} is not a directory (a link is not followed); fix: move it away, or name"
                " the real directory in the settings"
            )
        os.unlink(path)


def make(entry: "dict[str, Any]") -> None:
    path = entry["path"]
    if entry["kind"] == "directory":
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        own(entry)
    elif entry["kind"] == "link":
        temporary = temporary_name(path)
        os.symlink(entry["target"], temporary)
        os.rename(temporary, path)
    elif "content" in entry:
        write_file(entry)
    else:
        own(entry)


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Mend every difference; the record is written first, so that a killed run is remembered."""
    differences = {one["path"] for one in check(spec)}
    record = read_record(spec["record"])
    due = due_record(spec, record)
    # Until it is replaced, a path is still of the kind that we made it.
    soon = {p: {**made, "kind": record.get(p, made)["kind"]} for p, made in due.items()}
    remember(spec["record"], {**record, **soon})
    # What leaves goes first: a directory of ours may have to give way to a file.
    for path in stale(spec):
        if still(path, "directory"):
            os.rmdir(path)
        else:
            os.unlink(path)
    for path in leftovers(spec):
        os.unlink(path)
    for entry in spec["entries"]:
        if entry["path"] in differences:
            make_room(entry, record.get(entry["path"]))
            make(entry)
    # The names last, each directory once: before the record says that all of it is there.
    sync({os.path.dirname(path) for path in differences})
    remember(spec["record"], due_record(spec, record))
    return sorted(differences)


def sync(directories: "set[str]") -> None:
    """Make the names in them survive a power cut, as the contents do already."""
    for directory in sorted(directories):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def remember(path: str, record: "dict[str, Any]") -> None:
    if read_record(path) == record:
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    content = base64.b64encode(json.dumps(record, indent=1, sort_keys=True).encode()).decode()
    owner = {"uid": os.geteuid(), "gid": os.getegid()}
    write_file({"path": path, "content": content, "mode": "0600", **owner})
    sync({os.path.dirname(path)})
