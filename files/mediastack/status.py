"""`status`: every service at a glance, and one line that says whether somebody must look.

A service needs attention when what runs is not what should run: not running, not healthy, in the
wrong network namespace, or with an action of plan.plan waiting. What the user stopped by our verbs
is shown as such and needs none. `report` is pure; the table and --json print the same report, whose
schema is stable (fields are only ever added):

    {"schema": 1, "release": str, "time": ISO UTC,
     "healthy": int, "stopped": int, "total": int,
     "attention": [service or "data"], "verdict": str,
     "data": {"present": bool, "error": str},
     "lock": null | {"actor", "pid", "reason", "since"},
     "services": [{"service", "stack", "zone", "state", "health", "image", "url",
                   "namespace": "ok"|"wrong"|"unknown", "intent": "run"|"stopped",
                   "reasons": [str]}],
     "port": what is to be said of the VPN's forwarded port, "" when none is wanted,
     "monitor": what is to be said of the monitor (a pause, a cascade under way), "" for nothing,
     "updates": what is to be said of updates (a pause, one under way), "" for nothing,
     "downloads": what is to be said of downloads that wait for room on a disk, "" for nothing,
     "backups": how old backups and the last proven restore are, "" where backups are off,
     "unwanted": [container names that the configuration does not know],
     "ledger": [the newest entries, oldest first]}

`state` and `health` are Docker's words ("absent" without a container, "none" without a check).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import (
    atomic,
    clock,
    disk_guard_host,
    disk_guard_words,
    ledger,
    lock,
    observe,
    plan,
    portsync_status,
    status_table,
)
from mediastack import config as configuration
from mediastack.backup import ages
from mediastack.docker_client import Docker
from mediastack.monitor import report as monitor_report
from mediastack.updater import inflight, pauses

SCHEMA = 1
LEDGER_COUNT = 5


def main(arguments: list[str]) -> int:
    """Verb `status [--json]`: exit 0 whatever the state. Raise ConfigError, NotReachable."""
    parser = argparse.ArgumentParser(prog="mediastack status", description="Show every service.")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    config = configuration.load()
    observation = observe.observe(config, Docker())
    try:
        holder = lock.holder()
        entries = ledger.read(LEDGER_COUNT)
        port = portsync_status.line(portsync_status.read(config))
        monitor = monitor_report.line(monitor_report.read(config))
        updates = updating() or pauses.line()
        guard = atomic.read_json(disk_guard_host.report_file(config["paths"]), {})
        backups = ages.line(config)
    except OSError as error:
        print(f"mediastack status: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    found = report(
        config,
        observation,
        host_netns=host_netns(),
        holder=holder,
        entries=entries,
        port=port,
        monitor=monitor,
        updates=updates,
        downloads=disk_guard_words.line(guard),
        backups=backups,
    )
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(status_table.lines(found, colour=colour)))
    return 0


def updating() -> str:
    """Return what is to be said of an update under way, "" without one."""
    tx = inflight.read()
    return f"updates: {tx['service']} is being updated ({tx['step']})" if tx else ""


def host_netns(proc: str = "/proc") -> int | None:
    """Return the inode of the machine's own network namespace, None when it may not be read."""
    try:
        return os.stat(f"{proc}/1/ns/net").st_ino
    except OSError:
        return None


def report(
    config: Mapping[str, Any],
    observation: Mapping[str, Any],
    *,
    host_netns: int | None = None,
    holder: Mapping[str, Any] | None = None,
    entries: Sequence[Mapping[str, Any]] = (),
    port: str = "",
    monitor: str = "",
    updates: str = "",
    downloads: str = "",
    backups: str = "",
) -> dict[str, Any]:
    """Return the report described above. Pure; `entries` are the newest of the ledger."""
    actions = plan.plan(config, observation)
    pending: dict[str, list[str]] = {}
    for action in actions:
        if action["action"] != "remove":
            pending.setdefault(action["service"], []).append(
                f"to {action['action']}: {action['reason']}"
            )
    rows = [
        row(config, observation, stack, service, pending.get(service, []), host_netns)
        for stack, entry in config["stacks"].items()
        for service in entry["services"]
    ]
    data = observation["data"]
    attention = [found["service"] for found in rows if found["reasons"]]
    if not data["present"]:
        attention.insert(0, "data")
    return {
        "schema": SCHEMA,
        "release": config.get("release", ""),
        "time": clock.timestamp(),
        "healthy": sum(not found["reasons"] and found["intent"] == "run" for found in rows),
        "stopped": sum(found["intent"] == "stopped" for found in rows),
        "total": len(rows),
        "attention": attention,
        "verdict": verdict(rows, data, config["paths"]["data"]),
        "data": {"present": data["present"], "error": data["error"]},
        "lock": dict(holder) if holder is not None else None,
        "services": rows,
        "port": port,
        "monitor": monitor,
        "updates": updates,
        "downloads": downloads,
        "backups": backups,
        "unwanted": [
            container["name"]
            for container in observation["containers"]
            if container["service"] not in {found["service"] for found in rows}
        ],
        "ledger": [dict(entry) for entry in entries],
    }


