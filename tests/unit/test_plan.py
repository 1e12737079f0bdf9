"""plan.plan and plan.ready against a tiny simulated Docker, and rule by rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_docker import (
    BRIDGE,
    DATA,
    EVERYTHING,
    HOST,
    OWNER,
    VPN,
    SimulatedDocker,
    a_config,
    running_house,
)

from mediastack import plan


def planned(docker: SimulatedDocker) -> list[tuple[str, str]]:
    return [
        (action["action"], action["service"])
        for action in plan.plan(docker.config, docker.observation())
    ]


def ready(docker: SimulatedDocker) -> list[tuple[str, str]]:
    observation = docker.observation()
    actions = plan.plan(docker.config, observation)
    return [
        (action["action"], action["service"])
        for action in plan.ready(docker.config, observation, actions)
    ]


def test_a_fresh_host_gets_everything_created_with_gluetun_first_in_its_stack() -> None:
    actions = plan.plan(a_config(), {})
    assert [action["service"] for action in actions] == [OWNER, *VPN, *HOST, *BRIDGE]
    assert {action["action"] for action in actions} == {"create"}


def test_a_running_house_needs_nothing() -> None:
    assert planned(running_house()) == []


def test_on_a_fresh_host_dependents_wait_until_gluetun_is_healthy() -> None:
    docker = SimulatedDocker(a_config())
    first = ready(docker)
    assert ("create", OWNER) in first
    assert ("create", "plex") in first
    assert not {service for _, service in first} & set(VPN)
    docker.act({"action": "create", "service": OWNER})
    assert not {service for _, service in ready(docker)} & set(VPN)
    docker.time_passes()
    assert {service for _, service in ready(docker)} >= set(VPN)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "exited"}, "start"),
        ({"status": "created"}, "start"),
        ({"status": "dead"}, "recreate"),
        ({"status": "paused"}, None),
        ({"status": "restarting"}, None),
        ({"status": "removing", "config_hash": "old"}, None),
        ({"config_hash": "old"}, "recreate"),
        ({"config_hash": "old", "status": "restarting"}, "recreate"),
        ({"image": "registry/seerr:0"}, "recreate"),
        ({"stale_mounts": ["/x"]}, "recreate"),
        ({"stale_mounts": ["/x"], "status": "exited"}, "start"),
    ],
)
@pytest.mark.parametrize("service", ["seerr", "sonarr", "gluetun"])
def test_each_state_has_its_action(
    service: str, change: dict[str, Any], expected: str | None
) -> None:
    docker = running_house()
    container = docker.get(service)
    assert container is not None
    container.update(change)
    own = [action for action, subject in planned(docker) if subject == service]
    assert own == ([expected] if expected else [])


def test_a_paused_autoheal_is_nothing_to_do() -> None:
    docker = running_house()
    tautulli = docker.get("tautulli")
    assert tautulli is not None
    tautulli["status"] = "paused"
    assert planned(docker) == []


def test_what_the_user_stopped_is_left_alone_even_when_it_is_gone_or_outdated() -> None:
    docker = running_house()
    docker.intents = {"seerr": {}, "tautulli": {}}
    seerr, tautulli = docker.get("seerr"), docker.get("tautulli")
    assert seerr and tautulli
    docker.containers.remove(seerr)
    tautulli.update(status="exited", config_hash="old")
    assert planned(docker) == []


def test_recreating_gluetun_is_planned_together_with_its_dependents() -> None:
    docker = running_house()
    docker.config["services"][OWNER]["config_hash"] = "new"
    assert planned(docker) == [("recreate", name) for name in [OWNER, *VPN]]
    assert ready(docker) == [("recreate", OWNER)]
    assert docker.converge() == [("recreate", name) for name in [OWNER, *VPN]]


def test_a_gluetun_that_was_stopped_and_starts_again_takes_its_running_dependents_along() -> None:
    docker = running_house()
    owner, sonarr = docker.get(OWNER), docker.get("sonarr")
    assert owner and sonarr
    owner["status"] = sonarr["status"] = "exited"
    prediction = planned(docker)
    assert prediction == [
        ("start", OWNER),
        ("recreate", "qbittorrent"),
        ("start", "sonarr"),
        ("recreate", "flaresolverr"),
    ]
    assert docker.converge() == prediction


def test_a_dependent_of_an_earlier_gluetun_is_recreated_not_started() -> None:
    docker = running_house()
    sonarr = docker.get("sonarr")
    assert sonarr
    sonarr.update(status="exited", network_mode="container:dead")
    assert planned(docker) == [("recreate", "sonarr")]


def test_a_dependent_in_another_namespace_is_recreated_and_an_unknown_one_is_left_alone() -> None:
    docker = running_house()
    sonarr, qbittorrent = docker.get("sonarr"), docker.get("qbittorrent")
    assert sonarr and qbittorrent
    sonarr["netns"] = 999999
    qbittorrent["netns"] = None
    assert planned(docker) == [("recreate", "sonarr")]


def test_dependents_of_a_gluetun_the_user_stopped_are_left_alone() -> None:
    docker = running_house()
    docker.intents = {OWNER: {}}
    owner, sonarr = docker.get(OWNER), docker.get("sonarr")
    assert owner and sonarr
    owner["status"] = "exited"
    sonarr["status"] = "exited"
    assert planned(docker) == []


def test_an_unhealthy_gluetun_makes_dependents_wait_but_nobody_else() -> None:
    docker = running_house()
    for name in (OWNER, "sonarr", "seerr"):
        container = docker.get(name)
        assert container
        if name == OWNER:
            container["health"] = "unhealthy"
        else:
            container["status"] = "exited"
    assert planned(docker) == [("start", "sonarr"), ("start", "seerr")]
    assert ready(docker) == [("start", "seerr")]


def test_without_the_sentinel_nothing_that_writes_to_data_is_touched() -> None:
    docker = SimulatedDocker(a_config())
    docker.present = False
    assert {service for _, service in planned(docker)} == set(EVERYTHING) - DATA


def test_containers_nobody_wants_any_more_are_removed_and_foreign_ones_never_seen() -> None:
    docker = running_house()
    docker.config["stacks"]["media"]["services"].remove("tautulli")
    del docker.config["services"]["tautulli"]
    assert planned(docker) == [("remove", "tautulli")]
    docker.converge()
    assert docker.get("tautulli") is None


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


def test_a_service_that_moves_to_another_stack_is_removed_from_the_old_one_first() -> None:
    docker = running_house()
    docker.config["stacks"]["media"]["services"].remove("seerr")
    docker.config["stacks"]["ops"] = {"services": ["seerr"]}
    docker.config["services"]["seerr"]["stack"] = "ops"
    assert docker.converge() == [("remove", "seerr"), ("create", "seerr")]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(EVERYTHING),
        st.sampled_from(
            [
                {"status": "exited"},
                {"status": "created", "netns": None},
                {"status": "dead"},
                {"status": "restarting"},
                {"config_hash": "old"},
                {"image": "registry/other:0"},
                {"stale_mounts": ["/x"]},
                {"netns": 999999},
                {"netns": None},
                {"network_mode": "container:gone"},
                {"health": "unhealthy"},
                {"health": "starting"},
                {"name": "0123456789ab_x", "status": "created"},
                {"stack": "ops"},
                "absent",
                "stopped by the user",
            ]
        ),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(CHANGES, st.booleans(), st.booleans())
def test_from_any_state_the_plan_leads_to_the_wanted_one_and_is_then_empty(
    changes: list[tuple[str, Any]], present: bool, fresh: bool
) -> None:
    """The simulated Docker asserts on every start: not stopped by the user, /data there for those
    who write to it, gluetun healthy for its dependents, and joined to the living gluetun."""
    docker = SimulatedDocker(a_config()) if fresh else running_house()
    docker.present = present
    for service, change in changes:
        container = docker.get(service)
        if change == "stopped by the user":
            docker.intents[service] = {}
        elif container is None:
            continue
        elif change == "absent":
            docker.containers.remove(container)
        else:
            container.update(change)
            if change.get("name"):
                container["name"] = f"0123456789ab_{service}"
    untouchable = set(docker.intents) | (set() if present else DATA)
    before = {name: copy.deepcopy(docker.get(name)) for name in untouchable if docker.get(name)}
    docker.converge()
    assert planned(docker) == []
    owner = docker.get(OWNER)
    for service in set(EVERYTHING) - untouchable:
        if OWNER in docker.intents and service in VPN:
            continue
        container = docker.get(service)
        assert container and container["status"] == "running", service
        assert container["config_hash"] == f"hash-{service}"
        if service in VPN:
            assert owner and container["network_mode"] == f"container:{owner['id']}"
            known = {container["netns"], owner["netns"]} - {None}
            assert len(known) <= 1
    for service, container in before.items():
        after = docker.get(service)
        if after is not None and container is not None:
            assert after["id"] == container["id"], f"{service} was replaced"
    assert not set(docker.started) & untouchable


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_what_was_predicted_is_what_happens(changes: list[tuple[str, Any]]) -> None:
    docker = running_house()
    for service, change in changes:
        container = docker.get(service)
        if container is None:
            continue
        if change == "stopped by the user":
            docker.intents[service] = {}
        elif change == "absent":
            docker.containers.remove(container)
        elif change in ({"status": "restarting"}, {"netns": None}):
            # What Docker will do by itself, and what could not be read, cannot be predicted.
            continue
        else:
            container.update(change)
            if change.get("name"):
                container["name"] = f"0123456789ab_{service}"
    prediction = planned(docker)
    assert sorted(docker.converge()) == sorted(prediction)
