"""namespaces: who is where, in every combination of what can be read."""

from __future__ import annotations

from typing import Any

import pytest

from mediastack.monitor import namespaces


def owner(**changes: Any) -> dict[str, Any]:
    whole = {"status": "running", "id": "o1", "name": "gluetun", "netns": 7, "started_at": 50.0}
    return {**whole, "health": "healthy", "health_check": True, **changes}


def dependent(**changes: Any) -> dict[str, Any]:
    whole = {"status": "running", "network_mode": "container:o1", "netns": 7, "started_at": 60.0}
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("of_owner", "of_dependent", "verdict"),
    [
        ({}, {}, "inside"),
        ({}, {"network_mode": "container:gluetun"}, "inside"),
        ({"status": "paused"}, {}, "inside"),
        ({}, {"status": "paused"}, "inside"),
        ({}, {"netns": 8}, "stranded"),
        ({}, {"network_mode": "container:o0"}, "stranded"),
        ({}, {"network_mode": "bridge"}, "stranded"),
        *(({"status": status}, {}, "stranded") for status in namespaces.ENDED),
        *(({}, {"status": status}, "out") for status in namespaces.ENDED),
        ({"status": "absent"}, {"status": "absent"}, "out"),
        ({}, {"netns": None, "started_at": 40.0}, "stranded"),
        ({"netns": None}, {"started_at": 40.0}, "stranded"),
        ({}, {"netns": None}, "unknown"),
        ({"netns": None, "started_at": None}, {}, "unknown"),
        # The inode decides where there are two of them, whatever the clock said at the starts.
        ({}, {"started_at": 40.0}, "inside"),
    ],
)
def test_the_verdict(of_owner: dict[str, Any], of_dependent: dict[str, Any], verdict: str) -> None:
    assert namespaces.verdict(owner(**of_owner), dependent(**of_dependent)) == verdict


def test_an_incarnation_is_another_after_restart_recreate_and_boot() -> None:
    seen = [
        namespaces.incarnation(owner(), "b1"),
        namespaces.incarnation(owner(started_at=51.0), "b1"),
        namespaces.incarnation(owner(id="o2"), "b1"),
        namespaces.incarnation(owner(), "b2"),
    ]
    assert all(seen) and len({str(one) for one in seen}) == 4
    assert namespaces.incarnation(owner(status="exited"), "b1") is None
    assert namespaces.incarnation(owner(started_at=None), "b1") is None


@pytest.mark.parametrize(
    ("changes", "firewall", "ready"),
    [
        ({}, True, True),
        ({}, None, False),
        ({}, False, False),
        ({"health": "starting"}, True, False),
        ({"health": "none", "health_check": False}, True, True),
        ({"status": "paused"}, True, False),
    ],
)
def test_ready_is_running_healthy_and_walled(
    changes: dict[str, Any], firewall: bool | None, ready: bool
) -> None:
    assert namespaces.is_ready(owner(**changes), firewall) is ready
