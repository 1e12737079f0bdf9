"""updater.candidates, preconditions and prune: what may be done, when, and what may go."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import updater_house as house
from simulated_docker import OWNER, running_house

from mediastack import image_lock
from mediastack.docker_client import NotReachable
from mediastack.updater import (
    candidates,
    copies,
    images,
    inflight,
    kept,
    preconditions,
    prune,
    refused,
    tags,
)
from mediastack.updater.house import Trouble


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = house.furnish(tmp_path, monkeypatch)
    house.locked()
    return made


@pytest.fixture
def docker() -> house.Images:
    made = house.Images()
    made.registry = {
        f"{house.SEERR}:v1.0.0": house.ONE,
        f"{house.SEERR}:v1.0.1": house.TWO,
        f"{house.SEERR}:v2.0.0": house.THREE,
    }
    return made


def found(
    config: dict[str, Any], docker: house.Images, *named: str, **options: Any
) -> list[tuple[str, str]]:
    engine: Any = docker
    options = {"same_tag": True, **options}
    some = candidates.find(config, engine, "seerr", named, **options)
    return [(one.new.image.rpartition(":")[2], one.verdict.action) for one in some]


def test_the_best_comes_first_and_a_major_is_only_told(
    config: dict[str, Any], docker: house.Images
) -> None:
    assert found(config, docker, "v2.0.0", "v1.0.1") == [("v1.0.1", "update"), ("v2.0.0", "tell")]
    assert found(config, docker, "v2.0.0", allow_major=True) == [("v2.0.0", "update")]


def test_nothing_new_is_nothing(config: dict[str, Any], docker: house.Images) -> None:
    assert found(config, docker) == []
    assert docker.asked == [f"{house.SEERR}:v1.0.0"]


def test_a_tag_outside_of_the_policy_is_not_even_asked_for(
    config: dict[str, Any], docker: house.Images
) -> None:
    hostile = ("latest", "v1.0.1-rc1", "v0.9.0", "1.0.1", "v1.0.1@sha256", "../../evil", "x" * 200)
    assert found(config, docker, *hostile, same_tag=False) == []
    assert docker.asked == []


def test_the_same_tag_with_another_digest_is_an_update(
    config: dict[str, Any], docker: house.Images
) -> None:
    docker.registry[f"{house.SEERR}:v1.0.0"] = house.TWO
    assert found(config, docker) == [("v1.0.0", "update")]
    assert found(config, docker, same_tag=False) == []


def test_a_refused_digest_is_not_tried_again_and_the_tag_with_another_one_is(
    config: dict[str, Any], docker: house.Images
) -> None:
    refused.add("seerr", house.TWO, "exits at once")
    assert found(config, docker, "v1.0.1") == [("v1.0.1", "ignore")]
    docker.registry[f"{house.SEERR}:v1.0.1"] = house.THREE
    assert found(config, docker, "v1.0.1") == [("v1.0.1", "update")]


def test_a_registry_without_an_answer_is_asked_another_time_and_a_vanished_tag_is_not(
    config: dict[str, Any], docker: house.Images
) -> None:
    docker.registry[f"{house.SEERR}:v1.0.1"] = NotReachable("429")
    assert found(config, docker, "v1.0.1", "v1.0.7", same_tag=False) == [
        ("v1.0.1", "wait"),
        ("v1.0.7", "ignore"),
    ]


def test_without_a_lock_or_with_a_catalog_that_moved_on_a_deploy_comes_first(
    config: dict[str, Any], docker: house.Images
) -> None:
    config["services"]["seerr"]["image"] = f"{house.SEERR}:v1.1.0"
    assert found(config, docker, "v1.2.0") == []
    os.unlink(image_lock.default_path())
    assert found(config, docker, "v1.0.1") == []


def test_a_new_major_does_not_hide_the_newest_of_the_present_one(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def listed(repository: str, insecure: Any) -> list[str]:
        asked.append(repository)
        return ["v1.0.0", "v1.0.1", "v1.4.0", "v2.0.0", "latest"]

    monkeypatch.setattr(tags, "of", listed)
    assert candidates.widened(config, "seerr", {"v1.0.1"}, ask=False) == {"v1.0.1"}
    assert asked == [], "the registry is only asked when something is hidden"
    assert candidates.widened(config, "seerr", {"v2.0.0"}, ask=False) == {"v2.0.0", "v1.4.0"}
    assert candidates.widened(config, "seerr", set(), ask=True) == {"v1.4.0", "v2.0.0"}


def test_a_registry_that_lists_nothing_leaves_what_was_named(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> list[str]:
        raise Trouble("passing", "down")

    monkeypatch.setattr(tags, "of", away)
    assert candidates.widened(config, "seerr", {"v2.0.0"}, ask=True) == {"v2.0.0"}


def test_the_own_tag_is_due_once_a_day(config: dict[str, Any]) -> None:
    now = time.time()
    assert candidates.is_due("seerr", now)
    candidates.asked("seerr")
    assert not candidates.is_due("seerr", now + 1)
    assert candidates.is_due("seerr", now + candidates.DAY_SECONDS + 1)
    assert candidates.is_due("seerr", now - 3600), "a clock that was set back stops nothing"


# What keeps an update from beginning.


def refusal(service: str, **changes: Any) -> str:
    docker = running_house()
    for name, change in changes.pop("containers", {}).items():
        container = docker.get(name)
        assert container is not None
        container.update(change)
    docker.present = changes.pop("present", True)
    docker.intents = changes.pop("intents", {})
    options: dict[str, Any] = {
        "locked": {"image": "x", "digest": house.ONE},
        "monitor": {"running": True, "pause": None, "episode": None, "acting": None},
        "free": {"/": 1 << 40},
        "by_hand": False,
    }
    return preconditions.judged(docker.config, docker.observation(), service, **options | changes)


@pytest.mark.parametrize("service", ["seerr", "plex", "sonarr", OWNER])
def test_a_well_service_in_a_quiet_house_may_be_updated(service: str) -> None:
    assert refusal(service) == ""


@pytest.mark.parametrize(
    ("service", "changes", "why"),
    [
        ("seerr", {"intents": {"seerr": {}}}, "you have stopped it"),
        ("seerr", {"locked": None}, "no digest in the image lock"),
        ("seerr", {"containers": {"seerr": {"image": "x"}}}, "recreated first"),
        ("seerr", {"containers": {"seerr": {"status": "restarting"}}}, "does not run"),
        ("seerr", {"containers": {"seerr": {"health": "unhealthy"}}}, "not well"),
        ("seerr", {"free": {"/x": 10}}, "/x: only 0 MiB free"),
        ("sonarr", {"present": False}, "/data is not there"),
        ("sonarr", {"containers": {OWNER: {"health": "starting"}}}, "gluetun is not well"),
        ("sonarr", {"monitor": {"running": False}}, "does not watch"),
        (OWNER, {"monitor": {"running": True, "pause": {}, "episode": {"x": 1}, "acting": None}},
         "at work in Gluetun's network"),
        (OWNER, {"monitor": {"running": True, "pause": {"x": 1}}}, "monitor is paused"),
    ],
)  # fmt: skip
def test_why_it_may_not(service: str, changes: dict[str, Any], why: str) -> None:
    assert why in refusal(service, **changes)


def test_by_hand_a_sick_one_may_be_updated_and_the_monitor_is_none_of_seerrs_business() -> None:
    sick = {"seerr": {"health": "unhealthy"}}
    assert refusal("seerr", containers=sick, by_hand=True) == ""
    assert refusal("seerr", monitor={"running": False}) == ""
    assert refusal("sonarr", monitor={}) == "", "a host of an earlier release has no monitor"


# What may go, and when.


def test_only_names_that_something_needs_are_kept(
    config: dict[str, Any], docker: house.Images
) -> None:
    engine: Any = docker
    docker.named = [
        images.kept_name("seerr", digest) for digest in (house.ONE, house.TWO, house.THREE)
    ] + ["ghcr.io/x/seerr:v1.0.0"]
    image_lock.trial("seerr", f"{house.SEERR}:v1.0.1", house.TWO)
    prune.run(config, engine)
    gone = images.kept_name("seerr", house.THREE)
    assert docker.gone == [gone, f"{house.SEERR}@{house.THREE}"]


def test_a_copy_goes_when_its_days_are_over_or_another_update_was_committed(
    config: dict[str, Any], docker: house.Images
) -> None:
    engine: Any = docker
    for identity in ("id1", "half", "undone", "inflight"):
        place = Path(copies.path(config, {"service": "seerr", "id": identity}))
        place.mkdir(parents=True)
        if identity != "half":
            place.with_name(f"{identity}.json").write_text("{}")
    inflight.write(house.a_transaction(id="inflight"))
    prune.run(config, engine)
    assert copies.present(config) == {"seerr": {"id1", "undone", "inflight"}}
    kept.put(house.a_transaction())
    prune.run(config, engine)
    assert copies.present(config) == {"seerr": {"id1", "inflight"}}
    later = time.time() + 8 * 86_400
    inflight.clear()
    kept.drop("seerr")
    prune.run(config, engine, later)
    assert copies.present(config) == {"seerr": set()}


def test_after_its_days_there_is_nothing_to_go_back_to(
    config: dict[str, Any], docker: house.Images
) -> None:
    engine: Any = docker
    image_lock.trial("seerr", f"{house.SEERR}:v1.0.1", house.TWO)
    image_lock.settle_trial("seerr")
    kept.put(house.a_transaction())
    prune.run(config, engine)
    assert "previous" in image_lock.read()["seerr"] and kept.read()
    config["updates"]["keep_days"] = 0
    time.sleep(0.01)
    prune.run(config, engine)
    assert "previous" not in image_lock.read()["seerr"] and not kept.read()


def test_docker_away_prunes_another_day(
    config: dict[str, Any], docker: house.Images, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(prefix: str) -> Any:
        raise house.AWAY

    engine: Any = docker
    engine.tags = away
    prune.run(config, engine)
    assert "pruning: Docker is away" in capsys.readouterr().err
