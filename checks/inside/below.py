"""What lies in the bare directory below the mounts of /data.

Run in a mount namespace of its own (unshare --mount --propagation private), where /data can be
unmounted without anybody else noticing.
"""

import hashlib
import os
import subprocess
from typing import Any

MOUNTS_AT_MOST = 16


def is_mounted() -> bool:
    with open("/proc/self/mountinfo", encoding="utf-8") as handle:
        return any(line.split()[4] == "/data" for line in handle)


def describe(path: str) -> "list[Any]":
    found = os.lstat(path)
    content = ""
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as handle:
            content = hashlib.sha256(handle.read()).hexdigest()
    return [oct(found.st_mode), found.st_uid, found.st_gid, content]


def main(make: "list[str]" = [], remove: bool = False) -> "dict[str, Any]":  # noqa: B006
    """List it; before that make these files in it (with their directories), or empty it."""
    for _ in range(MOUNTS_AT_MOST):
        if not is_mounted():
            break
        subprocess.run(["umount", "--lazy", "/data"], check=True)
    if is_mounted():
        raise SystemExit("/data cannot be unmounted")
    for path in make:
        os.makedirs(os.path.dirname(path), mode=0o777, exist_ok=True)
        with open(path, "w", encoding="utf-8") as handle:
            handle.write("planted\n")
    if remove:
        subprocess.run(["find", "/data", "-mindepth", "1", "-xdev", "-delete"], check=True)
    found = {}
    for directory, names, files in os.walk("/data"):
        for name in [*names, *files]:
            path = f"{directory}/{name}"
            found[path] = describe(path)
    return found
