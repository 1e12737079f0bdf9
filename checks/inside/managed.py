"""All that a deploy manages, by what can be seen of it, without ids, times and inodes."""

import hashlib
import json
import os
import stat
import subprocess
import tomllib
from typing import Any

TREES: "dict[str, int | None]" = {
    "/opt/mediastack": None,
    "/etc/mediastack": None,
    "/etc/docker": None,
    "/etc/systemd/system": None,
    "/etc/tmpfiles.d": None,
    "/etc/bash_completion.d": None,
    "/etc/passwd": None,
    "/etc/group": None,
    "/usr/local/sbin": None,
    "/run/mediastack": 0,
    "/var/lib/mediastack/managed.json": None,
    "/var/lib/mediastack/data.json": None,
    "/var/lib/mediastack/images.lock": None,
    "/srv/mediastack": 3,
    "/data": 3,
}
UNIT_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload"


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def entry(path: str) -> "list[Any]":
    found = os.lstat(path)
    shown: list[Any] = [oct(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        shown.append(os.readlink(path))
    # Below the apps' directories content is theirs.
    elif stat.S_ISREG(found.st_mode) and not path.startswith("/srv/"):
        with open(path, "rb") as handle:
            shown.append(hashlib.sha256(handle.read()).hexdigest())
    return shown


def walk(root: str, depth: "int | None") -> "dict[str, list[Any]]":
    if not os.path.lexists(root):
        return {}
    found = {root: entry(root)}
    if not os.path.isdir(root) or os.path.islink(root) or depth == 0:
        return found
    for name in sorted(os.listdir(root)):
        # What Python keeps of modules is nobody's business.
        if name != "__pycache__" and not (root.startswith("/srv/") and depth == 1):
            found |= walk(f"{root}/{name}", None if depth is None else depth - 1)
    return found


def containers() -> "dict[str, Any]":
    listed = output("docker", "ps", "-aq", "--no-trunc").split()
    inspected = json.loads(output("docker", "inspect", *listed)) if listed else []
    names = {one["Id"]: one["Name"] for one in inspected}
    # Compose may give a network by its id, which is another one when it is made anew.
    for line in output("docker", "network", "ls", "--no-trunc", "-f", "driver=bridge",
                       "--format", "{{.ID}} {{.Name}}").splitlines():  # fmt: skip
        identifier, _, name = line.partition(" ")
        names[identifier] = name
    found = {}
    for one in inspected:
        mode = one["HostConfig"]["NetworkMode"]
        kind, _, holder = mode.partition(":")
        found[one["Name"].lstrip("/")] = {
            "image": one["Image"],
            "label": (one["Config"]["Labels"] or {}).get("io.mediastack.config"),
            "status": one["State"]["Status"],
            "restart": one["HostConfig"]["RestartPolicy"]["Name"],
            "mode": f"{names.get(kind, kind)}:{names.get(holder, holder)}",
            "networks": {
                name: (network.get("IPAMConfig") or {}).get("IPv4Address")
                for name, network in one["NetworkSettings"]["Networks"].items()
            },
            "ports": one["HostConfig"]["PortBindings"],
            "capabilities": one["HostConfig"]["CapAdd"],
            "mounts": sorted([m.get("Source"), m["Destination"]] for m in one["Mounts"]),
        }
    return found


def units(names: "list[str]") -> "dict[str, str]":
    blocks = output("systemctl", "show", "-p", UNIT_PROPERTIES, *names).strip().split("\n\n")
    return {block.split("Id=")[1].splitlines()[0]: block for block in blocks}


def main() -> "dict[str, Any]":
    with open("/etc/mediastack/mediastack.toml", "rb") as handle:
        config = tomllib.load(handle)
    files: dict[str, Any] = {}
    for root, depth in TREES.items():
        files |= walk(root, depth)
    # What is ours inside an app's directory.
    files |= {path: entry(path) for one in config["files"]
              if (path := one["path"]) not in files and os.path.lexists(path)}  # fmt: skip
    packages = output("dpkg-query", "-W", "-f", "${Package}\t${db:Status-Status}\n")
    return {
        "config": config,
        "state": {
            "files": files,
            "containers": containers(),
            "units": units([one["name"] for one in config["units"]]),
            "packages": dict(line.split("\t") for line in packages.splitlines()),
            "networks": sorted(output("docker", "network", "ls", "--format", "{{.Name}}").split()),
        },
    }
