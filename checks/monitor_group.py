"""The group in the simulated world: who is in it, as mediastack.toml describes it, and settings."""

from __future__ import annotations

from typing import Any

from checks.monitor_containers import OWNER
from group_data.all import monitor

DEPENDENTS = (
    *("qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr", "bazarr"),
    *("recyclarr", "cross-seed", "unpackerr"),
)
GROUP = (OWNER, *DEPENDENTS)
DATA = ("qbittorrent", "sonarr", "radarr", "bazarr", "cross-seed", "unpackerr")
WITHOUT_HEALTH = ("recyclarr",)
EPOCH = 1_800_000_000.0
# The defaults; the port of the metrics is nothing that a look says.
SETTINGS: dict[str, Any] = {k: v for k, v in monitor.items() if k != "metrics_port"}


def a_config() -> dict[str, Any]:
    """The group as mediastack.toml describes it."""
    services = {
        name: {
            "stack": "downloads",
            "zone": "bridge" if name == OWNER else "vpn",
            "owner": name == OWNER,
            "image": f"registry/{name}:1",
            "config_hash": f"{name}-1",
            "health": name not in WITHOUT_HEALTH,
            "data": name in DATA,
            "stop_grace_seconds": 15,
        }
        for name in GROUP
    }
    return {"stacks": {"downloads": {"services": list(GROUP)}}, "services": services}
