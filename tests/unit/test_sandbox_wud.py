"""What's Up Docker's stand-in against a registry and a Docker API of the test's own.

What is asserted here of bodies and answers was compared with the real 8.3.1.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import watch_labels
from catalog import SERVICES
from sandbox.standins import wud, wud_schedule
from sandbox.standins import wud_semver as semver
from sandbox.standins.web import Request
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


@pytest.fixture
def world() -> Iterator[World]:
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


def ask(made: Watcher, method: str, path: str) -> Any:
    return wud.answered(made, Request(method, path, {}, {}, b""))


def test_a_newer_tag_is_posted_once_with_the_token_and_upstreams_keys(
    world: World, tmp_path: Path
) -> None:
    world.run("gluetun", tags={"v3.41.4": "sha256:new", "v3.9.9": "x", "latest": "y"})
    made = watcher(world, tmp_path)
    made.watch()
    (body,) = posted(world, 1)
    headers = world.posts[0][0]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert body == {
        "id": "id-gluetun",
        "name": "gluetun",
        "displayName": "gluetun",
        "displayIcon": "mdi:docker",
        "status": "running",
        "watcher": "local",
        "includeTags": r"^v\d+\.\d+\.\d+$",
        "image": {
            "id": "sha256:image-gluetun",
            "registry": {"name": "custom.mirror", "url": f"http://127.0.0.1:{world.port}/v2"},
            "name": "docker.io/qmcgaw/gluetun",
            "tag": {"value": "v3.41.3", "semver": True},
            "digest": {"watch": False, "repo": "sha256:gluetun-v3.41.3"},
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-11-20T10:11:12.123Z",
        },
        "labels": watch_labels.labels(SERVICES["gluetun"]),
        "result": {"tag": "v3.41.4"},
        "updateAvailable": True,
        "updateKind": {
            "kind": "tag",
            "localValue": "v3.41.3",
            "remoteValue": "v3.41.4",
            "semverDiff": "patch",
        },
    }
    made.watch()
    watcher(world, tmp_path).watch()
    posted(world, 1)


def test_a_moved_tag_is_told_by_the_digest_of_this_platform(world: World, tmp_path: Path) -> None:
    world.run("cross-seed", digest="sha256:old", tags={"6": "sha256:new", "7": "sha256:seven"})
    world.platforms["sha256:new"] = "sha256:new-amd64"
    watcher(world, tmp_path).watch()
    (body,) = posted(world, 1)
    assert body["result"] == {"tag": "6", "digest": "sha256:new-amd64"}
    assert body["updateKind"] == {
        "kind": "digest",
        "localValue": "sha256:old",
        "remoteValue": "sha256:new-amd64",
    }


@pytest.mark.parametrize(
    ("service", "tags", "wanted"),
    [
        ("prowlarr", ["2.6.5.5623-ls162", "2.6.5.5623-ls99"], "2.6.5.5623-ls162"),
        (
            "plex",
            ["1.43.0.10500-aaaaaaaa1-ls300", "1.42.9.99999-bbbbbbbb2-ls999"],
            "1.43.0.10500-aaaaaaaa1-ls300",
        ),
        ("qbittorrent", ["5.2.4", "14.3.9", "20.04.1"], "5.2.4"),
        ("sonarr", ["4.0.9", "4.0.21", "4.0.21.3000-ls9", "5.0"], "4.0.21"),
        ("seerr", ["v3.6.0", "v4.0.0"], "v4.0.0"),
    ],
)
def test_of_the_tags_the_labels_allow_the_highest_is_told(
    world: World, tmp_path: Path, service: str, tags: list[str], wanted: str
) -> None:
    world.run(service, tags=dict.fromkeys(tags, "sha256:x"))
    watcher(world, tmp_path).watch()
    assert posted(world, 1)[0]["result"]["tag"] == wanted


def test_what_has_no_name_of_its_own_is_not_watched(world: World, tmp_path: Path) -> None:
    reference = world.run("ntfy", tags={"v2.35.0": "sha256:new"})
    world.images[reference]["RepoTags"] = []
    assert watcher(world, tmp_path).watch() == []
    posted(world, 0)


def test_a_pinned_service_and_strangers_are_not_watched(world: World, tmp_path: Path) -> None:
    world.run("sonarr", tags={"4.0.21": "sha256:new"})
    world.run("radarr", tags={"6.4.5": "sha256:new"})
    pinned = SERVICES["sonarr"].model_copy(update={"updates": "pinned"})
    world.containers[0]["Labels"] = watch_labels.labels(pinned)
    world.containers[1]["Labels"] = {}
    assert watcher(world, tmp_path).watch() == []


def test_a_message_that_fails_is_not_sent_again(world: World, tmp_path: Path) -> None:
    world.run("bazarr", tags={"1.6.3": "sha256:new"})
    world.status = 500
    made = watcher(world, tmp_path)
    made.watch()
    posted(world, 1)
    world.status = 200
    made.watch()
    assert ask(made, "POST", "/api/containers/id-bazarr/watch").status == 200
    posted(world, 1)
    assert made.containers()[0]["updateAvailable"]


def test_who_was_stopped_and_is_back_is_told_again(world: World, tmp_path: Path) -> None:
    world.run("bazarr", tags={"1.6.3": "sha256:new"})
    made = watcher(world, tmp_path)
    made.watch()
    away = world.containers.pop()
    assert made.watch() == []
    world.containers.append(away)
    made.watch()
    posted(world, 2)


def test_a_registry_that_fails_is_an_error_of_the_container(world: World, tmp_path: Path) -> None:
    world.run("tautulli")
    del world.tags["ghcr.io/tautulli/tautulli"]
    (container,) = watcher(world, tmp_path).watch()
    assert container["error"] == {"message": "Request failed with status code 404"}
    assert not container["updateAvailable"] and "result" not in container


@pytest.mark.parametrize("spelled", ["bearer", "Bearer", "BASIC"])
def test_another_spelling_of_bearer_sends_no_token(
    world: World, tmp_path: Path, spelled: str
) -> None:
    world.run("bazarr", tags={"1.6.3": "sha256:new"})
    watcher(world, tmp_path, WUD_TRIGGER_HTTP_MEDIASTACK_AUTH_TYPE=spelled).watch()
    posted(world, 1)
    assert "Authorization" not in world.posts[0][0]


def test_a_trigger_that_is_off_posts_nothing(world: World, tmp_path: Path) -> None:
    world.run("bazarr", tags={"1.6.3": "sha256:new"})
    watcher(world, tmp_path, WUD_TRIGGER_HTTP_MEDIASTACK_AUTO="false").watch()
    posted(world, 0)


def test_the_api_tells_what_the_message_leaves_out_as_null(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WUD_SERVER_FEATURE_DELETE", "false")
    world.run("bazarr")
    made = watcher(world, tmp_path)
    (one,) = ask(made, "POST", "/api/containers/watch").body
    assert one["updateKind"] == {
        "kind": "unknown",
        "localValue": None,
        "remoteValue": None,
        "semverDiff": None,
    }
    assert one["transformTags"] is None and one["image"]["variant"] is None
    assert ask(made, "GET", "/api/containers").body == [one]
    assert ask(made, "POST", "/api/containers/other/watch").status == 404
    assert ask(made, "DELETE", "/api/containers/id-bazarr").status == 403


@pytest.mark.parametrize(
    ("low", "high", "difference"),
    [
        ("v1.2.3", "v1.2.4", "patch"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "major"),
        ("2.6.5-5623.161", "2.6.5-5623.162", "prerelease"),
        ("2.6.5-5623.161", "2.7.0-1.1", "minor"),
        ("6", "7", "major"),
        ("20.04.1", "20.4.2", "patch"),
        ("1.0.0-rc1", "1.0.0", "major"),
        ("1.2.3-rc1", "1.2.3", "patch"),
    ],
)
def test_versions_are_ordered_as_npm_orders_them(low: str, high: str, difference: str) -> None:
    assert semver.is_not_older(high, low) and not semver.is_not_older(low, high)
    assert semver.difference(low, high) == difference


def test_a_tag_without_a_number_is_no_version() -> None:
    assert semver.parse("latest") is None
    assert semver.parse("ls161") == semver.Version((161, 0, 0))
    assert semver.transform("^6()$ => unversioned$1", "6") == "unversioned"
    assert semver.transform("^6$ => nothing", "6") == "6"
    assert semver.transform("^x(.)$ => $1", "6") == "6"


@pytest.mark.parametrize(
    ("line", "moment", "fits"),
    [
        ("0 6 * * *", "2026-11-27 06:00:00", True),
        ("0 6 * * *", "2026-11-27 06:00:01", False),
        ("0 6 * * *", "2026-11-27 07:00:00", False),
        ("*/5 * * * * *", "2026-11-27 07:00:35", True),
        ("0 0-6/3 * * 1,5", "2026-11-27 03:00:00", True),
        ("0 3 * * 0", "2026-11-27 03:00:00", False),
    ],
)
def test_a_cron_line_has_its_moments(line: str, moment: str, fits: bool) -> None:
    at = time.strptime(moment, "%Y-%m-%d %H:%M:%S")
    assert wud_schedule.Schedule(line).fits(at) is fits


@pytest.mark.parametrize("line", ["0 6 * *", "60 6 * * *", "a * * * *", "0 6 0 * *"])
def test_no_cron_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"cron|invalid literal"):
        wud_schedule.Schedule(line)
