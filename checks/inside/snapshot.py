"""Everything that a deploy without work must leave alone: files, containers, units, packages."""

import hashlib
import json
import os
import stat
import subprocess
from typing import Any

# Path and how deep to look (None: all of it). Below config and /data the apps are at home.
TREES: "dict[str, int | None]" = {
    "/opt/mediastack": None,
    "/etc/mediastack": None,
    "/etc/docker": None,
    "/etc/systemd/system": None,
    "/etc/tmpfiles.d": None,
    "/etc/bash_completion.d": None,
    "/etc/passwd": None,
    "/etc/group": None,
    "/etc/shadow": None,
    "/usr/local/sbin": None,
    "/var/lib/dpkg/status": None,
    "/var/lib/mediastack": None,
    "/run/mediastack": None,
    "/srv/mediastack": 2,
    "/data": 3,
}
UNIT_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,NRestarts"
# Written in a daemon's own time, whatever a deploy does.
LIVING = (
    *("/var/lib/mediastack/monitor/monitor.json", "/run/mediastack/keeper.json"),
    *("/var/lib/mediastack/updater/asked.json", "/run/mediastack/stack.lock"),
    *("/var/lib/mediastack/portsync.json", "/run/mediastack/portsync.json"),
    "/var/lib/mediastack/backup.json",
)
# Timers start them every few minutes: whether they run at this very moment says nothing, nor do
# the containers that a restore drill makes then.
COMING_AND_GOING = {"Id=mediastack-update.service", "Id=mediastack-backup.service"}
DRILL = "io.mediastack.drill"
PASSING_STATE = ("ActiveState=", "SubState=")
DAEMONS = (
    *("docker.service", "containerd.service", "ssh.service"),
    *("mediastack-keeper.service", "mediastack-monitor.service", "mediastack-healer.service"),
    "mediastack-updater.service",
)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def digest(path: str) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def entry(path: str) -> "list[Any]":
    """Kind, mode, owner and content; for files also inode and time, which a rewrite changes."""
    found = os.lstat(path)
    shown: list[Any] = [oct(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        shown.append(os.readlink(path))
    elif stat.S_ISREG(found.st_mode) and path not in LIVING:
        shown += [found.st_size, found.st_ino, found.st_mtime_ns, digest(path)]
    return shown


def walk(root: str, depth: "int | None") -> "dict[str, list[Any]]":
    if not os.path.lexists(root):
        return {}
    found = {root: entry(root)}
    if not os.path.isdir(root) or os.path.islink(root) or depth == 0:
        return found
    for name in sorted(os.listdir(root)):
        try:
            found |= walk(f"{root}/{name}", None if depth is None else depth - 1)
        except FileNotFoundError:
            continue  # gone between the listing and the look: a temporary file
    return found


def containers() -> "dict[str, Any]":
    listed = output("docker", "ps", "-aq", "--no-trunc").split()
    if not listed:
        return {}
    return {
        one["Name"]: [
            one["Id"],
            one["Created"],
            one["Image"],
            one["State"]["Status"],
            one["State"]["StartedAt"],
            one["State"]["Pid"],
            one["RestartCount"],
            hashlib.sha256(json.dumps(one["HostConfig"], sort_keys=True).encode()).hexdigest(),
        ]
        for one in json.loads(output("docker", "inspect", *listed))
        if DRILL not in (one["Config"]["Labels"] or {})
    }


def units() -> "dict[str, str]":
    names = output(
        "systemctl", "list-unit-files", "--no-legend", "--plain", "mediastack-*"
    ).splitlines()
    ours = [line.split()[0] for line in names if line]
    shown = output("systemctl", "show", "-p", UNIT_PROPERTIES, *ours, *DAEMONS)
    started = output("systemctl", "show", "-p", "Id,InvocationID,MainPID", *DAEMONS)
    blocks = [*shown.strip().split("\n\n"), *started.strip().split("\n\n")]
    return {str(number): lasting(block) for number, block in enumerate(blocks)}


def lasting(block: str) -> str:
    lines = block.split("\n")
    if COMING_AND_GOING.isdisjoint(lines):
        return block
    return "\n".join(line for line in lines if not line.startswith(PASSING_STATE))


def main() -> "dict[str, Any]":
    files: dict[str, Any] = {}
    for root, depth in TREES.items():
        files |= walk(root, depth)
    return {
        "files": files,
        "containers": containers(),
        "units": units(),
        "images": sorted(output("docker", "image", "ls", "-aq", "--no-trunc").split()),
        "networks": sorted(output("docker", "network", "ls", "-q", "--no-trunc").split()),
        "volumes": sorted(output("docker", "volume", "ls", "-q").split()),
    }
