"""What What's Up Docker's stand-in says, to whom, and how often: its messages and its API.

What is asserted here of bodies and answers was compared with the real 8.3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wud_house import TOKEN, World, posted, served, watcher

import watch_labels
from catalog import SERVICES
from sandbox.standins import wud
from sandbox.standins.web import Request
from sandbox.standins.wud_watcher import Watcher


@pytest.fixture
def world() -> Iterator[World]:
    with served() as made:
        yield made


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