def row(
    config: Mapping[str, Any],
    observation: Mapping[str, Any],
    stack: str,
    service: str,
    pending: Sequence[str],
    host_netns: int | None,
) -> dict[str, Any]:
    """Return one service's line of the report."""
    entry = config["services"][service]
    container = primary(observation, service)
    intended = "stopped" if stopped(config, observation, service) else "run"
    state = container["status"] if container else "absent"
    health = container["health"] if container else "none"
    placed = namespace(config, observation, service, host_netns)
    refused = observation.get("refused", {}).get(service, "")
    # In full where there is room for it: history, doctor.
    reasons = [*pending, *(["new settings refused, see doctor"] if refused else [])]
    if intended == "run":
        # What waits to be created or started says so already.
        if state != "running" and not reasons:
            reasons.append(state)
        if state == "running" and health not in ("healthy", "none"):
            reasons.append(health)
        if placed == "wrong":
            reasons.append("in the wrong network namespace")
    return {
        "service": service,
        "stack": stack,
        "zone": entry["zone"],
        "state": state,
        "health": health,
        "namespace": placed,
        "image": container["image"] if container else entry["image"],
        "url": entry["url"],
        "intent": intended,
        "reasons": reasons if intended == "run" else [],
    }


def stopped(config: Mapping[str, Any], observation: Mapping[str, Any], service: str) -> bool:
    """Say whether the user stopped it, or the service whose network namespace it lives in."""
    intents = observation["intents"]
    joined = config["services"][service]["zone"] == "vpn"
    return service in intents or (joined and plan.owner_name(config) in intents)


def primary(observation: Mapping[str, Any], service: str) -> Mapping[str, Any] | None:
    """Return the container that is the service (not a left-over of a recreate), None if absent."""
    for container in observation["containers"]:
        if container["service"] == service and container["name"] == service:
            found: Mapping[str, Any] = container
            return found
    return None


def namespace(
    config: Mapping[str, Any],
    observation: Mapping[str, Any],
    service: str,
    host_netns: int | None,
) -> str:
    """Return "ok" or "wrong" by comparing inodes, "unknown" when one of them is not known."""
    container = primary(observation, service)
    owner = primary(observation, plan.owner_name(config))
    mine = container["netns"] if container else None
    theirs = owner["netns"] if owner else None
    zone = config["services"][service]["zone"]
    if mine is None:
        return "unknown"
    if zone == "bridge":
        others = {host_netns} if config["services"][service]["owner"] else {host_netns, theirs}
        return "wrong" if mine in others else "ok"
    wanted = host_netns if zone == "host" else theirs
    if wanted is None:
        return "unknown"
    return "ok" if mine == wanted else "wrong"


def verdict(rows: Sequence[Mapping[str, Any]], data: Mapping[str, Any], path: str) -> str:
    """Return the last line: what a person must know when reading nothing else."""
    off = [found["service"] for found in rows if found["intent"] == "stopped"]
    attention = [
        f"{found['service']} ({found['reasons'][0]})" for found in rows if found["reasons"]
    ]
    kept = f"; stopped by you: {', '.join(off)}" if off else ""
    if not data["present"]:
        attention.insert(0, f"{path} is missing ({data['error'] or 'no sentinel'})")
    if attention:
        count = sum(bool(found["reasons"]) for found in rows)
        return f"{count} of {len(rows)} need attention: {', '.join(attention)}{kept}"
    return f"{len(rows) - len(off)} services healthy{kept}"
