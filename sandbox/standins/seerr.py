"""Seerr: runs as node (1000); settings.json and db/db.sqlite3 below /app/config.

The API key (settings.json, or API_KEY) gives 403 until a first sign-in, as on a fresh install.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from . import application
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve Seerr."""
    state = application.state_directory("/app/config")
    store = application.open_store("db/db.sqlite3", state)
    settings = Path(state) / "settings.json"
    if not settings.exists():
        key = application.setting("API_KEY") or secrets.token_hex(16)
        settings.write_text(json.dumps({"main": {"apiKey": key}}), encoding="utf-8")

    def answer(request: Request) -> Answer:
        if request.path == "/api/v1/status":
            return Answer({"version": application.setting("STANDIN_VERSION")})
        if request.path.startswith("/api/"):
            return Answer({"status": 403, "error": "You do not have permission"}, 403)
        return Answer("<title>Seerr</title>", 200, "text/html")

    healthy = {"/api/v1/settings/public": Answer({"initialized": False})}
    return application.run(5055, answer, health=healthy, state=state, store=store)
