"""mount_guard.step: loss, return, time-outs, and a kill at any point."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediastack import mount_guard
from mediastack.sentinel import Probe

SENTINEL = "/data/.mediastack-sentinel"
CONFIG: dict[str, Any] = {
    "paths": {"data": "/data", "sentinel": SENTINEL},
    "services": {
        "sonarr": {"data": True, "stop_grace_seconds": 30},
        "plex": {"data": True, "stop_grace_seconds": 20},
        "seerr": {"data": False, "stop_grace_seconds": 10},
    },
}
THERE: Probe = {"present": True, "definite": True, "error": "", "identity": (1, 2)}
GONE: Probe = {
    "present": False,
    "definite": True,
    "error": "No such file or directory",
    "identity": None,
}
SILENT: Probe = {
    "present": False,
    "definite": False,
    "error": "timeout after 3 s",
    "identity": None,
}


def container(service: str, status: str = "running", stale: bool = False) -> dict[str, Any]:
    return {
        "name": service,
        "id": f"id-{service}",
        "service": service,
        "status": status,
        "stale_mounts": ["/run/mediastack/.mediastack-sentinel"] if stale else [],
    }


def house(status: str = "running") -> list[dict[str, Any]]:
    return [container(service, status) for service in ("sonarr", "plex", "seerr")]


def step(
    probe: Probe, containers: list[dict[str, Any]] | None, state: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return mount_guard.step(probe, containers, state, 1000.0, config=CONFIG)


def stops(actions: list[dict[str, Any]]) -> list[str]:
    return [action["service"] for action in actions if action["do"] == "stop"]


def notices(actions: list[dict[str, Any]]) -> list[int]:
    return [action["priority"] for action in actions if action["do"] == "notify"]


def test_nothing_happens_while_the_sentinel_is_there() -> None:
    assert step(THERE, house(), {}) == ([], mount_guard.initial_state())


def test_a_lost_sentinel_stops_the_writers_only_with_their_grace_and_one_urgent_message() -> None:
    actions, state = step(GONE, house(), {})
    assert stops(actions) == ["sonarr", "plex"]
    assert [a["grace_seconds"] for a in actions if a["do"] == "stop"] == [30, 20]
    assert notices(actions) == [5]
    assert "No such file or directory" in actions[0]["message"]
    assert set(state["stopped"]) == {"sonarr", "plex"}
    again, _ = step(GONE, house("exited"), state)
    assert again == []


def test_a_single_time_out_is_not_a_loss_but_three_in_a_row_are() -> None:
    state: dict[str, Any] = {}
    for _ in range(mount_guard.TIMEOUTS_BEFORE_LOSS - 1):
        actions, state = step(SILENT, house(), state)
        assert actions == []
    actions, state = step(SILENT, house(), state)
    assert stops(actions) == ["sonarr", "plex"]


def test_an_answer_in_between_starts_the_count_of_time_outs_anew() -> None:
    state: dict[str, Any] = {}
    for probe in [SILENT, SILENT, THERE, SILENT, SILENT]:
        actions, state = step(probe, house(), state)
        assert actions == []


def test_a_writer_that_is_still_running_is_stopped_on_the_next_pass_without_a_new_message() -> None:
    _, state = step(GONE, house(), {})
    actions, _ = step(GONE, house(), state)
    assert stops(actions) == ["sonarr", "plex"]
    assert notices(actions) == []


def test_without_an_answer_from_docker_the_loss_is_told_and_the_stops_follow() -> None:
    actions, state = step(GONE, None, {})
    assert notices(actions) == [5]
    assert stops(actions) == []
    actions, _ = step(GONE, house(), state)
    assert stops(actions) == ["sonarr", "plex"]


def test_on_return_one_message_names_what_was_stopped_and_the_record_stays_until_it_runs() -> None:
    _, state = step(GONE, house(), {})
    actions, state = step(THERE, house("exited"), state)
    assert notices(actions) == [3]
    assert "plex, sonarr" in actions[0]["message"]
    assert set(state["stopped"]) == {"sonarr", "plex"}
    _, state = step(THERE, [container("sonarr"), container("plex", "exited")], state)
    assert set(state["stopped"]) == {"plex"}


def test_what_the_user_had_stopped_is_not_recorded_as_stopped_by_the_guard() -> None:
    containers = [container("sonarr", "exited"), container("plex")]
    actions, state = step(GONE, containers, {})
    assert stops(actions) == ["plex"]
    assert set(state["stopped"]) == {"plex"}


def test_a_container_on_an_earlier_mount_is_stopped_and_the_others_are_not() -> None:
    actions, state = step(THERE, [container("sonarr", stale=True), container("plex")], {})
    assert stops(actions) == ["sonarr"]
    assert notices(actions) == [4]
    assert set(state["stopped"]) == {"sonarr"}


@pytest.mark.parametrize("status", ["paused", "restarting"])
def test_writers_that_could_wake_up_are_stopped_too(status: str) -> None:
    actions, _ = step(GONE, house(status), {})
    assert stops(actions) == ["sonarr", "plex"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([THERE, GONE, SILENT]),
            # After how many of (notify, save, stop …) the guard is killed; 99: not at all.
            st.sampled_from([0, 1, 2, 3, 99, 99, 99]),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_killed_anywhere_no_writer_survives_a_loss_and_every_stop_was_recorded_before(
    passes: list[tuple[Probe, int, bool]],
) -> None:
    saved: dict[str, Any] = {}
    containers = {c["service"]: c for c in house()}
    told = 0

    def one_pass(probe: Probe, budget: int, docker: bool) -> None:
        nonlocal saved, told
        seen = copy.deepcopy(list(containers.values())) if docker else None
        actions, after = step(probe, seen, copy.deepcopy(saved))
        for action in actions:
            if action["do"] == "notify":
                if budget <= 0:
                    return
                budget -= 1
                told += 1
        if budget <= 0:
            return
        budget -= 1
        saved = after
        for action in actions:
            if action["do"] == "stop":
                if budget <= 0:
                    return
                budget -= 1
                assert action["service"] in saved["stopped"]
                containers[action["service"]]["status"] = "exited"

    for probe, budget, docker in passes:
        one_pass(probe, budget, docker)
        assert containers["seerr"]["status"] == "running"
        for service in ("sonarr", "plex"):
            if containers[service]["status"] == "exited":
                assert service in saved["stopped"]
    one_pass(GONE, 99, True)
    assert [c["status"] for c in containers.values()] == ["exited", "exited", "running"]
    assert saved["lost"]
    assert told >= 1
