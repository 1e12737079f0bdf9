"""The containers as Docker lists them and as the kernel knows them."""

import json
import os
import subprocess
from typing import Any

SENTINEL = "/data/.mediastack-sentinel"


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


def sentinel(pid: int) -> "list[int]":
    """Device and inode of the sentinel that a process sees; of a dead mount nothing."""
    try:
        found = os.stat(f"/proc/{pid}/root{SENTINEL}")
    except OSError:
        return []
    return [found.st_dev, found.st_ino]


def describe(one: "dict[str, Any]", with_sentinels: bool) -> "dict[str, Any]":
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
        "sentinel": sentinel(pid) if pid and with_sentinels else [],
    }


def main(with_sentinels: bool = False) -> "dict[str, Any]":
    listed = output("docker", "ps", "-aq", "--no-trunc").split()
    inspected = json.loads(output("docker", "inspect", *listed)) if listed else []
    return {
        "containers": {one["Name"].lstrip("/"): describe(one, with_sentinels) for one in inspected},
        "host_netns": inode("/proc/1/ns/net"),
        "mounted": mounted(),
        "sentinel": sentinel(1) if with_sentinels else [],
    }
