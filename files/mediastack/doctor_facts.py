"""Everything that the doctor's checks look at, gathered once and judged by none of this.

Facts come from where the truth is: systemd, Docker, the kernel, the file system - not from what
the deploy meant to do. What could not be read is None or carries its error, so that a check can say
so. /data is only touched after the sentinel (read by a child with a deadline) was seen: looking at
a dead mount may hang for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mediastack import (
    clock,
    doctor_backup,
    doctor_disk,
    doctor_door,
    doctor_doors,
    doctor_machine,
    doctor_made,
    doctor_monitor,
    doctor_probes,
    doctor_updates,
    doctor_wall,
    foresight,
    image_lock,
    ledger,
    observe,
    status,
)
from mediastack import secrets as mediastack_secrets
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.secret_files import SecretError

Facts = dict[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

TIMEOUT_SECONDS = 20
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
UNIT_PROPERTIES = (
    "Id,LoadState,UnitFileState,ActiveState,SubState,NeedDaemonReload,MainPID"
    ",NextElapseUSecRealtime,NextElapseUSecMonotonic"
)


def gather(
    config: Mapping[str, Any],
    docker: Docker,
    *,
    run: Run | None = None,
    proc: str = "/proc",
    now: Callable[[], float] = time.time,
) -> Facts:
    """Return the facts; each entry is described at the function that makes it. Raise nothing that
    the machine's state can cause."""
    run = run or output
    facts = docker_facts(config, docker, run, proc)
    present = doctor_probes.sentinel_present(config)
    facts.update(
        units=units(config, run, proc),
        daemon_settings=json_file(doctor_machine.DAEMON_SETTINGS),
        host_netns=status.host_netns(proc),
        machine=doctor_machine.gather(config, run, proc),
        secrets=secrets(config),
        files=files(doctor_probes.reachable_files(config, present)),
        data={
            "present": present,
            "inside": mounted_inside(config, proc),
            "hardlink_error": doctor_probes.hardlink(config) if present else None,
        },
        disks=doctor_probes.disks(config, facts["info"], with_data=present),
        clock={"now": now(), "synchronised": synchronised(run), "newest": newest_entry()},
        spool_oldest_seconds=doctor_probes.spool_age(config, now()),
        monitor=doctor_monitor.gather(config),
        updates=doctor_updates.gather(config),
        backup=doctor_backup.gather(config, now()),
        door=doctor_door.gather(config, run, proc),
        disk_guard=doctor_disk.gather(config),
        wrong_secrets={},
        made={},
        doors={},
        wall={},
    )
    return facts


def more(config: dict[str, Any], facts: Facts, run: Run | None = None, proc: str = "/proc") -> None:
    """Add what the doctor looks at besides drift: how containers were made, doors and ways, and
    what is in the secrets (never shown). Nothing of Docker's while that is away."""
    run = run or output
    facts["wrong_secrets"] = wrong_secrets(config)
    facts["wall"] = doctor_wall.gather(config, run)
    if not facts["docker_error"]:
        facts["made"] = doctor_made.gather(config, facts["inspected"], run, proc)
        facts["doors"] = doctor_doors.gather(config, run, facts["data"]["present"])


def wrong_secrets(config: dict[str, Any]) -> dict[str, str]:
    """Return {path: problem} of secrets and filled-in files, by their content."""
    try:
        found = mediastack_secrets.check(foresight.settled(config), {})
    except SecretError as error:
        return {os.path.join(config["paths"]["etc"], "secrets"): str(error)}
    return {one["path"]: one["problem"] for one in found}


def docker_facts(config: Mapping[str, Any], docker: Docker, run: Run, proc: str) -> Facts:
    """Return "docker_error" and "state_error" ("" when all is well), "info" (docker info),
    "observation", "images" ({reference: inspect}), "image_lock", "inspected" ({name: inspect}),
    "networks"; empty while Docker is away."""
    facts: Facts = {
        "docker_error": "",
        "state_error": "",
        "info": {},
        "observation": None,
        "images": {},
        "image_lock": {},
        "inspected": {},
        "networks": [],
    }
    try:
        observation = observe.observe(config, docker, proc)
        return facts | {
            "info": parsed(run(("docker", "info", "--format", "{{json .}}"))),
            "image_lock": image_lock.read(),
            "observation": observation,
            "images": docker.images(observation["images"].values()),
            "inspected": {entry["Name"].lstrip("/"): entry for entry in docker.containers()},
            "networks": docker.networks(),
        }
    except (NotReachable, DockerError) as error:
        return facts | {"docker_error": str(error)}
    except ValueError as error:
        # A state file (images.lock) of another release: its reader refuses to guess.
        return facts | {"state_error": str(error)}


