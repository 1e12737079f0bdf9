"""The containers as Docker lists them and as the kernel knows them."""

import json
import os
import subprocess
from typing import Any


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def devices(pid: int) -> "list[str]":
    try:
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as handle:
            return [line.split(":")[0].strip() for line in handle.readlines()[2:]]
    except OSError:
        return []


def mounted() -> "list[str]":
    """What is mounted on /data, the first mount first."""
    with open("/proc/self/mountinfo", encoding="utf-8") as handle:
        lines = [line.split() for line in handle]
    return [fields[fields.index("-") + 1] for fields in lines if fields[4] == "/data"]


def elsewhere(one: "dict[str, Any]") -> "list[str]":
    """Sources below /data that are another file inside the container than on the host now."""
    found = []
    for mount in one["Mounts"]:
        source = mount.get("Source", "")
        if source != "/data" and not source.startswith("/data/"):
            continue
        try:
            inside = os.stat(f"/proc/{one['State']['Pid']}/root{mount['Destination']}")
            if not os.path.samestat(inside, os.stat(source)):
                found.append(source)
        except OSError:
            found.append(source)
    return found


def inspect(listed: "list[str]") -> "list[dict[str, Any]]":
    """What Docker says of these; one that was removed meanwhile is left out."""
    if not listed:
        return []
    done = subprocess.run(
        ["docker", "inspect", *listed], check=False, capture_output=True, text=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def describe(one: "dict[str, Any]", with_data: bool) -> "dict[str, Any]":
    state = one["State"]
    pid = state["Pid"]
    return {
        "id": one["Id"],
        "status": state["Status"],
        "health": (state.get("Health") or {}).get("Status", "none"),
        "pid": pid,
        "started": state["StartedAt"],
        "restarts": one["RestartCount"],
        "netns": inode(f"/proc/{pid}/ns/net") if pid else 0,
        "devices": devices(pid) if pid else [],
        "elsewhere": elsewhere(one) if pid and with_data else [],
    }


def main(with_data: bool = False) -> "dict[str, Any]":
    """With `with_data` also whose /data is not the host's (not while that may hang)."""
    inspected = inspect(output("docker", "ps", "-aq", "--no-trunc").split())
    return {
        "containers": {one["Name"].lstrip("/"): describe(one, with_data) for one in inspected},
        "host_netns": inode("/proc/1/ns/net"),
        "mounted": mounted(),
    }
