"""Homepage: /api/healthcheck, and upstream's check of the Host header on all of /api."""

from __future__ import annotations

from . import application, control
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve Homepage."""
    port = application.setting("PORT", "3000")
    listed = application.setting("HOMEPAGE_ALLOWED_HOSTS")
    allowed = {f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
    allowed |= {host.strip() for host in listed.split(",") if host.strip()}

    def answer(request: Request) -> Answer:
        if request.path.startswith("/api/"):
            if listed != "*" and request.headers.get("host") not in allowed:
                return Answer("Host validation failed. See logs for more details.", 400)
            return Answer("up") if request.path == "/api/healthcheck" else Answer("", 404)
        return Answer("<title>Homepage</title>", 200, "text/html")

    return application.run(int(port), _with_health(answer), health={})


def _with_health(answer: application.Health) -> application.Health:
    """The health path is checked for its Host header too, so sickness is honoured around it."""

    def handle(request: Request) -> Answer:
        if request.path == "/api/healthcheck" and control.is_sick():
            return Answer({"status": "Error"}, 500)
        return answer(request)

    return handle
