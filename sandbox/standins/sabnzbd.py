"""SABnzbd: /api?mode=version without a key; PORT moves it away from qBittorrent's 8080."""

from __future__ import annotations

from . import application
from .web import Answer


def main(_arguments: list[str]) -> int:
    """Serve SABnzbd. Its one health path is /api; other modes are not told apart."""
    state = application.state_directory("/config")
    store = application.open_store("admin/history1.db", state)
    port = int(application.setting("PORT", "8080"))
    healthy = {"/api": Answer({"version": application.setting("STANDIN_VERSION")})}
    return application.run(port, application.not_found, health=healthy, state=state, store=store)
