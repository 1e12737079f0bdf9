"""Is there room, does the disk guard see to it, and is nothing paused that somebody should know of?

Facts and judgments together. What the guard last said is in the runtime directory, with a moment in
seconds since boot, so a clock that was set makes nobody look asleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack import atomic, disk_guard_host, disk_space, portsync_host
from mediastack.disk_guard_levels import names
from mediastack.doctor_checks import Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

# It says something twice a minute, and may hang on a disk or on qBittorrent for a while.
SILENT_SECONDS = 120.0
UNIT = "mediastack-disk-guard.service"
RESTART = f"journalctl -u {UNIT} says why; systemctl restart {UNIT}"


def gather(config: Config, now: float | None = None) -> dict[str, Any]:
    """Return {"report": what the guard last said, {} for nothing, "silent_seconds"}; {} on a host
    of a release without a guard. `now` is in seconds since boot."""
    if not config.get("disk"):
        return {}
    report = atomic.read_json(disk_guard_host.report_file(config["paths"]), {})
    now = portsync_host.boot_seconds() if now is None else now
    return {"report": report, "silent_seconds": now - float(report.get("boot_seconds", 0.0))}


def guard(config: Config, facts: Facts) -> list[Finding]:
    """Somebody looks, and sees the disks that downloads can fill."""
    found = facts["disk_guard"]
    if not found:
        return []
    report, silent = found["report"], found["silent_seconds"]
    problem, fix = "", RESTART
    if not report:
        problem = "has not said anything yet"
    elif silent > SILENT_SECONDS:
        problem = f"has said nothing for {silent / 60:.0f} minutes"
    elif report["unknown"]:
        problem = f"does not see {names(report['unknown'])}"
        fix = f"mount {names(report['unknown'])}"
    return [judge("disk-guard", "disk guard", problem, fix)]


def room(config: Config, facts: Facts) -> list[Finding]:
    """No disk is warned of, and each is larger than the room that it is to keep."""
    findings = []
    for disk in facts["disk_guard"].get("report", {}).get("disks", []):
        where, total = names(disk["paths"]), disk_space.words(disk["total"])
        problem = ""
        fix = f"make room: du -xh --max-depth=2 {disk['paths'][0]} | sort -h shows what is large"
        if disk["resume"] >= disk["total"]:
            problem = f"has {total} in all, and disk.resume is {disk_space.words(disk['resume'])}"
            fix = "disk.warn, disk.pause and disk.resume as a part of the disk, such as 5%"
        elif disk["warned"]:
            problem = f"has {disk_space.words(disk['free'])} of {total} free"
        findings.append(judge("room", where, problem, fix))
    return findings


def downloads(config: Config, facts: Facts) -> list[Finding]:
    """Downloads run, and what the guard stopped came back."""
    report = facts["disk_guard"].get("report")
    if not report:
        return []
    many, phase = report["stopped"], report["phase"]
    problem, fix = "", "make room, then they go on by themselves; see docs/disk-guard.md"
    if report["deaf"]:
        problem = f"cannot be {'resumed' if phase == 'resuming' else 'paused'}: {report['error']}"
        fix = "stack-manage.sh downloads logs qbittorrent; " + RESTART
    elif phase in ("pausing", "paused"):
        problem = f"are paused ({many} stopped)"
    elif many:
        problem = f"are not all back: {many} are checked, moved, or have lost their files"
        fix = "wait, or start or remove them in qBittorrent's web interface"
    return [judge("downloads", "qbittorrent", problem, fix)]


CHECKS: tuple[Check, ...] = (guard, room, downloads)
