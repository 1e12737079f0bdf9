"""plan.plan where a hand changed a container that still carries our label."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_docker import running_house

from mediastack import plan

ATTACHED = {
    "restart": "unless-stopped",
    "networks": {"house": "172.30.0.9"},
    "ports": ["192.0.2.1:80:80"],
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"restart": "always"}, "restart always instead of unless-stopped"),
        ({"networks": {}}, "networks none instead of house 172.30.0.9"),
        ({"networks": {"house": ""}}, "networks house instead of house 172.30.0.9"),
        (
            {"networks": {"house": "172.30.0.9", "other": ""}},
            "networks house 172.30.0.9, other instead of house 172.30.0.9",
        ),
        ({"ports": []}, "ports none instead of 192.0.2.1:80:80"),
        (
            {"ports": ["0.0.0.0:80:80"], "restart": "no"},
            "restart no instead of unless-stopped; ports 0.0.0.0:80:80 instead of 192.0.2.1:80:80",
        ),
    ],
)
@pytest.mark.parametrize("status", ["running", "exited", "paused"])
def test_what_a_hand_changed_of_a_container_makes_it_anew(
    change: dict[str, Any], reason: str | None, status: str
) -> None:
    docker = running_house()
    docker.config["services"]["seerr"]["attached"] = ATTACHED
    seerr = docker.get("seerr")
    assert seerr is not None
    seerr.update(attached=ATTACHED | change, status=status)
    reasons = [
        act["reason"]
        for act in plan.plan(docker.config, docker.observation())
        if act["action"] == "recreate"
    ]
    assert reasons == ([reason] if reason else [])


def test_programs_that_do_not_observe_attachments_yet_cause_no_recreation() -> None:
    docker = running_house()
    docker.config["services"]["seerr"]["attached"] = ATTACHED
    assert plan.plan(docker.config, docker.observation()) == []