def units(config: Mapping[str, Any], run: Run, proc: str) -> dict[str, dict[str, str]]:
    """Return {unit: its UNIT_PROPERTIES and, when it has a process, "Release" (what that process
    was started with)}, from one call."""
    names = [entry["name"] for entry in config["units"]]
    names += [one for one in map(started_by, names) if one]
    if not names:
        return {}
    shown = run(("systemctl", "show", f"--property={UNIT_PROPERTIES}", "--", *names)) or ""
    found = {}
    for block in shown.split("\n\n"):
        properties = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" not in properties:
            continue
        pid = properties.get("MainPID", "0")
        if pid != "0":
            properties["Release"] = _release(f"{proc}/{pid}/environ")
        found[properties["Id"]] = properties
    return found


def started_by(unit: str) -> str:
    """Return the service that a timer or a path starts, "" for another unit."""
    stem, _, kind = unit.rpartition(".")
    return f"{stem}.service" if kind in ("timer", "path") else ""


def secrets(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {path: {"mode","uid","gid","directory","enclosed"}} of everything below the secrets
    directory and of every secret file elsewhere; enclosed: a directory above it lets no other user
    through. Contents are never read."""
    top = os.path.join(config["paths"]["etc"], "secrets")
    paths = [top, *(entry["destination"] for entry in config["secret_files"])]
    for directory, directories, names in os.walk(top):
        paths += [os.path.join(directory, name) for name in (*directories, *names)]
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            seen = os.lstat(path)
            found[path] = {
                "mode": seen.st_mode & 0o7777,
                "uid": seen.st_uid,
                "gid": seen.st_gid,
                "directory": os.path.isdir(path),
                "enclosed": _enclosed(path),
            }
    return found


def _enclosed(path: str) -> bool:
    parent = os.path.dirname(path)
    while parent != os.path.dirname(parent):
        if not os.stat(parent).st_mode & 0o001:
            return True
        parent = os.path.dirname(parent)
    return False


def files(wanted: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return {path: {"kind","mode","uid","gid","target" (of a link),"sha256" (when wanted)}};
    absent ones left out."""
    found = {}
    for entry in wanted:
        with contextlib.suppress(OSError):
            seen = os.lstat(entry["path"])
            kind = KINDS.get(stat.S_IFMT(seen.st_mode), "other")
            found[entry["path"]] = {
                "kind": kind,
                "mode": seen.st_mode & 0o7777,
                "uid": seen.st_uid,
                "gid": seen.st_gid,
                "target": os.readlink(entry["path"]) if kind == "link" else "",
                "sha256": _sha256(entry["path"]) if kind == "file" and entry.get("sha256") else "",
            }
    return found


def mounted_inside(config: Mapping[str, Any], proc: str) -> list[str]:
    """Return the mount points below /data: other file systems, where no hardlink leads."""
    below = f"{config['paths']['data'].rstrip('/')}/"
    with contextlib.suppress(OSError), open(f"{proc}/1/mountinfo", encoding="utf-8") as stream:
        points = [line.split()[4] for line in stream]
        return [one for one in points if one.startswith(below)]
    return []


def synchronised(run: Run) -> bool | None:
    """Return whether the clock follows a time server; None where that is not this system's job
    (in a container) or where systemd does not know."""
    if (run(("systemd-detect-virt", "--container")) or "none").strip() != "none":
        return None
    answer = (run(("timedatectl", "show", "--property=NTPSynchronized", "--value")) or "").strip()
    return {"yes": True, "no": False}.get(answer)


def newest_entry() -> float | None:
    """Return when the newest ledger entry was written (seconds since the epoch), if there is one.

    A clock before that moment has gone backwards."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        for entry in ledger.read(1):
            return clock.seconds(entry["time"])
    return None


def json_file(path: str) -> dict[str, Any]:
    """Return {"value": the object in the file, "error": why there is none}."""
    try:
        with open(path, "rb") as stream:
            value = json.load(stream)
    except OSError as error:
        return {"value": {}, "error": str(error.strerror)}
    except ValueError as error:
        return {"value": {}, "error": f"not JSON: {error}"}
    if not isinstance(value, dict):
        return {"value": {}, "error": "not a JSON object"}
    return {"value": value, "error": ""}


def output(command: Sequence[str]) -> str | None:
    """Run a command; return its standard output whatever its exit code, None if it cannot run."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout


def parsed(text: str | None) -> dict[str, Any]:
    """Return the JSON object in a command's output, {} when it is none."""
    with contextlib.suppress(ValueError):
        value = json.loads(text or "")
        if isinstance(value, dict):
            return value
    return {}


def _release(environ: str) -> str:
    with contextlib.suppress(OSError), open(environ, "rb") as stream:
        for variable in stream.read().split(b"\0"):
            if variable.startswith(b"MEDIASTACK_RELEASE="):
                return variable.partition(b"=")[2].decode(errors="replace")
    return ""


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()
