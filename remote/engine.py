"""The Docker engine: running, and running with the daemon.json that is on disk.

Whether a restart is due is read from the process: a dockerd that started before daemon.json last
changed has not read it. So a run that died between writing the file and restarting loses nothing.
live-restore is on: containers keep running through the restart.
"""

import os
import subprocess
from typing import Any

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


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


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Not running, or running with an older configuration."""
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
    return []


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
