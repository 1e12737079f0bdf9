"""Our systemd units: enabled, active, and running the programs that are installed now.

Whether a daemon must be restarted is read from the process: its environment carries the release
it was started from, and what systemd gave it to read is compared with what it would be given now. A
socket has no process: there it is the file system, or the kernel's table of listeners, that says
whether the door is where it should be, and whose. Units of ours that left the table are disabled
and stopped.
"""

import glob
import os
import pwd
import socket
import stat
import struct
import subprocess
from typing import Any

PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,MainPID"
UNIT_DIRECTORY = "/etc/systemd/system"
SOCKET_MODE = 0o600
DOOR = "its door"
CREDENTIALS = "/run/credentials"
LISTENING = "0A"


def show(names: "list[str]") -> "dict[str, dict[str, str]]":
    shown = subprocess.run(
        ["systemctl", "show", "-p", PROPERTIES, *names], capture_output=True, text=True, check=True
    )
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in shown.stdout.strip().split("\n\n")
    ]
    return {block["Id"]: block for block in blocks if "Id" in block}


def running_release(pid: int) -> str:
    return running_with(pid, "MEDIASTACK_RELEASE")


def running_with(pid: int, name: str) -> str:
    """A variable that a process was started with, "" without it."""
    try:
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as handle:
            variables = handle.read().split("\0")
    except OSError:
        return ""
    return next((v.split("=", 1)[1] for v in variables if v.startswith(f"{name}=")), "")


def socket_problem(path: str, user: str) -> str:
    """What is wrong with the door of an active socket unit, "" for nothing.

    systemd goes on listening also where somebody removed the file, and keeps the owner that the
    account had when it began.
    """
    try:
        seen, uid = os.lstat(path), pwd.getpwnam(user).pw_uid
    except (FileNotFoundError, NotADirectoryError):
        return f"{DOOR} {path} is absent"
    except KeyError:
        return f"{DOOR} {path} has no user {user}"
    if not stat.S_ISSOCK(seen.st_mode):
        return f"{DOOR} {path} is no socket"
    mode = stat.S_IMODE(seen.st_mode)
    if (seen.st_uid, mode) != (uid, SOCKET_MODE):
        return f"{DOOR} {path}: {seen.st_uid}'s, {mode:04o} instead of {uid}'s, {SOCKET_MODE:04o}"
    return ""


def listener_problem(listens: str) -> str:
    """What is wrong with the TCP door of an active socket unit ("address:port"), "" for nothing:
    systemd goes on listening where it began, whatever its file says by now."""
    address, _, port = listens.rpartition(":")
    (number,) = struct.unpack("=I", socket.inet_aton(address))
    wanted = f"{number:08X}:{int(port):04X}"
    with open("/proc/net/tcp", encoding="ascii") as handle:
        lines = [line.split() for line in handle]
    if any(line[1] == wanted and line[3] == LISTENING for line in lines):
        return ""
    return f"{DOOR} {listens} is absent"


def stale_credentials(unit: str, wanted: "dict[str, str] | None") -> bool:
    """Whether a running unit was given another content, or other files, than it would be now;
    `wanted` is {name: path}, None for a unit that is given none."""
    if wanted is None:
        return False
    directory = f"{CREDENTIALS}/{unit}"
    try:
        if sorted(os.listdir(directory)) != sorted(wanted):
            return True
        for name, path in wanted.items():
            with open(f"{directory}/{name}", "rb") as given, open(path, "rb") as kept:
                if given.read() != kept.read():
                    return True
    except OSError:
        return True
    return False


def leftovers(spec: "dict[str, Any]") -> "list[str]":
    """Enabled units with our prefix that the table does not name."""
    wanted = {unit["name"] for unit in spec["units"]} | set(spec["helpers"])
    links = glob.glob(f"{UNIT_DIRECTORY}/*.wants/mediastack-*")
    return sorted({os.path.basename(link) for link in links} - wanted)


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """What is not as the table of units says."""
    names = [unit["name"] for unit in spec["units"]]
    found = show([*names, *spec["helpers"]])
    problems = []
    if any(one.get("NeedDaemonReload") == "yes" for one in found.values()):
        problems.append({"path": "systemd", "problem": "has not read the changed units"})
    for name in names:
        unit = found.get(name, {})
        if unit.get("LoadState") != "loaded":
            problems.append({"path": name, "problem": unit.get("LoadState", "unknown")})
            continue
        if unit.get("UnitFileState") not in ("enabled", "static"):
            problems.append({"path": name, "problem": f"is {unit.get('UnitFileState')}"})
        if unit.get("ActiveState") not in ("active", "activating"):
            problems.append({"path": name, "problem": f"is {unit.get('ActiveState')}"})
        door = spec.get("sockets", {}).get(name)
        if door and unit.get("ActiveState") == "active":
            problem = (
                listener_problem(door["listens"])
                if "listens" in door
                else socket_problem(door["path"], door["user"])
            )
            problems += [{"path": name, "problem": problem}] if problem else []
        pid = int(unit.get("MainPID", "0") or 0)
        if pid and running_release(pid) not in ("", spec["release"]):
            problems.append({"path": name, "problem": "runs an older release"})
        elif pid and running_release(pid):
            wanted = spec.get("environment", {}).get(name, {})
            if any(running_with(pid, key) != value for key, value in wanted.items()):
                problems.append({"path": name, "problem": "runs with other settings"})
            elif stale_credentials(name, spec.get("credentials", {}).get(name)):
                problems.append({"path": name, "problem": "runs with other secrets"})
    problems += [{"path": name, "problem": "no longer wanted"} for name in leftovers(spec)]
    return problems


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Reload, unmask, enable, start, restart: only what the check names."""
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    done = []
    for one in check(spec):
        name = one["path"]
        if one["problem"] == "no longer wanted":
            # Its file is gone: `disable --now` would give up before it stops anything.
            subprocess.run(["systemctl", "stop", name], check=False)
            subprocess.run(["systemctl", "disable", "--quiet", name], check=False)
            for link in glob.glob(f"{UNIT_DIRECTORY}/*.wants/{name}"):
                os.unlink(link)
        elif one["problem"].startswith("runs "):
            subprocess.run(["systemctl", "restart", name], check=True)
        elif one["problem"].startswith(DOOR):
            # Both in one go: a socket does not start while its service runs.
            service = name.replace(".socket", ".service")
            subprocess.run(["systemctl", "restart", name, service], check=True)
        elif name != "systemd":
            if "masked" in one["problem"]:
                subprocess.run(["systemctl", "unmask", "--quiet", name], check=True)
            subprocess.run(["systemctl", "reset-failed", name], check=False)
            subprocess.run(["systemctl", "enable", "--quiet", "--now", name], check=True)
        done.append(f"{name}: {one['problem']}")
    return done
