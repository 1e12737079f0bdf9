"""What was on the host before we changed it, noted ahead of the change, for an uninstall.

A note is made once and never changed: {"daemon_json": its text or null, "absent": directories that
were not there, "account": whether the account was absent}. Packages add theirs when they install:
"packages", and "repository" (the files that tell apt of Docker's own).
On a host where a deploy has been before without notes nothing is noted, since what is seen now is
no longer what was.
"""

import grp
import json
import os
import pwd
from typing import Any


def read(path: str) -> "dict[str, Any]":
    try:
        with open(path, encoding="utf-8") as handle:
            value: dict[str, Any] = json.load(handle)
            return value
    except (FileNotFoundError, ValueError):
        return {}


def write(path: str, value: "dict[str, Any]") -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(f"{path}.new", path)


def has_account(uid: int, gid: int) -> bool:
    try:
        pwd.getpwuid(uid)
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Whether there is still something to note."""
    if os.path.exists(spec["record"]) or os.path.exists(spec["managed"]):
        return []
    return [{"path": spec["record"], "problem": "absent"}]


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Note what is there."""
    if not check(spec):
        return []
    try:
        with open(spec["daemon_json"], encoding="utf-8") as handle:
            daemon = handle.read()
    except FileNotFoundError:
        daemon = None
    seen = {
        "daemon_json": daemon,
        "absent": [path for path in spec["directories"] if not os.path.lexists(path)],
        "account": not has_account(spec["uid"], spec["gid"]),
        "packages": [],
        "repository": [],
    }
    write(spec["record"], seen)
    return [spec["record"]]
