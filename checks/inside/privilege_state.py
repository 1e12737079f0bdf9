"""What no request may change: containers with their configuration, /etc, our programs."""

import hashlib
import json
import os
import stat
import subprocess
from typing import Any

TREES = ("/etc", "/opt/mediastack/lib", "/opt/mediastack/bin", "/opt/mediastack/stacks", "/root")
# The kernel's and the daemons' own.
LEFT_OUT = ("/etc/mtab", "/etc/resolv.conf", "/root/.cache")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def digest(value: "Any") -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def containers() -> "dict[str, Any]":
    listed = output("docker", "ps", "-aq", "--no-trunc").split()
    inspected = json.loads(output("docker", "inspect", *listed)) if listed else []
    return {
        f"container {one['Name'].lstrip('/')}": [
            *(one["Id"], one["Image"], one["State"]["Status"], one["State"]["StartedAt"]),
            # Docker lists mounts in no order.
            digest([one["Config"], one["HostConfig"], sorted(map(str, one["Mounts"]))]),
        ]
        for one in inspected
    }


def files(top: str) -> "dict[str, Any]":
    found: dict[str, Any] = {}
    for directory, names, plain in os.walk(top):
        if directory in LEFT_OUT:
            names.clear()
            continue
        for path in (directory, *(f"{directory}/{name}" for name in plain)):
            if path in LEFT_OUT:
                continue
            try:
                status = os.lstat(path)
                found[path] = [oct(status.st_mode), status.st_uid, status.st_gid]
                if stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as stream:
                        found[path].append(digest(stream.read()))
            except FileNotFoundError:
                continue
    return found


def main() -> "dict[str, Any]":
    found = containers()
    for kind in ("network", "volume", "image"):
        listed = output("docker", kind, "ls", "-q", *(["--no-trunc"] if kind != "volume" else []))
        found |= {f"{kind} {one}": [] for one in set(listed.split())}
    for top in TREES:
        found |= files(top)
    return found
