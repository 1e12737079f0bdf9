"""The Docker engine: running, with the daemon.json that is on disk, and holding no lost ports.

Whether a restart is due is read from the process: a dockerd that started before daemon.json last
changed has not read it. So a run that died between writing the file and restarting loses nothing.
live-restore is on: containers keep running through the restart. A dockerd that was killed while it
started or removed a container can go on publishing the ports of one that is gone ("port is already
allocated" for its successor, for ever); started again it forgets them.
"""

import os
import re
import subprocess
import time
from typing import Any

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
# A container that is just starting has its ports a moment before it counts as running.
LOOKS = 4
LOOK_SECONDS = 1.0


def main_pid(unit: str) -> int:
    shown = subprocess.run(
        ["systemctl", "show", "-p", "MainPID", "--value", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(shown.stdout.strip() or 0)


def started_at(pid: int) -> float:
    """Start of a process in seconds since the epoch."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as handle:
        ticks = int(handle.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="utf-8") as handle:
        boot = next(int(line.split()[1]) for line in handle if line.startswith("btime"))
    return boot + ticks / CLOCK_TICKS


def proxied(pid: int, proc: str = "/proc") -> "set[str]":
    """The published ports, as "address:port", for which this dockerd runs a docker-proxy."""
    found = set()
    for entry in os.listdir(proc):
        try:
            with open(f"{proc}/{entry}/cmdline", encoding="utf-8", errors="replace") as handle:
                words = handle.read().split("\0")
            if not words[0].endswith("docker-proxy"):
                continue
            with open(f"{proc}/{entry}/stat", encoding="utf-8") as handle:
                parent = int(handle.read().rpartition(")")[2].split()[1])
        except OSError:
            continue  # no process, or one that just ended
        if parent == pid:  # not that of a Docker inside a container
            where = words[words.index("-host-ip") + 1], words[words.index("-host-port") + 1]
            found.add(":".join(where))
    return found


def published() -> "set[str]":
    """The ports that running containers publish; Docker shortens neighbours to a range."""
    command = ["docker", "ps", "--format", "{{.Ports}}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = set()
    for address, first, last in re.findall(r"([0-9a-f.:\[\]]+):(\d+)(?:-(\d+))?->", shown):
        for port in range(int(first), int(last or first) + 1):
            found.add(f"{address.strip('[]')}:{port}")
    return found


def lost_ports(pid: int) -> "list[str]":
    """Ports that Docker holds, look after look, for containers that are gone."""
    lost: set[str] = set()
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_SECONDS)
        now = proxied(pid)
        now = now - published() if now else now
        lost = now if not look else lost & now
        if not lost:
            break
    return sorted(lost)


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Not running, or with an older configuration, or with ports of containers that are gone."""
    pid = main_pid("docker.service")
    if not pid:
        return [{"path": "docker.service", "problem": "not running"}]
    try:
        changed = os.stat(spec["configuration"]).st_mtime
    except FileNotFoundError:
        return [{"path": spec["configuration"], "problem": "absent"}]
    # btime has a resolution of one second.
    if started_at(pid) < changed - 1:
        return [{"path": "docker.service", "problem": "runs with an older daemon.json"}]
    problem = "publishes it for a container that is gone"
    return [{"path": port, "problem": problem} for port in lost_ports(pid)]


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Start or restart it."""
    problems = check(spec)
    if problems:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "enable", "--quiet", "docker.service"], check=True)
        # After a few failed starts systemd refuses more, also with what made them fail mended.
        subprocess.run(["systemctl", "reset-failed", "docker.service"], check=False)
        subprocess.run(["systemctl", "restart", "docker.service"], check=True)
    return [one["problem"] for one in problems]
