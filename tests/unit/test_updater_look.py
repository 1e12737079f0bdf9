"""updater.look: Docker's documents in the gate's words, and who else is at work."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_docker import OWNER, running_house

from mediastack.updater import look

IMAGE = "seerr:1@sha256:abc"
ENTRY = {"health": True}


def document(**state: Any) -> dict[str, Any]:
    health = {"Status": "healthy", "FailingStreak": 0, "Log": [{"End": "t1"}, {"End": "t2"}]}
    return {
        "Id": "id1",
        "RestartCount": 2,
        "Config": {"Image": IMAGE},
        "State": {"Status": "running", "StartedAt": "then", "ExitCode": 0, "Health": health}
        | state,
    }


def test_a_healthy_container_of_the_right_image() -> None:
    found = look.seen(document(), IMAGE, ENTRY)
    assert (found.known, found.present, found.right_image) == (True, True, True)
    assert (found.status, found.health, found.failing) == ("running", "healthy", False)
    assert (found.probe, found.life, found.restarts) == ("t2", "id1 then", 2)
    assert found.expects_health is True


def test_docker_says_healthy_and_the_last_probe_failed() -> None:
    health = {"Status": "healthy", "FailingStreak": 1, "Log": [{"End": "t3"}]}
    assert look.seen(document(Health=health), IMAGE, ENTRY).failing is True


def test_no_container_no_health_another_image() -> None:
    gone = look.seen(None, IMAGE, ENTRY)
    assert (gone.known, gone.present, gone.right_image) == (True, False, False)
    bare = look.seen(document(Health=None), "seerr:2", {"health": False})
    assert (bare.health, bare.probe, bare.right_image, bare.expects_health) == (
        *("none", "", False),
        False,
    )


@pytest.mark.parametrize(
    ("service", "holder", "present", "owner", "excuse"),
    [
        ("seerr", None, True, "healthy", ""),
        ("seerr", {"actor": "updater"}, True, "healthy", ""),
        ("seerr", {"actor": "deploy"}, True, "healthy", "deploy is at work"),
        ("seerr", None, False, "unhealthy", ""),
        ("sonarr", None, False, "healthy", "/data is not there"),
        ("sonarr", None, True, "unhealthy", "gluetun is not well"),
        (OWNER, None, True, "unhealthy", ""),
    ],
)
def test_what_others_do_is_no_fault_of_the_new_version(
    service: str, holder: Any, present: bool, owner: str, excuse: str
) -> None:
    docker = running_house()
    docker.present = present
    gluetun = docker.get(OWNER)
    assert gluetun is not None
    gluetun["health"] = owner
    assert look.excuse(docker.config, docker.observation(), service, holder) == excuse


def test_gluetuns_update_is_over_when_all_that_ran_are_back_and_well() -> None:
    docker = running_house()
    ran = ["qbittorrent", "sonarr"]
    assert look.unwell(docker.config, docker.observation(), ran) == []
    sonarr = docker.get("sonarr")
    assert sonarr is not None
    sonarr["health"] = "starting"
    assert look.unwell(docker.config, docker.observation(), ran) == ["sonarr"]
    sonarr["netns"] = 99
    assert look.unwell(docker.config, docker.observation(), ran) == ["sonarr"]
    docker.intents = {"sonarr": {}}
    assert look.unwell(docker.config, docker.observation(), ran) == []
    assert look.unwell(docker.config, docker.observation(), []) == []


def test_without_an_answer_nothing_is_known() -> None:
    class Away:
        def containers(self, **_: Any) -> Any:
            raise look.NotReachable("away")

    engine: Any = Away()
    config: Any = {"services": {"seerr": {"zone": "bridge"}}}
    assert look.look(config, engine, {"service": "seerr"}, IMAGE).known is False
