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


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Create what is absent. No login, no home: it only owns files."""
    done = []
    for one in check(spec):
        if one["path"].startswith("group"):
            command = ["groupadd", "--gid", str(spec["gid"]), spec["group"]]
        else:
            command = ["useradd", "--uid", str(spec["uid"]), "--gid", str(spec["gid"])]
            command += ["--no-create-home", "--home-dir", "/nonexistent"]
            command += ["--shell", "/usr/sbin/nologin", spec["user"]]
        subprocess.run(command, check=True)
        done.append(one["path"])
    return done
