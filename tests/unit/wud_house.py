"""A world for What's Up Docker's stand-in: a registry, a Docker API and who hears its messages."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import watch_labels
from catalog import SERVICES
from sandbox.standins.wud_watcher import Watcher, trigger, triggers

PLATFORM = {"architecture": "amd64", "os": "linux"}
SINGLE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "token-of-the-test"  # noqa: S105


class World:
    """Registry, Docker API and receiver in one server, told apart by the path."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.containers: list[dict[str, Any]] = []
        self.images: dict[str, dict[str, Any]] = {}
        self.posts: list[tuple[dict[str, str], Any]] = []
        self.platforms: dict[str, str] = {}
        self.status = 200

    def run(self, service: str, *, digest: str = "", tags: dict[str, str] | None = None) -> str:
        """A container of the catalog on its first tag; the registry has `tags` besides."""
        one = SERVICES[service]
        digest = digest or f"sha256:{service}-{one.tag}"
        name = f"127.0.0.1:{self.port}/{one.image}"
        reference = f"{name}:{one.tag}@{digest}"
        self.tags[one.image] = {one.tag: digest, **(tags or {})}
        self.images[reference] = {
            "Id": f"sha256:image-{service}",
            "RepoTags": [f"{name}:{one.tag}"],
            "RepoDigests": [f"{name}@{digest}"],
            "Created": "2026-11-20T10:11:12.123456789Z",
            "Architecture": "amd64",
            "Os": "linux",
        }
        self.containers.append(
            {
                "Id": f"id-{service}",
                "Names": [f"/{service}"],
                "Image": reference,
                "State": "running",
                "Labels": watch_labels.labels(one),
            }
        )
        return reference

    def answer(self, path: str) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/containers/json"):
            return 200, self.containers, {}
        if path.startswith("/images/"):
            found = self.images.get(path.removeprefix("/images/").removesuffix("/json"))
            return (200, found, {}) if found else (404, {}, {})
        name, _, rest = path.removeprefix("/v2/").partition("/tags/")
        if rest:
            known = self.tags.get(name)
            return (200, {"tags": sorted(known)}, {}) if known else (404, {}, {})
        name, _, reference = path.removeprefix("/v2/").partition("/manifests/")
        digest = self.tags[name].get(reference, reference)
        if digest in self.platforms:
            entry = {"digest": self.platforms[digest], "mediaType": SINGLE, "platform": PLATFORM}
            other = {**entry, "digest": "sha256:arm", "platform": {**PLATFORM, "architecture": "x"}}
            return 200, {"mediaType": INDEX, "schemaVersion": 2, "manifests": [other, entry]}, {}
        return 200, {"mediaType": SINGLE, "schemaVersion": 2}, {"Docker-Content-Digest": digest}

    port = 0


@contextmanager
def served() -> Iterator[World]:
    made = World()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(*made.answer(self.path.partition("?")[0]))

        do_HEAD = do_GET

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.posts.append((dict(self.headers.items()), json.loads(body)))
            self.reply(made.status, {}, {})

        def reply(self, status: int, body: Any, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()


def environment(world: World, tmp_path: Path, **more: str) -> dict[str, str]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    prefix = "WUD_TRIGGER_HTTP_MEDIASTACK"
    return {
        "WUD_WATCHER_LOCAL_WATCHBYDEFAULT": "false",
        "WUD_REGISTRY_CUSTOM_MIRROR_URL": f"http://127.0.0.1:{world.port}",
        f"{prefix}_URL": f"http://127.0.0.1:{world.port}/hooks/wud",
        f"{prefix}_AUTH_TYPE": "BEARER",
        f"{prefix}_AUTH_BEARER__FILE": str(token),
        **more,
    }


def watcher(world: World, tmp_path: Path, **more: str) -> Watcher:
    values = environment(world, tmp_path, **more)
    posts = [trigger(name, values) for name in triggers(values)]

    def post(container: dict[str, Any]) -> None:
        for one in posts:
            one(container)

    docker = f"tcp://127.0.0.1:{world.port}"
    return Watcher("local", docker, tmp_path / "wud.json", values, post)


def posted(world: World, count: int) -> list[Any]:
    """The bodies of the first `count` messages; fails when there are more or fewer."""
    end = time.monotonic() + 5
    while len(world.posts) < count and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(world.posts) == count, world.posts
    return [body for _, body in world.posts]
