"""Docker's own configuration: /etc/docker/daemon.json."""

from __future__ import annotations

import json
from typing import Any

from settings.model import Settings


def daemon_json(settings: Settings, existing: dict[str, Any]) -> str:
    """Docker's configuration: ours over whatever is there already."""
    ours: dict[str, Any] = {
        "live-restore": True,  # containers outlive a restart of the daemon
        "log-driver": "json-file",
        "log-opts": {
            "max-size": settings.docker.log_max_size,
            "max-file": str(settings.docker.log_max_files),
        },
    }
    if settings.docker.insecure_registries:
        theirs = existing.get("insecure-registries", [])
        ours["insecure-registries"] = sorted({*theirs, *settings.docker.insecure_registries})
    return json.dumps({**existing, **ours}, indent=2, sort_keys=True) + "\n"
