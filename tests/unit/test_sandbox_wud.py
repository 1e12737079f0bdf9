"""What's Up Docker's stand-in: which containers it watches, and which update it finds for each.

What is asserted here of bodies was compared with the real 8.3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wud_house import World, posted, served, watcher

import watch_labels
from catalog import SERVICES


@pytest.fixture
def world() -> Iterator[World]:
    with served() as made:
        yield made


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


def test_a_registry_that_fails_is_an_error_of_the_container(world: World, tmp_path: Path) -> None:
    world.run("tautulli")
    del world.tags["ghcr.io/tautulli/tautulli"]
    (container,) = watcher(world, tmp_path).watch()
    assert container["error"] == {"message": "Request failed with status code 404"}
    assert not container["updateAvailable"] and "result" not in container
