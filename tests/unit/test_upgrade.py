"""upgrade: a line for each kind of change, and none where there is none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from settings_house import load
from simulated_docker import SimulatedDocker, running_house

import layout
import upgrade
from upgrade import Answers, Line

NOTHING = Answers([], [], [], None)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """What this checkout would write for a plain house."""
    _, built = layout.build(
        load(tmp_path),
        host_name="box",
        bind_address="192.168.1.10",
        daemon={},
        data_is_mount=True,
    )
    return built


@pytest.fixture
def old(config: dict[str, Any]) -> dict[str, Any]:
    """The same, as if it had been deployed."""
    return copy.deepcopy(config)


def lines(old: Any, new: Any, kind: str) -> list[Line]:
    """The lines of one kind; all others but of containers must be absent."""
    answers = NOTHING._replace(observation={**observed(), "containers": []})
    told = [one for one in upgrade.compare(old, new, answers) if one.kind not in NOT_COMPARED]
    assert {one.kind for one in told} <= {kind}
    return told


# An empty observation means that everything is created.
NOT_COMPARED = {"container", "pull"}


def observed() -> dict[str, Any]:
    return {"containers": [], "data": {"present": True}, "intents": {}, "images": {}}


def test_where_nothing_differs_nothing_is_said(old: Any, config: Any) -> None:
    assert lines(old, config, "nothing") == []
    assert upgrade.text("box", [], "/opt") == [
        "box: a deploy of this checkout would change nothing"
    ]


def test_the_release_and_what_the_changelog_says_since(old: Any, config: Any) -> None:
    old["release"] = "0.0.1+abc"
    first, *rest = list(upgrade.version(old, config))
    assert first.text == f"0.0.1+abc -> {config['release']}"
    assert {one.kind for one in rest} == {"changelog"}
    assert "0.1.0" in {one.subject for one in rest}


def test_a_new_service_and_one_that_goes(old: Any, config: Any) -> None:
    del old["services"]["tautulli"]
    del config["services"]["wud"]
    for stack in config["stacks"].values():
        stack["services"] = [name for name in stack["services"] if name != "wud"]
    told = {one.subject: one.text for one in upgrade.services(old["services"], config["services"])}
    assert told["tautulli"].startswith("new in stack media")
    assert told["wud"].endswith("its state stays in /srv/mediastack/config/wud")


def test_a_service_that_moves_to_another_zone(old: Any, config: Any) -> None:
    old["services"]["prowlarr"]["zone"] = "bridge"
    assert [(one.subject, one.text) for one in lines(old, config, "service")] == [
        ("prowlarr", "zone bridge -> vpn")
    ]


def test_a_pin_that_moves_and_what_the_host_keeps(old: Any, config: Any) -> None:
    after = config["services"]["dozzle"]["image"]
    old["services"]["dozzle"]["image"] = "docker.io/amir20/dozzle:v1"
    (told,) = lines(old, config, "image")
    assert told.text == f"docker.io/amir20/dozzle:v1 -> {after}"
    seen = {"images": {"dozzle": "docker.io/amir20/dozzle:v99@sha256:aa"}}
    (told,) = upgrade.images(old["services"], config["services"], seen)
    assert told.text.endswith("; the host keeps its docker.io/amir20/dozzle:v99@sha256:aa")


def test_a_port_that_moves_opens_or_closes(old: Any, config: Any) -> None:
    old["services"]["homepage"]["published_port"] = 1
    old["services"]["ntfy"]["published_port"] = 0
    config["services"]["tautulli"]["published_port"] = 0
    before = old["services"]["tautulli"]["published_port"]
    now = {name: config["services"][name]["published_port"] for name in ("homepage", "ntfy")}
    assert {one.subject: one.text for one in lines(old, config, "port")} == {
        "homepage": f"1 -> {now['homepage']}",
        "ntfy": f"none -> {now['ntfy']}",
        "tautulli": f"{before} -> none",
    }


def test_a_default_that_changed_and_one_that_is_new(old: Any, config: Any) -> None:
    old["limits"]["health_wait_seconds"] = 1
    del old["host"]["umask"]
    assert {one.subject: one.text for one in lines(old, config, "value")} == {
        "limits.health_wait_seconds": f"1 -> {config['limits']['health_wait_seconds']}",
        "host.umask": f"'unset' -> {config['host']['umask']!r}",
    }


def test_a_release_that_updates_by_itself_says_so_and_not_where_it_keeps_what(
    old: Any, config: Any
) -> None:
    del old["updates"]
    told = {one.subject: one.text for one in lines(old, config, "value")}
    assert told["updates.enabled"] == "'unset' -> True"
    assert not told.keys() & upgrade.UNTOLD
    assert set(told) == {f"updates.{key}" for key in config["updates"]} - upgrade.UNTOLD


def test_units_that_come_and_go(old: Any, config: Any) -> None:
    gone = config["units"].pop()["name"]
    new = old["units"].pop(0)["name"]
    assert lines(old, config, "unit") == [
        Line("unit", new, "new, enabled and started"),
        Line("unit", gone, "no longer wanted"),
    ]


@pytest.mark.parametrize("kind", ["file", "package", "account", "secret"])
def test_what_the_host_finds_is_told(old: Any, config: Any, kind: str) -> None:
    place = {"file": "files", "package": "packages", "account": "accounts", "secret": "secrets"}[
        kind
    ]
    answers = NOTHING._replace(**{place: [{"path": "/x", "problem": "differs"}]})
    told = upgrade.compare(old, config, answers)
    assert [one.subject for one in told if one.kind == kind] == ["/x"]


def running() -> tuple[dict[str, Any], dict[str, Any]]:
    """A small house in which all runs as configured, and what is observed of it."""
    house: SimulatedDocker = running_house()
    observation = house.observation()
    for container in observation["containers"]:
        container |= {"stale_mounts": [], "mounted_files": []}
    return house.config, observation


def test_containers_are_what_the_plan_says_and_images_that_are_not_here_are_pulled() -> None:
    config, observation = running()
    answers = NOTHING._replace(observation=observation)
    assert list(upgrade.containers(config, answers)) == []
    config["services"]["seerr"]["config_hash"] = "another"
    observation["images"]["seerr"] = "seerr:new"
    told = list(upgrade.containers(config, answers))
    assert [(one.kind, one.subject) for one in told] == [("container", "seerr"), ("pull", "seerr")]
    assert told[0].text == "recreate (configuration changed)"
    assert told[1].text == "seerr:new"


@pytest.mark.parametrize(
    ("problem", "anew"),
    [("differs", True), ("stale copy", True), ("content differs", True), ("mode 0644", False)],
)
def test_a_mounted_file_that_is_replaced_means_a_new_container(problem: str, anew: bool) -> None:
    config, observation = running()
    for container in observation["containers"]:
        if container["name"] == "seerr":
            container["mounted_files"] = [("/etc/mediastack/secrets/seerr/key", "/run/key")]
    change = [{"path": "/etc/mediastack/secrets/seerr/key", "problem": problem}]
    answers = NOTHING._replace(secrets=change, observation=observation)
    told = [one.subject for one in upgrade.containers(config, answers)]
    assert told == (["seerr"] if anew else [])


def test_what_the_user_stopped_is_said_to_stay_so() -> None:
    config, observation = running()
    observation["intents"] = {"seerr": {"by": "docker stop"}}
    told = list(upgrade.containers(config, NOTHING._replace(observation=observation)))
    assert told == [Line("stopped", "seerr", "stays stopped, as you asked")]


def test_on_a_bare_host_everything_is_created(config: Any) -> None:
    told = upgrade.compare(None, config, NOTHING)
    assert told[0].text.startswith("nothing is deployed yet -> ")
    created = {one.subject for one in told if one.kind == "container"}
    assert created == set(config["services"])


def test_program_files_are_counted_and_others_named() -> None:
    told = [
        Line("file", "/opt/m/lib/a.py", "content differs"),
        Line("file", "/opt/m/lib/b.py", "no longer wanted"),
        Line("file", "/etc/x", "absent"),
    ]
    assert upgrade.text("box", told, "/opt/m") == [
        "box: a deploy of this checkout would change",
        "  file      /etc/x: absent",
        "  programs  1 files below /opt/m new or changed, 1 no longer wanted",
    ]
