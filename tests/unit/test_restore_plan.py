"""restore.plan and restore.images: whom a restore would touch, and whom it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated_docker import running_house

from mediastack.docker_client import DockerError
from mediastack.restore import images, plan
from mediastack.restore.images import Image
from mediastack.restore.trouble import RestoreError

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")


def image(
    tag: str, digest: str = ONE, at: str = "2026-01-01", name: str = "ghcr.io/x/app"
) -> Image:
    return Image(f"{name}:{tag}" if tag else "", digest, at)


@pytest.mark.parametrize(
    ("then", "now", "relation"),
    [
        (image("1.2"), image("1.2"), "same"),
        (image("1.2"), image("1.10", TWO), "older"),
        (image("1.10"), image("1.2", TWO), "newer"),
        (image("1.2", ONE, "2026-01-01"), image("1.2", TWO, "2026-02-01"), "older"),
        (image("1.2", ONE, "2026-02-01"), image("1.2", TWO, "2026-01-01"), "newer"),
        (image("latest", ONE), image("nightly", TWO), "unknown"),
        (image(""), image("1.2", TWO), "unknown"),
        (image("1.2"), image("1.2", "", name="lscr.io/x/app"), "same"),
        (image("1.2", name="registry:5000/ghcr.io/x/app"), image("1.10", TWO), "older"),
        (image("1.2", name="ghcr.io/y/other"), image("1.10", TWO), "unknown"),
    ],
)
def test_what_a_version_is_to_another(then: Image, now: Image, relation: str) -> None:
    assert images.relation(then, now, {}) == relation


def test_a_digest_that_was_taken_back_is_a_newer_one_whatever_its_date() -> None:
    then, now = image("1.2", ONE, "2026-01-01"), image("1.2", TWO, "2026-02-01")
    assert images.relation(then, now, {ONE: {"why": "bad"}}) == "newer"


def test_the_image_that_goes_with_a_config_is_one_that_the_catalog_allows() -> None:
    entry, locked = {"image": "mirror/ghcr.io/x/app:1.2"}, {"image": "x"}
    assert images.moved(image("1.3"), entry, locked) == {
        "image": "mirror/ghcr.io/x/app:1.3",
        "digest": ONE,
    }
    with pytest.raises(RestoreError, match='set its tag to "1.1" in settings.local.toml'):
        images.moved(image("1.1"), entry, locked)
    with pytest.raises(RestoreError, match="no digest when it was backed up"):
        images.moved(image("1.3", ""), entry, locked)
    with pytest.raises(RestoreError, match="run the deploy"):
        images.moved(image("1.3"), entry, {})


def test_an_image_that_cannot_be_had_is_said_before_anything_is_touched() -> None:
    class Engine:
        def __getattr__(self, name: str) -> Any:
            def answer(*_: Any) -> Any:
                if name == "pull":
                    raise DockerError("manifest unknown")
                return {images.images.reference(MOVE["new"]): None}

            return answer

    engine: Any = Engine()
    with pytest.raises(RestoreError, match="seerr: its image cannot be had: manifest unknown"):
        images.fetch(engine, "seerr", MOVE)


MOVE = {"old": {"image": "r/seerr:2", "digest": TWO}, "new": {"image": "r/seerr:1", "digest": ONE}}


class House:
    """Everything runs; a manifest of the same house."""

    def __init__(self) -> None:
        docker = running_house()
        self.config = docker.config
        self.locked: dict[str, Any] = {}
        there = {}
        for name, entry in self.config["services"].items():
            entry["config"] = "" if name == "flaresolverr" else f"/c/{name}"
            locked = {"image": entry["image"], "digest": ONE, "recorded_at": "2026-01-01"}
            self.locked[name] = locked
            then = {"image": entry["image"], "digest": ONE, "locked_at": "2026-01-01"}
            there[name] = {**then, "uid": 1, "gid": 1, "root": f"/c/{name}", "databases": {}}
        del there["flaresolverr"]
        self.manifest = {"services": there}
        self.observation = docker.observation()
        self.seen = plan.Seen(self.observation, self.locked, {}, {}, "", {})

    def plan(self, *asked: str, images: bool = False, **seen: Any) -> plan.Plan:
        found = self.seen._replace(**seen)
        return plan.make(self.config, self.manifest, asked, found, with_images=images)

    def container(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(c for c in self.observation["containers"] if c["name"] == name)
        return found


def test_without_a_name_it_is_everything_gluetun_first() -> None:
    house = House()
    del house.manifest["services"]["plex"]
    house.manifest["services"]["lidarr"] = {}
    found = house.plan()
    assert [one.service for one in found.items] == [
        "gluetun", "qbittorrent", "sonarr", "tautulli", "seerr",
    ]  # fmt: skip
    assert found.items[0].ran == ("qbittorrent", "sonarr", "flaresolverr")
    assert found.refusals == {}
    assert found.notes == [
        "lidarr is in the backup, and not on this host; it is left out",
        "plex is not in that backup; it stays as it is",
    ]
    assert "seerr: version 1 (111111111111) as now" in plan.lines(found)


def test_what_is_not_there_is_named() -> None:
    house = House()
    with pytest.raises(RestoreError, match="flaresolverr has no config on this host"):
        house.plan("flaresolverr")
    del house.manifest["services"]["plex"]
    with pytest.raises(RestoreError, match="that backup has no plex; it has gluetun, qbittorrent"):
        house.plan("plex")


def test_a_newer_database_is_refused_with_the_ways_out() -> None:
    house = House()
    house.manifest["services"]["seerr"] |= {"image": "registry/seerr:2", "digest": TWO}
    found = house.plan("seerr", "plex")
    assert [one.service for one in found.items] == ["plex"]
    why = found.refusals["seerr"]
    assert "newer than 1" in why and "--images" in why and "stack-manage.sh update seerr" in why
    [item] = house.plan("seerr", images=True).items
    assert item.move == {
        "old": {"image": "registry/seerr:1", "digest": ONE},
        "new": {"image": "registry/seerr:2", "digest": TWO},
    }
    assert "-> 2" in plan.lines(house.plan("seerr", images=True))[0]


def test_an_older_one_is_restored_and_said_to_be_migrated() -> None:
    house = House()
    house.locked["seerr"] |= {"image": "registry/seerr:3", "digest": TWO}
    found = house.plan("seerr")
    assert found.items[0].move is None and "may have to migrate" in plan.lines(found)[0]
    house.manifest["services"]["seerr"]["image"] = "registry/other:1"
    assert "nobody can say which is newer" in house.plan("seerr").refusals["seerr"]
    house.manifest["services"]["seerr"] |= {"image": "", "digest": ""}
    assert house.plan("seerr").refusals == {}, "nothing is known of it"


def test_one_that_is_stopped_stays_stopped() -> None:
    house = House()
    house.observation["intents"] = {"seerr": {"by": "user"}}
    house.observation["data"] = {"present": False}
    found = {one.service: one.runs for one in house.plan("seerr", "plex", "tautulli").items}
    assert found == {"seerr": False, "plex": False, "tautulli": True}
    assert "it is stopped, and stays so" in plan.lines(house.plan("seerr"))[0]


def test_what_could_not_be_started_again_is_not_stopped() -> None:
    house = House()
    house.container("gluetun")["health"] = "unhealthy"
    why = house.plan("sonarr").refusals["sonarr"]
    assert "gluetun is not well" in why and "stack-manage.sh downloads down sonarr" in why
    assert house.plan("sonarr", "gluetun").refusals == {}, "it is to be mended by the same restore"
    house.observation["intents"] = {"gluetun": {"by": "user"}}
    assert house.plan("sonarr").items[0].runs is False
    asleep = {"running": True, "pause": {"reason": "limit"}}
    house.observation["intents"] = {}
    assert "the monitor does not watch" in house.plan("gluetun", monitor=asleep).refusals["gluetun"]


def test_an_update_under_way_and_a_config_that_cannot_be_exchanged(tmp_path: Path) -> None:
    house = House()
    assert "an update of it" in house.plan("seerr", updating="seerr").refusals["seerr"]
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert plan.is_fixed(str(tmp_path / "a"), "/c") == ""
    assert plan.is_fixed(str(tmp_path / "absent"), "/c") == ""
    assert "is a mount of its own" in plan.is_fixed("/proc", "/c")
    why = plan.is_fixed(str(tmp_path / "link"), "/c")
    assert "is a link" in why
    assert house.plan("seerr", fixed={"seerr": why}).refusals == {"seerr": why}
