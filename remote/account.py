"""The account that owns media and application state: one user, one group, fixed numbers.

Beside it system accounts of one program each ("system" in the specification, a list of {"user",
"comment", "directory", "mode"}): any number, no login, no group but its own, and one directory that
belongs to it. Its comment says that it is ours.
"""

import contextlib
import grp
import os
import pwd
import stat
import subprocess
from typing import Any

NO_LOGIN = "/usr/sbin/nologin"
# No program of ours makes directories in those of its own directory.
DEPTH = 1
# What a check says and apply goes by.
FOREIGN, SHELL, MEMBER = "is somebody else's", "has the shell", "is in the group"
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
    return found + [one for system in spec.get("system") or () for one in check_system(system)]


def check_system(system: "dict[str, str]") -> "list[dict[str, str]]":
    """What is not as it should be with the system account and its directory."""
    user, directory = system["user"], system["directory"]
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        absent = {"path": f"user {user}", "problem": "absent"}
        return [absent, {"path": directory, "problem": f"belongs to no {user}"}]
    found = []
    if entry.pw_gecos != system["comment"] or entry.pw_uid == 0:
        return [{"path": f"user {user}", "problem": FOREIGN}]
    if entry.pw_shell != NO_LOGIN:
        found.append({"path": f"user {user}", "problem": f"{SHELL} {entry.pw_shell}"})
    for one in grp.getgrall():
        if user in one.gr_mem:
            found.append({"path": f"user {user}", "problem": f"{MEMBER} {one.gr_name}"})
    if problem := directory_problem(system, entry.pw_uid, entry.pw_gid):
        found.append({"path": directory, "problem": problem})
    return found


def directory_problem(system: "dict[str, str]", uid: int, gid: int) -> str:
    """What is wrong with the account's directory, "" for nothing."""
    try:
        seen = os.lstat(system["directory"])
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    if not stat.S_ISDIR(seen.st_mode):
        return "is not a directory"
    if (seen.st_uid, seen.st_gid) != (uid, gid):
        return f"owner {seen.st_uid}:{seen.st_gid} instead of {uid}:{gid}"
    mode = f"{stat.S_IMODE(seen.st_mode):04o}"
    return f"mode {mode} instead of {system['mode']}" if mode != system["mode"] else ""


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
    problems = check({**spec, "system": []})
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
            command += ["--shell", NO_LOGIN, spec["user"]]
        subprocess.run(command, check=True)
        done.append(one["path"])
    return done + [one for system in spec.get("system") or () for one in apply_system(system)]


def apply_system(system: "dict[str, str]") -> "list[str]":
    """Make or mend the system account, then its directory."""
    user, directory = system["user"], system["directory"]
    problems = [one for one in check_system(system) if one["path"] != directory]
    if problems:
        remove_stale_locks()
    for one in problems:
        subprocess.run(mending(system, one["problem"]), check=True)
    entry = pwd.getpwnam(user)
    done = [one["path"] for one in problems]
    if directory_problem(system, entry.pw_uid, entry.pw_gid):
        own_directory(directory, int(system["mode"], 8), entry.pw_uid, entry.pw_gid)
        done.append(directory)
    return done


def mending(system: "dict[str, str]", problem: str) -> "list[str]":
    """The command that mends one problem of the account. Raise OSError when that is the user's."""
    user = system["user"]
    if problem == FOREIGN:
        raise OSError(
            f"user {user} exists and was not made by a deploy of this stack; fix: if nobody needs"
            f" it, userdel {user}, else usermod --login another-name {user}"
        )
    if problem.startswith(SHELL):
        return ["usermod", "--shell", NO_LOGIN, user]
    if problem.startswith(MEMBER):
        return ["gpasswd", "--delete", user, problem[len(MEMBER) :].strip()]
    command = ["useradd", "--system", "--comment", system["comment"]]
    # A group that a killed useradd left is taken.
    named = {one.gr_name for one in grp.getgrall()}
    command += ["--gid", user] if user in named else ["--user-group"]
    return [*command, "--no-create-home", "--home-dir", "/nonexistent", "--shell", NO_LOGIN, user]


def own_directory(path: str, mode: int, uid: int, gid: int) -> None:
    """Make the directory the account's, with what is in it: its number may be another than when
    that was written. No link is followed, and a file with a second name is nobody's to give."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        own_inside(descriptor, uid, gid, DEPTH)
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def own_inside(directory: int, uid: int, gid: int, depth: int) -> None:
    """The same for what is in an open directory, so deep."""
    for name in os.listdir(directory):
        seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1:
            os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
        elif stat.S_ISDIR(seen.st_mode) and depth:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            inner = os.open(name, flags, dir_fd=directory)
            try:
                own_inside(inner, uid, gid, depth - 1)
                os.fchown(inner, uid, gid)
            finally:
                os.close(inner)
