"""SuggestArr: requests.db below /app/config/config_files; live at once, ready never (no TMDB)."""

from __future__ import annotations

from . import application
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve SuggestArr."""
    state = application.state_directory("/app/config/config_files")
    store = application.open_store("requests.db", state)
    port = int(application.setting("SUGGESTARR_PORT", "5000"))

    def answer(request: Request) -> Answer:
        if request.path == "/api/health/ready":
            return Answer({"status": "not ready"}, 503)
        return application.not_found(request)

    healthy = {"/api/health/live": Answer({"status": "alive"})}
    return application.run(port, answer, health=healthy, state=state, store=store)
