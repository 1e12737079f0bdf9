"""What's Up Docker: looks for new images in the registry, posts what it finds, and answers its API.

It looks at the time of its cron line, at a start with nothing remembered, a few seconds after
containers were made or removed, and when it is asked to. The registry is asked for real, so a test
publishes a newer image and waits. There is no page to look at, no trigger but the HTTP one (one
container in a message), and no registry that wants a login.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path

from . import application, docker_api, wud_container, wud_schedule
from .web import Answer, Request
from .wud_watcher import Watcher, trigger, triggers

START_SECONDS = 1.0
QUIET_SECONDS = 5.0
AGAIN_SECONDS = 10.0
ONE = re.compile(r"/api/containers/([^/]+)(/watch)?")


def main(_arguments: list[str]) -> int:
    """Serve What's Up Docker."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("WUD")}
    host = application.setting("WUD_WATCHER_LOCAL_HOST")
    address = f"tcp://{host}:{application.setting('WUD_WATCHER_LOCAL_PORT', '2375')}"
    state = application.state_directory("/store")
    posts = [trigger(name, environment) for name in triggers(environment)]

    def post(container: dict[str, object]) -> None:
        for one in posts:
            one(container)

    watcher = Watcher("local", address, Path(state) / "wud.json", environment, post)
    started = time.monotonic()
    _in_background(_scheduled, watcher)
    _in_background(_eventful, watcher, address)
    if not watcher.containers():
        _in_background(_soon, watcher)

    def answer(request: Request) -> Answer:
        if request.path == "/metrics":
            return Answer(
                f"# TYPE wud_containers gauge\nwud_containers {len(watcher.containers())}\n"
            )
        return answered(watcher, request)

    healthy = {"/health": Answer({"uptime": round(time.monotonic() - started, 3)})}
    return application.run(3000, answer, health=healthy, state=state)


def answered(watcher: Watcher, request: Request) -> Answer:
    """The part of its API that is about containers."""
    if request.path.rstrip("/") == "/api/containers" and request.method == "GET":
        return Answer([wud_container.answered(one) for one in watcher.containers()])
    if request.path == "/api/containers/watch" and request.method == "POST":
        return Answer([wud_container.answered(one) for one in watcher.watch()])
    found = ONE.fullmatch(request.path)
    if not found or (found[2] and request.method != "POST"):
        return application.not_found(request)
    known = watcher.get(found[1])
    if known is None:
        return Answer("Not Found", 404)
    if request.method == "DELETE":
        if application.setting("WUD_SERVER_FEATURE_DELETE", "true").lower() == "false":
            return Answer("Forbidden", 403)
        watcher.forget(found[1])
        return Answer("", 204)
    looked = watcher.watch_one(found[1]) if found[2] else known
    return Answer(wud_container.answered(looked)) if looked else Answer("", 404)


def _scheduled(watcher: Watcher) -> None:
    line = application.setting("WUD_WATCHER_LOCAL_CRON", "0 * * * *")
    jitter = float(application.setting("WUD_WATCHER_LOCAL_JITTER", "60000")) / 1000
    wud_schedule.follow(line, jitter, watcher.watch)


def _soon(watcher: Watcher) -> None:
    time.sleep(START_SECONDS)
    watcher.watch()


def _eventful(watcher: Watcher, address: str) -> None:
    """After a container came or went, and then quiet, look at all. A cut stream stays cut."""
    if application.setting("WUD_WATCHER_LOCAL_WATCHEVENTS", "true").lower() != "true":
        return
    time.sleep(START_SECONDS)
    timer: threading.Timer | None = None
    try:
        for event in docker_api.events(address, {"type": ["container"]}):
            if event.get("Action") in ("create", "destroy"):
                if timer:
                    timer.cancel()
                timer = threading.Timer(QUIET_SECONDS, watcher.watch)
                timer.daemon = True
                timer.start()
    except docker_api.DockerError as error:
        print(f"wud: Unable to listen to Docker events [{error}]", file=sys.stderr, flush=True)


def _in_background(action: object, *arguments: object) -> None:
    threading.Thread(target=action, args=arguments, daemon=True).start()  # type: ignore[arg-type]
