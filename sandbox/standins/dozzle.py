"""Dozzle: /healthcheck asks the Docker API; `/dozzle healthcheck` asks /healthcheck.

The program's name and its argument are upstream's; the image has neither curl nor wget.
"""

from __future__ import annotations

import http.client

from . import application, control, docker_api
from .web import Answer, Request


def main(arguments: list[str]) -> int:
    """Serve Dozzle, or check the running one."""
    if arguments == ["healthcheck"]:
        return _check()
    hosts = application.setting("DOZZLE_REMOTE_HOST") or application.setting("DOCKER_HOST")
    address = hosts.split(",")[0].split("|")[0]

    def answer(request: Request) -> Answer:
        if request.path == "/healthcheck":
            try:
                docker_api.request(address, "GET", "/_ping")
            except (docker_api.DockerError, ValueError) as error:
                # /_ping answers "OK", which is no JSON: a ValueError is a healthy answer.
                if isinstance(error, docker_api.DockerError):
                    return Answer(str(error), 500)
            return Answer("OK", 500 if control.is_sick() else 200)
        return Answer("<title>Dozzle</title>", 200, "text/html")

    return application.run(8080, answer, health={})


def _check() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
    try:
        connection.request("GET", "/healthcheck")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1
