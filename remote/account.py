"""The account that owns media and application state: one user, one group, fixed numbers."""

import grp
import pwd
import subprocess
from typing import Any


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
    for one in check(spec):
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
