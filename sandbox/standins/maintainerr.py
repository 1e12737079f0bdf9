"""Maintainerr: maintainerr.sqlite below /opt/data, /api/health/ready, no authentication."""

from __future__ import annotations

from . import application
from .web import Answer


def main(_arguments: list[str]) -> int:
    """Serve Maintainerr."""
    state = application.state_directory("/opt/data")
    store = application.open_store("maintainerr.sqlite", state)
    port = int(application.setting("UI_PORT", "6246"))
    healthy = {"/api/health/ready": Answer({"status": "ok"})}
    return application.run(port, application.not_found, health=healthy, state=state, store=store)
