"""Jellyfin: /health says "Healthy"; its database where the LinuxServer image keeps it."""

from __future__ import annotations

from . import application
from .web import Answer


def main(_arguments: list[str]) -> int:
    """Serve Jellyfin."""
    state = application.state_directory("/config")
    store = application.open_store("data/data/jellyfin.db", state)
    healthy = {"/health": Answer("Healthy")}
    return application.run(8096, application.not_found, health=healthy, state=state, store=store)
