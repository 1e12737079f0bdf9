"""FlareSolverr: /health, a greeting at /, and /v1 which solves nothing."""

from __future__ import annotations

from . import application
from .web import Answer, Request


def main(_arguments: list[str]) -> int:
    """Serve FlareSolverr."""
    version = application.setting("STANDIN_VERSION").removeprefix("v")

    def answer(request: Request) -> Answer:
        if request.path == "/":
            return Answer({"msg": "FlareSolverr is ready!", "version": version, "userAgent": ""})
        if request.path == "/v1" and request.method == "POST":
            return Answer({"status": "error", "message": "this is a stand-in"}, 500)
        return Answer({"error": "Not found"}, 404)

    return application.run(8191, answer, health={"/health": Answer({"status": "ok"})})
