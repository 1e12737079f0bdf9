"""The whole of a host, to compare before and after: paths, packages, accounts, units, networks."""

import hashlib
import os
import stat
import subprocess
from typing import Any

# What any use of a machine changes, what a boot makes, and what apt keeps of its own.
SKIPPED = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache"),  # noqa: S108
    *("/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/backups", "/root/.cache"),
    *("/var/lib/docker", "/var/lib/containerd", "/mnt/disk", "/var/lib/private"),
)


def output(*command: str) -> str:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


def entry(path: str) -> "list[Any]":
    found = os.lstat(path)
    shown: list[Any] = [oct(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        shown.append(os.readlink(path))
    elif stat.S_ISREG(found.st_mode) and path.startswith(("/etc", "/data", "/srv", "/usr/local")):
        with open(path, "rb") as handle:
            shown.append(hashlib.sha256(handle.read()).hexdigest())
    elif stat.S_ISREG(found.st_mode):
        shown.append(found.st_size)
    return shown


def main() -> "dict[str, Any]":
    files = {}
    for directory, names, plain in os.walk("/"):
        names[:] = [
            name
            for name in names
            if os.path.join(directory, name) not in SKIPPED and name != "__pycache__"
        ]
        for name in [*names, *plain]:
            path = os.path.join(directory, name)
            if path not in SKIPPED:
                files[path] = entry(path)
    packages = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
    units = output("systemctl", "list-unit-files", "--no-legend", "--plain")
    return {
        "files": files,
        "packages": dict(line.split(" ", 1) for line in packages.splitlines()),
        "units": {line.split()[0]: line.split()[1] for line in units.splitlines()},
        "links": sorted(os.listdir("/sys/class/net")),
        "containers": sorted(output("docker", "ps", "-aq").split()),
    }
