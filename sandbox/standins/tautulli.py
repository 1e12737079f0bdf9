"""Tautulli: starts as root, takes PUID/PGID, drops to them; /status is its health."""

from __future__ import annotations

from . import application
from .web import Answer


def main(_arguments: list[str]) -> int:
    """Serve Tautulli."""
    state = application.state_directory("/config")
    store = application.open_store("tautulli.db", state)
    healthy = {"/status": Answer({"result": "success", "message": "Ok"})}
    return application.run(8181, application.not_found, health=healthy, state=state, store=store)
