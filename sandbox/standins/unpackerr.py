"""Unpackerr: no state; a web server (/metrics) only with UN_WEBSERVER_METRICS=true.

`filepath:/path` in any value reads that file: an unreadable one ends the program.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import application, control, web
from .web import Answer


def main(_arguments: list[str]) -> int:
    """Run Unpackerr."""
    for name, value in os.environ.items():
        if name.startswith("UN_") and value.startswith("filepath:"):
            try:
                Path(value.removeprefix("filepath:")).read_text(encoding="utf-8")
            except OSError as error:
                raise SystemExit(f"[ERROR] {name}: {error}") from error
    if application.setting("UN_WEBSERVER_METRICS").lower() != "true":
        control.at_start()
        return web.wait_for_signal()
    metrics = "# TYPE unpackerr_starr_queue gauge\nunpackerr_starr_queue 0\n"
    healthy = {"/metrics": Answer(metrics)}
    return application.run(5656, application.not_found, health=healthy)
