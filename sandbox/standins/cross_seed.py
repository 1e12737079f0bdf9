"""cross-seed: `daemon` needs a valid /config/config.js; only /api/ping needs no key."""

from __future__ import annotations

import re
from pathlib import Path

from . import application
from .web import Answer, Request

MINIMUM_KEY_CHARACTERS = 24


def main(arguments: list[str]) -> int:
    """Serve cross-seed (`daemon`), or print its key (`api-key`)."""
    state = application.state_directory("/config")
    key = _api_key(Path(state) / "config.js")
    if arguments == ["api-key"]:
        print(key)
        return 0
    if arguments != ["daemon"]:
        raise SystemExit(f"error: unknown command {' '.join(arguments)!r}")
    store = application.open_store("cross-seed.db", state)

    def answer(request: Request) -> Answer:
        if not request.path.startswith("/api/"):
            return Answer("", 404)
        if key not in (request.headers.get("x-api-key"), request.query.get("apikey")):
            return Answer("Specify the API key in an X-Api-Key header", 401)
        if request.path in {"/api/webhook", "/api/job"}:
            return Answer("", 204)
        if request.path == "/api/status":
            return Answer("OK")
        return Answer("", 404)

    healthy = {"/api/ping": Answer("OK")}
    return application.run(2468, answer, health=healthy, state=state, store=store)


def _api_key(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"error: no configuration: {error}") from error
    if "module.exports" not in content:
        raise SystemExit(f"error: {path} exports nothing")
    found = re.search(r"""apiKey["']?\s*:\s*["'`]([^"'`]*)["'`]""", content)
    if found is None or len(found.group(1)) < MINIMUM_KEY_CHARACTERS:
        raise SystemExit(f"error: apiKey must be {MINIMUM_KEY_CHARACTERS} characters or more")
    return found.group(1)
