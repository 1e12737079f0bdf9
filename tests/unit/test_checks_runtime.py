"""checks.runtime: what counts as well, for each zone; waiting has a deadline and says what for."""

from __future__ import annotations

from typing import Any

import pytest

from checks import runtime
from checks.framework import CheckError

HOST_NETNS, GLUETUN_NETNS, OTHER_NETNS = 1, 2, 3


def container(zone: str) -> dict[str, Any]:
    netns = {"host": HOST_NETNS, "vpn": GLUETUN_NETNS}.get(zone, OTHER_NETNS)
    return {"status": "running", "health": "healthy", "netns": netns, "devices": ["lo", "tun0"]}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def expected(zone: str, owner: bool = False, health: bool = True) -> runtime.Expected:
        return runtime.Expected("downloads", zone, owner, health, data=False)

    services = {
        "gluetun": expected("bridge", owner=True),
        "sonarr": expected("vpn"),
        "recyclarr": expected("vpn", health=False),
        "plex": expected("host"),
        "seerr": expected("bridge"),
    }
    monkeypatch.setattr(runtime, "expected", lambda: services)
    containers = {name: container(one.zone) for name, one in services.items()}
    containers["gluetun"]["netns"] = GLUETUN_NETNS
    containers["recyclarr"]["health"] = "none"
    return {"containers": containers, "host_netns": HOST_NETNS}


def test_a_house_in_order_has_no_problem(seen: dict[str, Any]) -> None:
    assert runtime.problems(seen, runtime.expected()) == []


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("sonarr", {"status": "exited"}, "sonarr is exited"),
        ("sonarr", {"health": "starting"}, "sonarr is starting"),
        ("sonarr", {"netns": OTHER_NETNS}, "sonarr is not in the namespace of gluetun"),
        ("recyclarr", {"netns": HOST_NETNS}, "recyclarr is not in the namespace of gluetun"),
        ("sonarr", {"devices": ["lo"]}, "sonarr sees no tunnel"),
        ("plex", {"netns": OTHER_NETNS}, "plex is not in the host's namespace"),
        ("seerr", {"netns": HOST_NETNS}, "seerr is in the host's namespace"),
    ],
)
def test_each_thing_that_can_be_wrong_is_found_alone(
    name: str, change: dict[str, Any], problem: str, seen: dict[str, Any]
) -> None:
    seen["containers"][name] |= change
    assert runtime.problems(seen, runtime.expected()) == [problem]


def test_an_absent_container_is_a_problem_of_its_own_and_only_if_asked_for(
    seen: dict[str, Any],
) -> None:
    del seen["containers"]["plex"]
    assert runtime.problems(seen, ["plex"]) == ["plex is absent"]
    assert runtime.problems(seen, ["sonarr"]) == []


def test_waiting_ends_as_soon_as_nothing_is_missing() -> None:
    answers = iter(["not yet", ""])
    assert runtime.wait_until("it", lambda: next(answers), 5.0) < 2.0


def test_waiting_gives_up_at_the_deadline_and_says_what_was_missing() -> None:
    with pytest.raises(CheckError, match=r"still not: the light \(it is dark\)"):
        runtime.wait_until("the light", lambda: "it is dark", 0.1)
