"""Checks of the machine: units, Docker, the network, /data, room, clock, messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

MINIMUM_FREE_BYTES = 1024**3
MINIMUM_FREE_INODES = 0.01
SPOOL_LIMIT_SECONDS = 3600
EARLIEST_TIME = 1_735_689_600  # 2025-01-01: this software did not exist before
CLOCK_TOLERANCE_SECONDS = 60


def units(config: Config, facts: Facts) -> list[Finding]:
    """Every unit of ours is there, not masked, enabled, active, and loaded as it is on disk."""
    findings = []
    for entry in config["units"]:
        name = entry["name"]
        unit = facts["units"].get(name, {})
        load, enabled = unit.get("LoadState", ""), unit.get("UnitFileState", "")
        active = unit.get("ActiveState", "")
        problem, fix = "", ""
        if load == "masked":
            problem, fix = "is masked", f"systemctl unmask {name}, then {DEPLOY}"
        elif load != "loaded":
            problem, fix = f"is {load or 'unknown to systemd'}", DEPLOY
        elif enabled != "enabled":
            problem, fix = f"is {enabled or 'not enabled'}", f"systemctl enable --now {name}"
        elif active != "active":
            problem = f"is {active}"
            fix = f"journalctl -u {name} says why; systemctl restart {name}"
        elif unit.get("NeedDaemonReload") == "yes":
            problem, fix = "changed on disk after systemd read it", "systemctl daemon-reload"
        elif name.endswith(".timer") and never_fires(unit):
            problem, fix = "will never fire", f"systemctl restart {name}"
        findings.append(judge("unit", name, problem, fix))
    return findings


def never_fires(unit: Mapping[str, str]) -> bool:
    """Say whether systemd knows no next time for a timer (facts: `systemctl show`).

    While what it starts is at work ("running") there is none yet.
    """
    if unit.get("SubState") == "running":
        return False
    known = [unit.get(f"NextElapseUSec{one}") for one in ("Realtime", "Monotonic")]
    return known != [None, None] and all(one in ("", "0", "infinity", "n/a", None) for one in known)


def helpers(config: Config, facts: Facts) -> list[Finding]:
    """What timers and paths start can be started."""
    wanted = {entry["name"] for entry in config["units"]}
    findings = []
    for name, unit in facts["units"].items():
        if name not in wanted:
            load = unit.get("LoadState", "unknown")
            problem = "" if load == "loaded" else f"is {load}"
            findings.append(judge("unit", name, problem, f"systemctl unmask {name}; {DEPLOY}"))
    return findings


def environment(config: Config, facts: Facts) -> list[Finding]:
    """The environment of the host's own programs is a finished one."""
    marker = f"{config['paths']['program']}/venv/complete"
    problem = "" if facts["machine"].get("environment", True) else "is not there"
    return [judge("environment", marker, problem, DEPLOY)]


def programs(config: Config, facts: Facts) -> list[Finding]:
    """Running programs of ours are of the release that is deployed."""
    findings = []
    for name, unit in facts["units"].items():
        if "Release" not in unit:
            continue
        release = unit["Release"]
        problem = (
            ""
            if release == config["release"]
            else f"runs release {release or 'unknown'}, deployed is {config['release']}"
        )
        findings.append(judge("release", name, problem, f"systemctl restart {name}"))
    return findings


def docker(config: Config, facts: Facts) -> list[Finding]:
    """Docker answers."""
    fix = "systemctl status docker says why; systemctl restart docker"
    return [judge("docker", "docker", facts["docker_error"], fix)]


def state(config: Config, facts: Facts) -> list[Finding]:
    """The state files of our programs can be read by this release."""
    return [judge("state", config["paths"]["state"], facts["state_error"], DEPLOY)]


def daemon_settings(config: Config, facts: Facts) -> list[Finding]:
    """Log rotation and live-restore are in daemon.json, and in force."""
    path = "/etc/docker/daemon.json"
    settings = facts["daemon_settings"]
    if settings["error"]:
        return [judge("docker-settings", path, f"cannot be read: {settings['error']}", DEPLOY)]
    value, info = settings["value"], facts["info"]
    rotation = "" if (value.get("log-opts") or {}).get("max-size") else "sets no log-opts.max-size"
    restore = "" if value.get("live-restore") is True else "does not set live-restore"
    findings = [
        judge("docker-settings", f"{path} log rotation", rotation, DEPLOY),
        judge("docker-settings", f"{path} live-restore", restore, DEPLOY),
    ]
    if info:
        live = "" if info.get("LiveRestoreEnabled") is True else "live-restore is not in force"
        wanted, driver = value.get("log-driver"), info.get("LoggingDriver")
        logs = "" if wanted in (None, driver) else f"logs with {driver}, should with {wanted}"
        findings.append(judge("docker-settings", "live-restore", live, "systemctl reload docker"))
        findings.append(judge("docker-settings", "log driver", logs, "systemctl restart docker"))
    return findings


