"""Bazarr: /api/system/ping without a key, the rest of /api with `auth.apikey` of config.yaml."""

from __future__ import annotations

import secrets
from pathlib import Path

import yaml

from . import application
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve Bazarr."""
    state = application.state_directory("/config")
    key = _api_key(Path(state) / "config" / "config.yaml")
    store = application.open_store("db/bazarr.db", state)

    def answer(request: Request) -> Answer:
        if not request.path.startswith("/api/"):
            return Answer("<title>Bazarr</title>", 200, "text/html")
        if key not in (request.headers.get("x-api-key"), request.query.get("apikey")):
            return Answer("Unauthorized", 401)
        if request.path == "/api/system/status":
            return Answer({"data": {"bazarr_version": application.setting("STANDIN_VERSION")}})
        return Answer("", 404)

    healthy = {"/api/system/ping": Answer({"status": "OK"})}
    return application.run(6767, answer, health=healthy, state=state, store=store)


def _api_key(path: Path) -> str:
    """The key in config.yaml; the file is rewritten at each start, as upstream does."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        values = {}
    except (OSError, yaml.YAMLError) as error:
        raise SystemExit(f"cannot read {path}: {error}") from error
    authentication = values.setdefault("auth", {})
    key = str(authentication.setdefault("apikey", secrets.token_hex(16)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return key
