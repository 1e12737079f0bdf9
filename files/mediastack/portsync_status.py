"""`portsync-status`: what portsync last said of the port, as JSON; `status` shows it, too.

    {"schema": 1, "enabled": bool, "running": bool, "forwarded_port": int | null, "listen_port":
     int | null, "in_sync": bool, "listening": bool | null, "since": ISO UTC, "time": ISO UTC,
     "error": str, "alarms": [str]}

`forwarded_port` is 0 while Gluetun has none and null while that is not known; `since` is when
`in_sync` last changed, `time` when portsync last wrote. Nothing is asked of anybody here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from mediastack import atomic, portsync_host
from mediastack import config as configuration

NOTHING: dict[str, Any] = {
    "schema": 1,
    "forwarded_port": None,
    "listen_port": None,
    "in_sync": False,
    "listening": None,
    "since": "",
    "time": "",
    "error": "portsync has not said anything yet",
    "alarms": [],
}


def main(arguments: list[str]) -> int:
    """Print it. Exit 0 when the ports agree or none is wanted, else 1. Raise ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack portsync-status", description=main.__doc__)
    parser.parse_args(arguments)
    found = read(configuration.load())
    print(json.dumps(found, indent=2))
    return 0 if found["in_sync"] or not found["enabled"] else 1


def read(config: Mapping[str, Any], proc: str = "/proc") -> dict[str, Any]:
    """Return what is described above."""
    enabled = bool(config.get("vpn", {}).get("port_forwarding"))
    said = atomic.read_json(portsync_host.report_file(config["paths"]), dict(NOTHING))
    pid = said.pop("pid", 0)
    running = bool(pid) and _is_portsync(f"{proc}/{pid}/cmdline")
    in_sync = bool(said["in_sync"]) and running
    error = said["error"] if running or not enabled else "portsync does not run"
    return {**said, "enabled": enabled, "running": running, "in_sync": in_sync, "error": error}


def line(found: Mapping[str, Any]) -> str:
    """Return one line for a person, "" when no port is wanted."""
    if not found["enabled"]:
        return ""
    if found["in_sync"]:
        return f"forwarded port: {found['forwarded_port']}, and qBittorrent listens on it"
    has = {0: "none yet", None: "unknown"}.get(found["forwarded_port"], found["forwarded_port"])
    why = f" ({found['error']})" if found["error"] else ""
    return f"forwarded port: {has}, qBittorrent has {found['listen_port'] or 'unknown'}{why}"


def _is_portsync(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return b"portsync" in stream.read().split(b"\0")
    except OSError:
        return False
