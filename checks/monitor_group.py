"""The group in the simulated world: who is in it, as mediastack.toml describes it, and settings."""

from __future__ import annotations

from typing import Any

from checks.monitor_containers import OWNER

DEPENDENTS = (
    *("qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr", "bazarr"),
    *("recyclarr", "cross-seed", "unpackerr"),
)
GROUP = (OWNER, *DEPENDENTS)
DATA = ("qbittorrent", "sonarr", "radarr", "bazarr", "cross-seed", "unpackerr")
WITHOUT_HEALTH = ("recyclarr",)
EPOCH = 1_800_000_000.0
SETTINGS: dict[str, Any] = {
    "healthy_seconds": 300,
    "cascades_per_hour": 5,
    "pause_seconds": 3600,
    "loop_cascades": 3,
    "loop_seconds": 120,
    "unhealthy_seconds": 120,
    "restarts_per_hour": 3,
    "owner_unhealthy_seconds": 300,
    "restart_owner_seconds": 0,
    "reminder_seconds": 21600,
    "disk_free_least": 0.05,
}


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
