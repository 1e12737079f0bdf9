"""What's Up Docker: /health, /metrics and /api/containers from the Docker API it is given.

It compares nothing with a registry and fires no trigger.
"""

from __future__ import annotations

import time

from . import application, docker_api
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve What's Up Docker."""
    host = application.setting("WUD_WATCHER_LOCAL_HOST")
    address = f"tcp://{host}:{application.setting('WUD_WATCHER_LOCAL_PORT', '2375')}"
    started = time.monotonic()

    def answer(request: Request) -> Answer:
        if request.path == "/api/containers":
            return Answer([_container(entry) for entry in docker_api.try_containers(address)])
        if request.path == "/metrics":
            return Answer("# TYPE wud_containers gauge\n")
        return application.not_found(request)

    healthy = {"/health": Answer({"uptime": round(time.monotonic() - started, 3)})}
    state = application.state_directory("/store")
    return application.run(3000, answer, health=healthy, state=state)


def _container(entry: dict[str, object]) -> dict[str, object]:
    names = entry.get("Names")
    name = str(names[0]).lstrip("/") if isinstance(names, list) and names else ""
    return {
        "id": entry.get("Id"),
        "name": name,
        "status": entry.get("State"),
        "watcher": "local",
        "image": {"name": entry.get("Image")},
        "updateAvailable": False,
        "labels": entry.get("Labels"),
    }
