"""How a host is read: commands, files, packages, units, what Docker says. Sent along with
host_program.py, so standard library only, and Python 3.10 or newer."""

import contextlib
import hashlib
import json
import os
import stat
from typing import Any

from mediastack.probes import read, run

UNIT_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,Result,"
    "NextElapseUSecRealtime,NextElapseUSecMonotonic"
)


KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
}


def parse(text: str) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return None


def look(path: str, *, hashed: bool = True) -> "dict[str, Any] | None":
    """Kind, mode, owner, and content hash or link target of one path; None when it is not there."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    seen: dict[str, Any] = {
        "kind": KINDS.get(stat.S_IFMT(found.st_mode), "other"),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "uid": found.st_uid,
        "gid": found.st_gid,
        "size": found.st_size,
    }
    if seen["kind"] == "link":
        seen["target"] = os.readlink(path)
    elif seen["kind"] == "file" and hashed:
        with open(path, "rb") as handle:
            seen["sha256"] = hashlib.sha256(handle.read()).hexdigest()
    return seen


def secret_tree(top: str) -> "dict[str, Any]":
    """Every path below the secrets' directory, never with a hash: short ones could be guessed."""
    found = {top: look(top, hashed=False)}
    for directory, directories, files in os.walk(top):
        for name in [*directories, *files]:
            path = os.path.join(directory, name)
            found[path] = look(path, hashed=False)
    return found


def packages() -> "dict[str, str]":
    lines = run("dpkg-query", "-W", "-f", "${Package}\t${db:Status-Status}\n").splitlines()
    return dict(line.split("\t") for line in lines)


def units(names: "list[str]") -> "dict[str, dict[str, str]]":
    shown = run("systemctl", "show", "-p", UNIT_PROPERTIES, *names).strip()
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in shown.split("\n\n")
    ]
    for block in blocks:
        environment = read(f"/proc/{block.get('MainPID', '0')}/environ").split("\0")
        marks = [one for one in environment if one.startswith("MEDIASTACK_RELEASE=")]
        block["release"] = marks[0].partition("=")[2] if marks else ""
    return {block["Id"]: block for block in blocks if "Id" in block}


def fenced(spec: "dict[str, str]") -> "dict[str, Any]":
    """The account that may do nothing: what the system says of it, and what belongs to it."""
    account = spec.get("account", "")
    return {
        "passwd": run("getent", "passwd", account).strip() if account else "",
        "groups": run("id", "-Gn", account).split() if account else [],
        "directory": look(spec.get("directory", "")),
        "socket": look(spec.get("socket", "")),
    }


def run_json(*command: str) -> Any:
    return parse(run(*command))


def inspect(kind: str, ids: "list[str]") -> "list[dict[str, Any]]":
    return (run_json("docker", kind, "inspect", *ids) or []) if ids else []
