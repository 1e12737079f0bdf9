"""plan.plan from any state of the containers: where it leads to, and that it was foreseen."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_docker import (
    DATA,
    EVERYTHING,
    OWNER,
    VPN,
    SimulatedDocker,
    a_config,
    planned,
    running_house,
)

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
