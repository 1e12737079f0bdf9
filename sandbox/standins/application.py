"""What every stand-in with a web interface shares: control, health, state, test endpoints."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from . import control, web
from .store import ROWS_PATH, Store
from .web import Answer, Request

Health = Callable[[Request], Answer]


def setting(name: str, default: str = "") -> str:
    """An environment variable of the image or the user."""
    return os.environ.get(name, default)


def state_directory(default: str = "") -> str:
    """The directory upstream keeps its state in ("" for none)."""
    return setting("STANDIN_STATE", default)


def open_store(name: str, state: str) -> Store:
    """The SQLite database `name` below `state`. Ends the program when it cannot be written."""
    try:
        return Store(str(Path(state) / name))
    except (OSError, sqlite3.Error) as error:
        raise SystemExit(f"cannot open {state}/{name} (owner or mount?): {error}") from error


def run(
    port: int,
    answer: web.Handler,
    *,
    health: dict[str, Answer],
    state: str = "",
    store: Store | None = None,
) -> int:
    """Serve until SIGTERM. `health`: path -> answer while healthy; other paths go to `answer`."""
    control.at_start(state)

    def handle(request: Request) -> Answer:
        control.before_answer(state)
        if request.path in health:
            broken = store is not None and not store.is_healthy()
            if control.is_sick(state) or broken:
                return Answer({"status": "Error"}, 500)
            return health[request.path]
        if request.path == ROWS_PATH and store is not None:
            return store.rows(request)
        return answer(request)

    web.serve(port, handle)
    return web.wait_for_signal(state)


def not_found(_request: Request) -> Answer:
    """For stand-ins whose only duty is to be there and healthy."""
    return Answer({"error": "this is a stand-in"}, 404)
