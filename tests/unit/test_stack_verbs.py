"""The stack verbs on a simulated Docker: down, up, restart, pull and apply."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated_docker import OWNER, VPN
from stacks_house import House, furnish

from mediastack import intent, plan, stack_verbs, wait_healthy


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def test_down_keeps_a_stack_down_and_up_brings_it_back(house: House) -> None:
    house.apply()
    assert stack_verbs.down(["media"]) == 0
    assert set(house.statuses()) == {OWNER, *VPN}
    assert set(intent.stopped()) == {"plex", "seerr", "tautulli"}
    assert house.apply().done == []
    assert stack_verbs.up(["media"]) == 0
    assert set(house.statuses().values()) == {"running"}
    assert intent.stopped() == {}


def test_down_of_gluetun_takes_its_dependents_off_and_up_of_gluetun_brings_them_back(
    house: House,
) -> None:
    house.apply()
    assert stack_verbs.down(["downloads", OWNER]) == 0
    assert not {OWNER, *VPN} & set(house.statuses())
    assert set(intent.stopped()) == {OWNER}
    assert stack_verbs.up(["downloads", OWNER]) == 0
    assert {OWNER, *VPN} <= set(house.statuses())


def test_up_of_a_dependent_says_so_when_gluetun_is_stopped(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.apply()
    stack_verbs.down(["downloads", OWNER])
    assert stack_verbs.up(["downloads", "sonarr"]) == 1
    assert "stack-manage.sh downloads up gluetun" in capsys.readouterr().err


def test_restarting_gluetun_puts_its_dependents_into_the_new_namespace(house: House) -> None:
    house.apply()
    assert stack_verbs.restart(["downloads", OWNER]) == 0
    spaces = {
        container["netns"]
        for container in house.docker.containers
        if container["name"] in (OWNER, *VPN)
    }
    assert len(spaces) == 1
    assert plan.plan(house.config, house.docker.observation()) == []


def test_autoheal_rests_under_the_lock_while_what_it_watches_is_worked_on(house: House) -> None:
    house.apply()
    assert house.paused_for == []
    stack_verbs.restart(["media", "tautulli"])
    stack_verbs.down(["media", "seerr"])
    house.config["services"]["plex"]["image"] = "registry/plex:2"
    house.apply()
    assert house.paused_for == [
        "restart tautulli",
        "down media seerr",
        "converging the stacks",
    ]
    assert house.autoheal == "running"


def test_autoheal_is_not_disturbed_by_work_on_gluetuns_group(house: House) -> None:
    house.apply()
    stack_verbs.restart(["downloads"])
    stack_verbs.down(["downloads"])
    assert house.paused_for == []


def test_pull_starts_and_stops_nothing(house: House) -> None:
    assert stack_verbs.pull(["media", "plex"]) == 0
    assert house.composed == [("mediastack-media", "pull", "plex")]
    assert house.statuses() == {}


@pytest.mark.parametrize("arguments", [["nonsense"], ["media", "sonarr"], []])
def test_an_unknown_stack_or_service_is_wrong_usage(house: House, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        stack_verbs.up(arguments)
    assert ended.value.code == 2


def test_apply_exits_1_and_names_the_sick_with_the_words_of_its_health_check(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.apply()
    house.sick = {"seerr"}
    seerr = house.docker.get("seerr")
    assert seerr is not None
    seerr["health"] = "unhealthy"
    house.config["limits"]["health_wait_seconds"] = 0
    assert stack_verbs.apply(["--actor", "deploy"]) == 1
    printed = capsys.readouterr().err
    assert "seerr: health: unhealthy" in printed
    assert "cannot reach 127.0.0.1:8989" in printed
    assert wait_healthy.main(["--timeout", "0"]) == 1
