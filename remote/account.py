"""The account that owns media and application state: one user, one group, fixed numbers."""

import contextlib
import grp
import os
import pwd
import subprocess
from typing import Any

LOCKS = tuple(f"/etc/{name}.lock" for name in ("passwd", "shadow", "group", "gshadow"))


def booted_at() -> float:
    """Seconds since the epoch."""
    with open("/proc/stat", encoding="utf-8") as handle:
        return next(float(line.split()[1]) for line in handle if line.startswith("btime"))


def remove_stale_locks(locks: "tuple[str, ...]" = LOCKS) -> None:
    """Those from before the boot: useradd believes them when their number is used again."""
    for path in locks:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_mtime < booted_at() - 1:
                os.unlink(path)


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Group and user with the wanted numbers, or what is in the way."""
    found = []
    try:
        grp.getgrgid(spec["gid"])  # any name will do: the number is what files carry
    except KeyError:
        found.append({"path": f"group {spec['group']}", "problem": "absent"})
    try:
        pwd.getpwuid(spec["uid"])
    except KeyError:
        found.append({"path": f"user {spec['user']}", "problem": "absent"})
    return found


def refuse_taken_name(kind: str, name: str, number: int) -> None:
    """A name that belongs to another number is somebody else's account."""
    if kind == "group":
        taken = {one.gr_name: one.gr_gid for one in grp.getgrall()}
    else:
        taken = {one.pw_name: one.pw_uid for one in pwd.getpwall()}
    if taken.get(name, number) != number:
        setting = {"group": "pgid", "user": "puid"}[kind]
        raise OSError(
            f"{kind} {name} exists with the number {taken[name]}; fix: set host.{setting} ="
            f" {taken[name]}, or another name as host.{kind}"
        )


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Create what is absent. No login, no home: it only owns files."""
    done = []
    problems = check(spec)
    if problems:
        remove_stale_locks()
    for one in problems:
        if one["path"].startswith("group"):
            refuse_taken_name("group", spec["group"], spec["gid"])
            command = ["groupadd", "--gid", str(spec["gid"]), spec["group"]]
        else:
            refuse_taken_name("user", spec["user"], spec["uid"])
            command = ["useradd", "--uid", str(spec["uid"]), "--gid", str(spec["gid"])]
            command += ["--no-create-home", "--home-dir", "/nonexistent"]
            command += ["--shell", "/usr/sbin/nologin", spec["user"]]
        subprocess.run(command, check=True)
        done.append(one["path"])
    return done
