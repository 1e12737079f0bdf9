"""Managed files on the host: what differs from the wanted tree, and making it so.

Sent to the host over stdin (`python3 -`), so nothing of it is ever in a process list; standard
library only, Python 3.10 or newer. The wanted tree is a list of entries; the record of what we
made (`managed.json`) is what lets a later run remove a path that left the catalog and nothing
else. Content is written to a new 0600 file, owned, moded, synced and renamed into place: a reader
sees the old file or the new one, and nobody sees it with a wider mode than the final one.

Entry: {"path", "kind": "file"|"directory"|"link", "mode": "0644", "uid", "gid", "sha256",
"content": base64 (apply only), "target": link target, "keep": never removed by us}.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import stat
from typing import Any

DIFF_LIMIT_BYTES = 65536


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
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return {"path": path, "problem": "absent"}
    kinds = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "link": stat.S_ISLNK}
    if not kinds[entry["kind"]](found.st_mode):
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
    record = read_record(spec["record"])
    gone = [path for path, made in record.items() if path not in wanted and not made["keep"]]
    return sorted((path for path in gone if removable(path)), reverse=True)


def removable(path: str) -> bool:
    """A directory counts only when nothing of somebody else's would be left in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        return not os.listdir(path)
    return os.path.lexists(path)


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Every difference between the wanted tree and the host."""
    found = [difference(entry) for entry in spec["entries"]]
    return [one for one in found if one] + [
        {"path": path, "problem": "no longer wanted"} for path in stale(spec)
    ]


def write_file(entry: "dict[str, Any]") -> None:
    path = entry["path"]
    temporary = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.tmp")
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


def make(entry: "dict[str, Any]") -> None:
    path = entry["path"]
    if entry["kind"] == "directory":
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        own(entry)
    elif entry["kind"] == "link":
        temporary = f"{path}.{secrets.token_hex(8)}.tmp"
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
    wanted = {e["path"]: {"kind": e["kind"], "keep": e.get("keep", False)} for e in spec["entries"]}
    remember(spec["record"], {**record, **wanted})
    for entry in spec["entries"]:
        if entry["path"] in differences:
            make(entry)
    for path in stale(spec):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    left = {p: made for p, made in record.items() if p not in wanted and os.path.lexists(p)}
    remember(spec["record"], {**left, **wanted})
    return sorted(differences)


def remember(path: str, record: "dict[str, Any]") -> None:
    if read_record(path) == record:
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    content = base64.b64encode(json.dumps(record, indent=1, sort_keys=True).encode()).decode()
    write_file({"path": path, "content": content, "uid": 0, "gid": 0, "mode": "0600"})
