"""A door of a test's own: its application with a journal in a directory, and requests to it."""

from __future__ import annotations

import io
import ipaddress
import json
from pathlib import Path
from typing import Any

from mediastack.door import auth, limits, metrics, settings
from mediastack.door.app import App
from mediastack.door.journal import Journal

WUD, SONARR, AUTOHEAL, GATEWAY = "172.30.0.33", "172.30.0.10", "172.30.0.34", "172.30.0.1"
TOKEN = "t" * 43
KNOWN = settings.Settings(
    ipaddress.IPv4Network("172.30.0.0/24"),
    GATEWAY,
    {
        "wud": WUD,
        "sonarr": SONARR,
        "unpackerr": SONARR,
        "cross-seed": SONARR,
        "autoheal": AUTOHEAL,
    },
    frozenset({"sonarr", "radarr"}),
)


class Door:
    """`now` is its clock."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.now = 0.0
        self.journal = Journal(str(folder), **more)
        self.journal.prepare()
        callers = ("wud", "sonarr", "unpackerr", "cross-seed")
        self.app = App(
            lambda: KNOWN,
            {name: auth.digest(TOKEN.encode()) for name in callers},
            self.journal,
            metrics.Counts(),
            sources=("sonarr", "unpackerr", "cross-seed", "autoheal"),
            rate=limits.Rate(),
            clock=lambda: self.now,
        )

    def ask(self, body: bytes = b"{}", **more: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content for What's Up Docker's request, with `more` changed."""
        said: list[Any] = []
        environment = {
            "REMOTE_ADDR": WUD,
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/hooks/wud",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
            **more,
        }
        content = b"".join(self.app(environment, lambda *given: said.append(given)))
        ((status, headers),) = said
        return int(status[:3]), dict(headers), content

    def deliveries(self) -> list[dict[str, Any]]:
        """What waits, as it is on disk."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("new/*"))]
