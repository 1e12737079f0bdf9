"""plan.plan and plan.ready against a tiny simulated Docker, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_docker import (
    BRIDGE,
    DATA,
    EVERYTHING,
    HOST,
    OWNER,
    VPN,
    SimulatedDocker,
    a_config,
    planned,
    running_house,
)

from mediastack import plan


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


def test_a_service_that_moves_to_another_stack_is_removed_from_the_old_one_first() -> None:
    docker = running_house()
    docker.config["stacks"]["media"]["services"].remove("seerr")
    docker.config["stacks"]["ops"] = {"services": ["seerr"]}
    docker.config["services"]["seerr"]["stack"] = "ops"
    assert docker.converge() == [("remove", "seerr"), ("create", "seerr")]