def network(config: Config, facts: Facts) -> list[Finding]:
    """The bridge network exists with the configured subnet and gateway."""
    if facts["observation"] is None:
        return []
    wanted = config["network"]
    name = wanted["name"]
    found = next((entry for entry in facts["networks"] if entry["Name"] == name), None)
    if found is None:
        return [judge("network", name, "does not exist", DEPLOY)]
    ranges = (found.get("IPAM") or {}).get("Config") or [{}]
    # With IPv6 there are two; ours is the one of the same family.
    subnets = [entry.get("Subnet", "") for entry in ranges]
    fix = f"stop all stacks, docker network rm {name}, then {DEPLOY}"
    if wanted["subnet"] not in subnets:
        problem = f"has subnet {', '.join(subnets) or 'none'} instead of {wanted['subnet']}"
        return [judge("network", name, problem, fix)]
    gateway = ranges[subnets.index(wanted["subnet"])].get("Gateway", "")
    problem = ""
    if gateway != wanted["gateway"]:
        problem = f"has gateway {gateway or 'none'} instead of {wanted['gateway']}"
    return [judge("network", name, problem, fix)]


def data(config: Config, facts: Facts) -> list[Finding]:
    """/data is mounted, and a file can be hardlinked from torrents to media."""
    path = config["paths"]["data"]
    sentinel = config["paths"]["sentinel"]
    missing = "" if facts["data"]["present"] else f"{sentinel} is not there"
    findings = [judge("data", path, missing, f"mount {path}; on a new disk {DEPLOY}")]
    if not missing:
        error = facts["data"]["hardlink_error"] or ""
        fix = f"{path}/torrents and {path}/media have to be on one file system, in one mount"
        findings.append(judge("hardlink", path, error, fix))
    for inside in facts["data"].get("inside", []):
        problem = "is another file system"
        findings.append(judge("data", inside, problem, f"one file system for all of {path}"))
    return findings


def disks(config: Config, facts: Facts) -> list[Finding]:
    """There is room, in bytes and in inodes."""
    findings = []
    for path, disk in facts["disks"].items():
        problem = ""
        if disk["free_bytes"] < MINIMUM_FREE_BYTES:
            problem = f"only {disk['free_bytes'] // 1024**2} MiB free"
        elif disk["free_inodes"] < MINIMUM_FREE_INODES * disk["total_inodes"]:
            problem = f"only {disk['free_inodes']} inodes free"
        fix = f"du -xh --max-depth=2 {path} | sort -h shows what is large; docker image prune"
        findings.append(judge("disk", path, problem, fix))
    return findings


def clock(config: Config, facts: Facts) -> list[Finding]:
    """The clock can be right: TLS, the tunnel's handshake and backups depend on it."""
    now, newest = facts["clock"]["now"], facts["clock"]["newest"]
    problem = ""
    if now < EARLIEST_TIME:
        problem = "is years behind"
    elif newest is not None and now < newest - CLOCK_TOLERANCE_SECONDS:
        problem = f"went backwards: the ledger is {newest - now:.0f} s ahead"
    elif facts["clock"]["synchronised"] is False:
        problem = "does not follow a time server"
    return [judge("clock", "clock", problem, "timedatectl set-ntp true; timedatectl status")]


def spool(config: Config, facts: Facts) -> list[Finding]:
    """Notifications get out."""
    waiting = facts["spool_oldest_seconds"]
    problem = ""
    if waiting >= SPOOL_LIMIT_SECONDS:
        problem = f"the oldest notification has been waiting for {waiting / 3600:.1f} h"
    fix = "journalctl -u mediastack-notify says why; stack-manage.sh notify-test"
    return [judge("spool", "notifications", problem, fix)]


CHECKS: tuple[Check, ...] = (
    units,
    helpers,
    environment,
    programs,
    docker,
    state,
    daemon_settings,
    network,
    data,
    disks,
    clock,
    spool,
)
