"""autoheal_step: what is told and recorded of Autoheal's restarts, whenever one looks."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mediastack import autoheal_step
from mediastack.autoheal_step import Line, Observed, Seen, State, initial_state, step

START = 1_800_000_000.0
SHORT = "0123456789ab"


def asked(at: float, service: str = "tautulli", container: str = SHORT) -> Line:
    return {"at": at, "container": container, "service": service, "refused": False}


def refused(at: float, container: str = SHORT) -> Line:
    return {"at": at, "container": container, "service": "", "refused": True}


def seen(started: float, health: str = "healthy") -> Seen:
    return {"running": True, "started": started, "health": health}


def observed(*lines: Line, **more: Any) -> Observed:
    found: Any = {"lines": list(lines), "containers": {}, "services": {}, "recorded": set()}
    return {**found, "group": {"sonarr"}, **more}


def healed(at: float) -> tuple[list[autoheal_step.Event], State]:
    return step(observed(asked(at), containers={SHORT: seen(at + 2)}), initial_state(START), at + 5)


def test_upstreams_lines_are_read_and_nothing_else() -> None:
    log = (
        "2026-11-24T12:00:07.000000000Z 24-11-2026 12:00:07 Restarting container "
        f"{SHORT} failed\n"
        "2026-11-24T12:00:00.500000000Z 24-11-2026 12:00:00 Container /tautulli "
        f"({SHORT}) found to be unhealthy - Restarting container now with 10s timeout\n"
        "2026-11-24T12:00:01.000000000Z 24-11-2026 12:00:01 Container /wud "
        f"({SHORT}) found to be restarting - don't restart\n"
        "Monitoring containers for unhealthy status in 5 second(s)\n"
        "2026-11-24T12:00:02.000000000Z Container name of (0123456789ab) is null\n"
    )
    first, second = autoheal_step.lines(log)
    assert second["at"] - first["at"] == pytest.approx(6.5)
    assert (first["service"], first["container"], first["refused"]) == ("tautulli", SHORT, False)
    assert (second["container"], second["refused"]) == (SHORT, True)


def test_a_name_of_composes_is_the_services() -> None:
    line = f"2026-11-24T12:00:00Z Container /ffeeddccbbaa_wud ({SHORT}) found to be unhealthy - "
    assert autoheal_step.lines(line + "Restarting container now")[0]["service"] == "wud"


def test_one_restart_is_one_message_and_one_entry_with_its_duration() -> None:
    (event,), state = healed(START + 10)
    assert event["service"] == "tautulli"
    assert event["message"] is not None
    assert event["message"]["priority"] == 3
    assert event["entry"] is not None
    assert event["entry"]["outcome"] == "restarted"
    assert event["entry"]["duration_seconds"] == pytest.approx(2.0)
    again = observed(asked(START + 10), containers={SHORT: seen(START + 12)})
    assert step(again, state, START + 20) == ([], state)


def test_what_is_not_over_is_waited_for_across_passes() -> None:
    before = observed(asked(START + 10), containers={SHORT: seen(START - 99, "unhealthy")})
    events, state = step(before, initial_state(START), START + 11)
    assert events == []
    events, state = step(observed(containers={SHORT: seen(START + 14)}), state, START + 21)
    assert [event["entry"]["outcome"] for event in events if event["entry"]] == ["restarted"]
    assert state["pending"] == []


@pytest.mark.parametrize("later", [(refused(START + 12),), ()], ids=["refused", "no start seen"])
def test_a_restart_that_fails_is_told_as_such(later: tuple[Line, ...]) -> None:
    old = {SHORT: seen(START - 99, "unhealthy")}
    _, state = step(observed(asked(START + 10), containers=old), initial_state(START), START + 11)
    wait = START + 13 if later else START + 11 + autoheal_step.PATIENCE_SECONDS
    (event,), _ = step(observed(*later, containers=old), state, wait)
    assert event["entry"] is not None
    assert event["entry"]["outcome"] == "restart failed"
    assert event["message"] is not None
    assert event["message"]["priority"] == 4


def test_a_container_replaced_meanwhile_is_recorded_and_not_told() -> None:
    (event,), _ = step(
        observed(asked(START + 1), containers={SHORT: None}), initial_state(START), START + 2
    )
    assert event["message"] is None
    assert event["entry"] is not None
    assert event["entry"]["outcome"] == "restart overtaken"


def test_the_third_within_an_hour_is_an_alarm_and_then_silence_until_it_is_well() -> None:
    state = initial_state(START)
    told: list[tuple[str, int]] = []
    entries = 0
    for number in range(8):
        at = START + 10 + 90 * number
        world = observed(asked(at), containers={SHORT: seen(at + 1)}, services={"tautulli": None})
        events, state = step(world, state, at + 5)
        told += [(e["message"]["title"], e["message"]["priority"]) for e in events if e["message"]]
        entries += sum(1 for event in events if event["entry"])
    single = ("tautulli was restarted", 3)
    assert told == [single, single, ("tautulli keeps getting unhealthy", 4)]
    assert entries == 8
    well = {"tautulli": seen(at + 1)}
    assert step(observed(services=well), state, at + 500)[0] == []
    sick = {"tautulli": seen(at + 1, "unhealthy")}
    assert step(observed(services=sick), state, at + 700)[0] == []
    (event,), state = step(observed(services=well), state, at + 700)
    assert event["message"] is not None
    assert event["message"]["title"] == "tautulli is all right again"
    assert state["services"] == {}


def test_restarts_hours_apart_are_no_alarm() -> None:
    state = initial_state(START)
    for number in range(6):
        at = START + 10 + 3700 * number
        events, state = step(observed(asked(at), containers={SHORT: seen(at + 1)}), state, at + 5)
        assert [e["message"]["priority"] for e in events if e["message"]] == [3]


def test_what_the_ledger_has_is_counted_and_not_told_again() -> None:
    (event,), _ = healed(START + 10)
    assert event["entry"] is not None
    details = event["entry"]["details"]
    known = {(details["at"], details["container"])}
    world = observed(asked(START + 10), containers={SHORT: seen(START + 12)}, recorded=known)
    events, state = step(world, initial_state(START), START + 15)
    assert events == []
    assert state["services"]["tautulli"]["restarts"] == [START + 10]


def test_gluetuns_group_restarted_by_autoheal_is_urgent_every_time() -> None:
    state = initial_state(START)
    for number in range(4):
        at = START + 10 + 90 * number
        world = observed(asked(at, "sonarr"), containers={SHORT: seen(at + 1)})
        (event,), state = step(world, state, at + 5)
        assert event["message"] is not None
        assert event["message"]["priority"] == 5


def test_nothing_from_before_the_first_pass_is_told() -> None:
    old = observed(asked(START - 1), containers={SHORT: seen(START)})
    assert step(old, initial_state(START), START + 1)[0] == []


def test_a_clock_set_back_hides_no_later_restart() -> None:
    _, state = healed(START + 5000)
    world = observed(asked(START + 20), containers={SHORT: seen(START + 21)})
    # The first pass after the change of the clock, then the restart.
    _, state = step(observed(), state, START + 10)
    events, _ = step(world, state, START + 25)
    assert len(events) == 1


@pytest.mark.parametrize("seed", range(20))
def test_each_restart_is_recorded_once_whenever_the_keeper_looks_or_dies(seed: int) -> None:
    """Passes at any moments, some killed after the ledger and before the state was saved."""
    chance = random.Random(seed)
    asks = sorted(START + chance.uniform(1, 4000) for _ in range(30))
    log = [
        asked(at, chance.choice(["wud", "plex"]), f"{index:012x}") for index, at in enumerate(asks)
    ]
    state = initial_state(START)
    ledger: list[tuple[str, str]] = []
    moment = START
    while moment < START + 4200:
        moment += chance.choice([1.0, 10.0, 300.0])
        said = [line for line in log if line["at"] <= moment]
        # A restart takes three seconds.
        containers = {
            line["container"]: seen(line["at"] + 3 if line["at"] + 3 <= moment else START - 99)
            for line in said
        }
        world = observed(*said, containers=containers, recorded=set(ledger))
        events, after = step(world, state, moment)
        for event in events:
            if event["entry"]:
                details = event["entry"]["details"]
                ledger.append((details["at"], details["container"]))
        if chance.random() < 0.7:
            state = after
    # The last pass is a whole one.
    step(observed(*log, containers=containers, recorded=set(ledger)), state, moment + 100)
    assert sorted(container for _, container in ledger) == sorted(line["container"] for line in log)
