"""Sonarr, Radarr, Prowlarr and Lidarr: /ping without a key, /api/ only with the one in config.xml.

The key is the environment's (SONARR__AUTH__APIKEY) or config.xml's; without either one is made and
written to config.xml, as upstream does at a first start.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from . import application
from .store import Store
from .web import Answer, Request

PORTS = {"sonarr": 8989, "radarr": 7878, "prowlarr": 9696, "lidarr": 8686}
API_VERSIONS = {"sonarr": "v3", "radarr": "v3", "prowlarr": "v1", "lidarr": "v1"}


def main(arguments: list[str]) -> int:
    """Serve the program named by the first argument."""
    name = arguments[0]
    state = application.state_directory("/config")
    key = _api_key(name, Path(state) / "config.xml")
    store = application.open_store(f"{name}.db", state)
    Store(str(Path(state) / "logs.db"))
    version = application.setting("STANDIN_VERSION", "0")

    def answer(request: Request) -> Answer:
        if not request.path.startswith("/api/"):
            return Answer(f"<title>{name}</title>", 200, "text/html")
        if key not in _presented_keys(request):
            return Answer({"error": "Unauthorized"}, 401)
        resource = request.path.removeprefix(f"/api/{API_VERSIONS[name]}/")
        if resource == "system/status":
            return Answer({"appName": name.capitalize(), "version": version})
        if resource == "health":
            return Answer([])
        return Answer({"message": "NotFound"}, 404)

    healthy = {"/ping": Answer({"status": "OK"})}
    return application.run(PORTS[name], answer, health=healthy, state=state, store=store)


def _presented_keys(request: Request) -> set[str]:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return {request.headers.get("x-api-key", ""), request.query.get("apikey", ""), bearer}


def _api_key(name: str, path: Path) -> str:
    from_environment = os.environ.get(f"{name.upper()}__AUTH__APIKEY")
    if from_environment:
        return from_environment
    try:
        found = re.search(r"<ApiKey>\s*([^<\s]+)\s*</ApiKey>", path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise SystemExit(f"cannot read {path}: {error}") from error
    if found:
        return found.group(1)
    key = secrets.token_hex(16)
    try:
        path.write_text(f"<Config>\n  <ApiKey>{key}</ApiKey>\n</Config>\n", encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"cannot write {path}: {error}") from error
    return key
