"""plan.plan where a recreate was killed and left a container under its name for the while."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_docker import OWNER, SimulatedDocker, planned, running_house

from mediastack import plan


def left_over(docker: SimulatedDocker, **changes: Any) -> dict[str, Any]:
    """What a killed recreate of sonarr leaves: the new container under its name for the while."""
    sonarr = docker.get("sonarr")
    assert sonarr
    return {**sonarr, "name": "0123456789ab_sonarr", "id": "new", "status": "created", **changes}


def test_a_left_over_that_is_alone_is_renamed_and_started_since_it_holds_the_volumes() -> None:
    docker = running_house()
    new = left_over(docker)
    sonarr = docker.get("sonarr")
    assert sonarr
    sonarr.update(new)
    actions = plan.plan(docker.config, docker.observation())
    assert [(a["action"], a["service"], a.get("container", "")) for a in actions] == [
        ("rename", "sonarr", "0123456789ab_sonarr"),
        ("start", "sonarr", ""),
    ]
    docker.converge()
    assert planned(docker) == []
    assert sonarr["id"] == "new" and sonarr["status"] == "running"


def test_a_left_over_that_is_outdated_is_renamed_too_and_then_made_anew() -> None:
    docker = running_house()
    sonarr = docker.get("sonarr")
    assert sonarr
    sonarr.update(left_over(docker, config_hash="old"))
    # Compose hands the anonymous volumes on to the one it makes.
    assert docker.converge() == [("rename", "sonarr"), ("recreate", "sonarr")]


def test_a_left_over_beside_the_real_one_is_removed_by_its_own_name() -> None:
    docker = running_house()
    docker.containers.append(left_over(docker))
    actions = plan.plan(docker.config, docker.observation())
    assert [(a["action"], a["container"]) for a in actions] == [("remove", "0123456789ab_sonarr")]
    docker.converge()
    assert planned(docker) == []


def test_of_several_left_overs_the_newest_is_renamed_and_the_others_are_removed() -> None:
    docker = running_house()
    old = left_over(docker, name="aaaaaaaaaaaa_sonarr", id="old", created_at=1.0)
    new = left_over(docker, created_at=2.0)
    sonarr = docker.get("sonarr")
    assert sonarr
    docker.containers.remove(sonarr)
    docker.containers += [old, new]
    assert docker.converge() == [("remove", "sonarr"), ("rename", "sonarr"), ("start", "sonarr")]
    assert [c["id"] for c in docker.containers if c["service"] == "sonarr"] == ["new"]


@pytest.mark.parametrize(
    "change",
    [{"status": "dead"}, {"stack": "ops"}, {"name": "sonarr_by_hand"}, {"name": "abc_sonarr"}],
)
def test_what_cannot_be_renamed_is_removed(change: dict[str, Any]) -> None:
    docker = running_house()
    sonarr = docker.get("sonarr")
    assert sonarr
    sonarr.update(left_over(docker, **change))
    assert docker.converge() == [("remove", "sonarr"), ("create", "sonarr")]


@pytest.mark.parametrize(("age", "is_left_alone"), [(0.0, True), (59.0, True), (60.0, False)])
@pytest.mark.parametrize("beside", [True, False])
def test_a_recreate_that_may_be_under_way_is_left_alone_for_a_minute(
    age: float, is_left_alone: bool, beside: bool
) -> None:
    docker = running_house()
    new = left_over(docker, created_at=1000.0)
    sonarr, seerr = docker.get("sonarr"), docker.get("seerr")
    assert sonarr and seerr
    docker.containers.append(new)
    if not beside:
        docker.containers.remove(sonarr)
    seerr["status"] = "exited"
    observation = {**docker.observation(), "at": 1000.0 + age}
    actions = plan.plan(docker.config, observation)
    # It is foreseen in any case: it will be done.
    assert {act["service"] for act in actions} == {"sonarr", "seerr"}
    todo = {act["service"] for act in plan.ready(docker.config, observation, actions)}
    assert todo == ({"seerr"} if is_left_alone else {"sonarr", "seerr"})


def test_without_any_compose_at_work_a_left_over_is_put_in_order_at_once() -> None:
    docker = running_house()
    docker.containers.append(left_over(docker, created_at=1000.0))
    for composing in (False, True):
        observation = {**docker.observation(), "at": 1000.0, "composing": composing}
        actions = plan.plan(docker.config, observation)
        todo = plan.ready(docker.config, observation, actions)
        assert todo == ([] if composing else actions)


def test_a_clock_that_was_set_back_keeps_no_left_over_for_ever() -> None:
    docker = running_house()
    docker.containers.append(left_over(docker, created_at=1000.0))
    observation = {**docker.observation(), "at": 10.0}
    actions = plan.plan(docker.config, observation)
    assert plan.ready(docker.config, observation, actions) == actions


def test_a_left_over_of_what_the_user_stopped_is_renamed_and_not_started() -> None:
    docker = running_house()
    sonarr = docker.get("sonarr")
    assert sonarr
    sonarr.update(left_over(docker))
    docker.intents = {"sonarr": {}}
    assert docker.converge() == [("rename", "sonarr")]


def test_a_gluetun_that_is_a_left_over_is_renamed_and_its_dependents_follow() -> None:
    docker = running_house()
    owner = docker.get(OWNER)
    assert owner
    owner.update(name=f"0123456789ab_{OWNER}", id="new", status="created", netns=None)
    prediction = planned(docker)
    assert prediction[:2] == [("rename", OWNER), ("start", OWNER)]
    assert docker.converge() == prediction
