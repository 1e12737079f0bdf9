"""`monitor status`: does it watch, who is where, how often did it act, is it paused, what ails.

Read from what the monitor keeps (monitor.json, whose time of change is that of its last pass), from
systemd and from Docker, so that it says something also when the monitor does not. Nothing is asked
of the monitor or the healer. The schema of --json (fields are only ever added):

    {"schema": 1, "running": bool, "last_pass_seconds": float | null, "said": str,
     "cascades": int, "cascades_per_hour": int,
     "episode": null | {"cause", "seconds", "attempts", "counted"},
     "pause": null | {"reason", "seconds", "left_seconds"},
     "acting": null | {"verb", "services"},
     "alarms": [{"kind", "service", "seconds", "told", "title"}],
     "services": [{"service", "state", "verdict", "wanted"}], "error": str}

`verdict` is "inside", "stranded", "out" or "unknown" (monitor.namespaces).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from mediastack import atomic
from mediastack import config as configuration
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.monitor import host, limits, state, steady, words

SCHEMA = 1
UNIT = "mediastack-monitor.service"
# Two of its quiet passes, and a look that takes its time.
LATE_SECONDS = 90.0
LIFT = "stack-manage.sh resume lifts it"


def main(arguments: list[str]) -> int:
    """Verb `monitor-status [--json]`: exit 1 when it does not watch or is paused. Raise
    ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack monitor-status", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    config = configuration.load()
    found = read(config)
    if not found:
        print("this host has no Gluetun, so there is nobody to watch")
        return 0
    found |= asked_systemd() | seen(config)
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0 if found["running"] and found["pause"] is None else 1


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as far as the monitor's own state goes; {} where there is no monitor."""
    table = config.get("monitor") or {}
    if not table:
        return {}
    path = os.path.join(table["directory"], host.STATE_FILE)
    try:
        kept = atomic.read_json(path, {})
        seconds = abs(time.time() - os.stat(path).st_mtime)
    except OSError:
        kept, seconds = {}, None
    now, _ = steady.advance(kept.get("steady"), host.boot(), _boottime())
    return build(state.complete(kept), table, now, seconds)


def build(
    kept: state.State, table: Mapping[str, Any], now: float, seconds: float | None
) -> dict[str, Any]:
    """Return what a state says at `now` (steady seconds), last kept `seconds` ago. Pure."""
    episode, pause, acting = kept["episode"], kept["pause"], kept["acting"]
    return {
        "schema": SCHEMA,
        "running": seconds is not None and seconds < LATE_SECONDS,
        "last_pass_seconds": None if seconds is None else round(seconds, 1),
        "said": "",
        "cascades": limits.counted(kept, now),
        "cascades_per_hour": int(table["cascades_per_hour"]),
        "episode": episode
        and {
            "cause": words.CAUSES.get(episode["cause"], episode["cause"]),
            "seconds": round(max(0.0, now - episode["since"])),
            "attempts": episode["attempts"],
            "counted": episode["counted"],
        },
        "pause": pause
        and {
            "reason": words.CAUSES.get(pause["reason"], pause["reason"]),
            "seconds": round(max(0.0, now - pause["since"])),
            "left_seconds": round(max(0.0, pause["until"] - now)),
        },
        "acting": acting and {"verb": acting["verb"], "services": list(acting["services"])},
        "alarms": [_alarm(one, now) for one in kept["alarms"].values()],
        "services": [],
        "error": "",
    }


def asked_systemd() -> dict[str, Any]:
    """Return {"running","said"}: whether the unit is active, and its last words to systemd."""
    command = ("systemctl", "show", UNIT, "--property=ActiveState,StatusText")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {"running": pairs.get("ActiveState") == "active", "said": pairs.get("StatusText", "")}


def seen(config: dict[str, Any]) -> dict[str, Any]:
    """Return {"services"} as they are now, or {"error"}: why nobody knows."""
    # Not above: `status`, which it needs, shows a line of ours.
    from mediastack.monitor import dependents

    try:
        return {"services": dependents.look(config, Docker())}
    except (DockerError, NotReachable) as error:
        return {"error": str(error)}


def paused(found: Mapping[str, Any]) -> str:
    """Return why nobody is brought back, and for how long yet; "" when that is not so."""
    pause = found.get("pause")
    if not pause:
        return ""
    left = words.duration(float(pause["left_seconds"]))
    return f"is paused for another {left}: {pause['reason']}"


def line(found: Mapping[str, Any]) -> str:
    """Return what `status` says of it: one line, "" when there is nothing to say."""
    if why := paused(found):
        return f"monitor: {why}; {LIFT}"
    if found.get("episode"):
        episode = found["episode"]
        lasts = words.duration(float(episode["seconds"]))
        return f"monitor: brings Gluetun's services back, for {lasts} now ({episode['cause']})"
    return ""


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the report for a person."""
    text = [_alive(found)]
    limit = f"{found['cascades']} of {found['cascades_per_hour']}"
    text.append(f"brought back within the last hour: {limit}")
    if why := paused(found):
        text.append(f"it {why}; {LIFT}")
    elif said := line(found):
        text.append(said.removeprefix("monitor: "))
    if found["acting"]:
        text.append(f"at work: {found['acting']['verb']} {' '.join(found['acting']['services'])}")
    width = max((len(one["service"]) for one in found["services"]), default=0)
    for one in found["services"]:
        note = "" if one["wanted"] else "  (not wanted now)"
        text.append(f"  {one['service']:<{width}}  {one['verdict']:<8}  {one['state']}{note}")
    text += [f"services: unknown ({found['error']})"] if found["error"] else []
    told = [one for one in found["alarms"] if one["told"]]
    text += [f"alarm, for {words.duration(one['seconds'])}: {one['title']}" for one in told]
    return [*text, *([] if told else ["no alarm"])]


def _alive(found: Mapping[str, Any]) -> str:
    if not found["running"]:
        return f"does NOT watch; fix: systemctl status {UNIT} says why"
    ago = found["last_pass_seconds"]
    last = "no pass yet" if ago is None else f"last pass {words.duration(ago)} ago"
    return f"watches, {last}" + (f" ({found['said']})" if found["said"] else "")


def _alarm(alarm: Mapping[str, Any], now: float) -> dict[str, Any]:
    title = words.render(alarm["kind"], {"service": alarm["service"]})["title"]
    return {
        "kind": alarm["kind"],
        "service": alarm["service"],
        "seconds": round(max(0.0, now - alarm["since"])),
        "told": alarm["told_at"] is not None,
        "title": title,
    }


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
