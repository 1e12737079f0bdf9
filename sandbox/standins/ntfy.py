"""ntfy: real publishing and polling with its access rules, messages in its SQLite cache.

Publish: JSON to the root, or text to /TOPIC with headers. Read: GET /TOPIC/json?poll=1. No
streaming, attachments or templates.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import yaml

from . import application
from .ntfy_access import READ, WRITE, Access
from .store import Store
from .web import Answer, Request

CONFIGURATION = "/etc/ntfy/server.yml"
PRIORITIES = {"min": 1, "low": 2, "default": 3, "high": 4, "max": 5, "urgent": 5}
LIST_KEYS = {"auth-users", "auth-tokens", "auth-access"}
MAXIMUM_MESSAGE_BYTES = 4096


def main(arguments: list[str]) -> int:
    """Serve ntfy (`serve`)."""
    if arguments[:1] != ["serve"]:
        raise SystemExit(f"ntfy: unknown command {' '.join(arguments)!r}")
    values = configuration()
    cache = Path(str(values.get("cache-file", "/var/cache/ntfy/cache.db")))
    store = application.open_store(cache.name, str(cache.parent))
    store.execute(
        "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "time INTEGER NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL)"
    )
    if values.get("auth-file"):
        users = Path(str(values["auth-file"]))
        application.open_store(users.name, str(users.parent))
    try:
        lists = {key: list(values.get(key) or []) for key in LIST_KEYS}
        default = str(values.get("auth-default-access", "read-write"))
        access = Access(default, lists["auth-users"], lists["auth-tokens"], lists["auth-access"])
    except ValueError as error:
        raise SystemExit(f"ntfy: {error}") from error
    port = int(str(values.get("listen-http", ":80")).rpartition(":")[2])

    def answer(request: Request) -> Answer:
        return _answer(request, store, access)

    healthy = {"/v1/health": Answer({"healthy": True})}
    return application.run(port, answer, health=healthy, state=str(cache.parent), store=store)


def configuration() -> dict[str, Any]:
    """server.yml overlaid by NTFY_*. Ends the program when the file cannot be read."""
    values: dict[str, Any] = {}
    try:
        values = yaml.safe_load(Path(CONFIGURATION).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        pass
    except (OSError, yaml.YAMLError) as error:
        raise SystemExit(f"ntfy: cannot read {CONFIGURATION}: {error}") from error
    for name, value in os.environ.items():
        if name.startswith("NTFY_"):
            key = name.removeprefix("NTFY_").lower().replace("_", "-")
            values[key] = value.split(",") if key in LIST_KEYS else value
    return values


def _answer(request: Request, store: Store, access: Access) -> Answer:
    user = access.user(request.headers.get("authorization", ""))
    if user is None:
        return _error(401, 40101, "unauthorized")
    if request.method == "GET":
        topic, _, kind = request.path.strip("/").partition("/")
        if kind != "json":
            return Answer("<title>ntfy</title>", 200, "text/html")
        if not access.allows(user, topic, READ):
            return _error(403, 40301, "forbidden")
        return _poll(store, topic, request.query)
    fields = _message(request)
    if isinstance(fields, Answer):
        return fields
    if not access.allows(user, fields["topic"], WRITE):
        return _error(403, 40301, "forbidden")
    return _publish(store, fields)


def _message(request: Request) -> dict[str, Any] | Answer:
    """The message of a publish request, or the error to answer with."""
    topic = request.path.strip("/")
    if not topic:
        values = request.json()
        if not isinstance(values, dict):
            return _error(400, 40024, "invalid request: request body must be valid JSON")
        if not values.get("topic"):
            return _error(400, 40009, "invalid request: topic invalid")
        if not isinstance(values.get("priority", 3), int):
            return _error(400, 40024, "invalid request: priority must be a number")
        keys = ("topic", "title", "message", "priority", "tags", "click", "actions", "markdown")
        return {key: values[key] for key in keys if values.get(key)}
    if "/" in topic:
        return _error(404, 40401, "page not found")
    text = request.body.decode("utf-8", "replace")
    fields: dict[str, Any] = {"topic": topic, "message": text or "triggered"}
    for key in ("title", "priority", "tags", "click"):
        value = request.headers.get(key) or request.headers.get(f"x-{key}", "")
        value = value or request.query.get(key, "")
        if not value:
            continue
        if key == "priority":
            fields[key] = PRIORITIES.get(value) or int(value)
        else:
            fields[key] = value.split(",") if key == "tags" else value
    return fields


def _publish(store: Store, fields: dict[str, Any]) -> Answer:
    if len(str(fields.get("message", "")).encode()) > MAXIMUM_MESSAGE_BYTES:
        return _error(413, 41301, "attachments are not allowed here")
    now = int(time.time())
    body = {"id": secrets.token_urlsafe(9), "time": now, "event": "message", **fields}
    body.setdefault("message", "triggered")
    if body.get("priority") == 3:
        del body["priority"]  # upstream leaves out the default
    statement = "INSERT INTO messages (time, topic, body) VALUES (?, ?, ?)"
    store.execute(statement, now, body["topic"], json.dumps(body))
    return Answer(body)


def _poll(store: Store, topic: str, query: dict[str, str]) -> Answer:
    if query.get("poll") not in ("1", "true", "yes"):
        return _error(400, 40000, "this stand-in cannot stream: add ?poll=1")
    since = query.get("since", "all")
    lowest = int(since) if since.isdigit() else 0
    statement = "SELECT body FROM messages WHERE topic = ? AND time >= ? ORDER BY id"
    rows = store.execute(statement, topic, lowest)
    return Answer("".join(row[0] + "\n" for row in rows), 200, "application/x-ndjson")


def _error(status: int, code: int, text: str) -> Answer:
    return Answer({"code": code, "http": status, "error": text}, status)
