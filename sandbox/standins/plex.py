"""Plex: /identity without a token; its library database far below /config."""

from __future__ import annotations

import hashlib
from pathlib import Path

from . import application
from .web import Answer, Request

SERVER = "Library/Application Support/Plex Media Server"
DATABASE = f"{SERVER}/Plug-in Support/Databases/com.plexapp.plugins.library.db"


def main(_arguments: list[str]) -> int:
    """Serve Plex."""
    state = application.state_directory("/config")
    store = application.open_store(DATABASE, state)
    preferences = Path(state) / SERVER / "Preferences.xml"
    if not preferences.exists():
        preferences.write_text("<Preferences/>\n", encoding="utf-8")
    identifier = hashlib.sha256(state.encode()).hexdigest()[:40]
    version = application.setting("STANDIN_VERSION")
    identity = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" claimed="0" '
        f'machineIdentifier="{identifier}" version="{version}"/>\n'
    )

    def answer(request: Request) -> Answer:
        return Answer("<html><head><title>Unauthorized</title></head></html>", 401, "text/html")

    healthy = {"/identity": Answer(identity, 200, "text/xml;charset=utf-8")}
    return application.run(32400, answer, health=healthy, state=state, store=store)
