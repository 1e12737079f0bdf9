"""due: what is to be done now, whatever the clock, the machine and the targets have been doing."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediastack import clock
from mediastack.backup import due
from mediastack.backup.settings import Settings, Target

BERLIN = ZoneInfo("Europe/Berlin")
LOCAL, NAS = (Target(name, f"/{name}", "", "") for name in ("local", "nas"))
HOUR, DAY = 3600.0, 24 * 3600.0
WANTED = Settings(enabled=True, at="03:30")


def at(text: str, fold: int = 0) -> float:
    """A moment in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def known(**targets: dict[str, Any]) -> dict[str, Any]:
    """A report with these targets; numbers are moments."""
    return {
        "targets": {name: written(entry) for name, entry in targets.items()},
        "drill": {},
        "proven": {},
    }


def written(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as it is on disk."""
    return {
        name: clock.timestamp(value) if isinstance(value, float) else value
        for name, value in entry.items()
    }


def find(found: dict[str, Any], now: float, wanted: Settings = WANTED) -> due.Due:
    return due.find(wanted, [LOCAL, NAS], found, now, BERLIN)


NOON = at("2026-05-05T12:00")
OLD = at("2026-05-01T12:00")


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-05-05T03:30", "2026-05-05T03:30"),
        ("2026-05-05T03:29:59", "2026-05-04T03:30"),
        ("2026-05-05T00:00", "2026-05-04T03:30"),
        ("2026-05-05T23:59:59", "2026-05-05T03:30"),
        ("2026-03-29T12:00", "2026-03-29T03:30"),
    ],
)
def test_the_last_moment_is_todays_or_yesterdays(now: str, last: str) -> None:
    assert due.last("03:30", at(now), BERLIN) == at(last)


def test_a_time_that_summer_skips_comes_all_the_same() -> None:
    # 02:30 does not exist on that night, but a backup does.
    found = due.last("02:30", at("2026-03-29T12:00"), BERLIN)
    assert at("2026-03-29T01:30") <= found <= at("2026-03-29T03:30")


def test_a_time_that_is_there_twice_comes_once() -> None:
    first = at("2026-10-25T02:30")
    assert due.last("02:30", at("2026-10-25T02:45", fold=1), BERLIN) == first
    assert due.last("02:30", at("2026-10-25T12:00"), BERLIN) == first


@given(st.floats(0, 4e9), st.sampled_from(["00:00", "02:30", "03:30", "23:59"]))
def test_it_is_never_ahead_and_never_much_over_a_day_ago(now: float, wanted: str) -> None:
    assert 0 <= now - due.last(wanted, now, BERLIN) <= DAY + HOUR


def test_the_machines_own_zone_is_taken_without_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert due.last("03:30", NOON, None) == datetime(
            2026, 5, 5, 3, 30, tzinfo=ZoneInfo("America/New_York")
        ).timestamp()  # fmt: skip
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_was_saved_before_the_night_is_due_after_it() -> None:
    found = known(local={"known_since": OLD, "saved_at": at("2026-05-04T03:31")})
    assert find(found, at("2026-05-05T03:29")).backups == []
    assert find(found, at("2026-05-05T03:30:01")).backups == ["local"]


def test_a_machine_that_was_off_catches_up() -> None:
    found = known(local={"known_since": OLD, "saved_at": OLD})
    assert find(found, NOON + 20 * DAY).backups == ["local"]


def test_a_target_that_was_never_seen_is_not_due_and_a_new_one_waits_for_its_night() -> None:
    assert find(known(), NOON).backups == []
    found = known(nas={"known_since": NOON})
    assert find(found, NOON + 60).backups == []
    assert find(found, at("2026-05-06T03:30:01")).backups == ["nas"]


def test_a_target_of_yore_is_nobodys_business() -> None:
    assert find(known(gone={"known_since": OLD, "saved_at": OLD}), NOON) == due.Due([], [], False)


def test_a_failed_one_is_tried_again_later_and_later_but_at_least_every_four_hours() -> None:
    pauses = []
    for tries in range(1, 12):
        found = known(local={"known_since": OLD, "tried_at": NOON, "tries": tries, "error": "x"})
        pauses.append(
            next(one for one in range(0, 20 * 3600, 60) if find(found, NOON + one).backups)
        )
    assert 10 * 60 <= pauses[0] <= 20 * 60
    assert pauses[0] < pauses[2] < pauses[4] and max(pauses) <= 4 * 3600 + 60


def test_a_run_that_was_killed_counts_as_a_try() -> None:
    found = known(local={"known_since": OLD, "tried_at": NOON, "tries": 1})
    assert find(found, NOON + 60).backups == []
    assert find(found, NOON + 20 * 60).backups == ["local"]


def test_one_targets_trouble_does_not_keep_another_waiting() -> None:
    bad = {"known_since": OLD, "tried_at": NOON, "tries": 9, "error": "x"}
    assert find(known(local={"known_since": OLD}, nas=bad), NOON + 60).backups == ["local"]


def test_moments_that_lie_ahead_count_as_never() -> None:
    ahead = NOON + 300 * DAY
    found = known(local={"known_since": OLD, "saved_at": ahead, "tried_at": ahead, "tries": 3})
    assert find(found, NOON).backups == ["local"]


@pytest.mark.parametrize("text", ["", "yesterday", None, 5])
def test_what_cannot_be_read_counts_as_never(text: object) -> None:
    found = known(local={"known_since": OLD, "saved_at": text, "tries": "many"})
    assert find(found, NOON).backups == ["local"]


def test_care_comes_after_a_week_of_backups_and_then_weekly() -> None:
    entry = {"known_since": at("2026-05-01T12:00"), "saved_at": at("2026-05-02T03:30")}
    nights = [at(f"2026-05-{day:02d}T03:45") for day in range(2, 30)]
    first = next(night for night in nights if find(known(local=entry), night).care)
    assert first == at("2026-05-08T03:45")
    cared = {**entry, "cared_at": first}
    assert next(night for night in nights if find(known(local=cared), night).care) == at(
        "2026-05-15T03:45"
    )


def test_without_a_backup_there_is_nothing_to_care_for() -> None:
    assert find(known(local={"known_since": OLD - 99 * DAY}), NOON).care == []


def test_failed_care_is_tried_again_after_a_pause() -> None:
    entry = {
        "known_since": OLD - 99 * DAY,
        "saved_at": NOON,
        "care_tried_at": NOON,
        "care_tries": 1,
    }
    assert find(known(local=entry), NOON + 60).care == []
    assert find(known(local=entry), NOON + 20 * 60).care == ["local"]


@pytest.mark.parametrize(
    ("kind", "cared"),
    [("unreachable", False), ("password", False), ("full", True), ("database", True), ("", True)],
)
def test_what_cannot_be_reached_is_not_cared_for_and_what_is_full_is(
    kind: str, cared: bool
) -> None:
    entry = {"known_since": OLD - 99 * DAY, "saved_at": OLD, "error": "x", "error_kind": kind}
    assert bool(find(known(local=entry), NOON).care) is cared


SAVED = {"known_since": OLD, "saved_at": NOON}


@pytest.mark.parametrize(
    ("drill", "now", "wanted"),
    [
        ({}, NOON, True),
        ({"at": NOON, "error": ""}, NOON + DAY, False),
        ({"at": NOON, "error": ""}, at("2026-05-11T04:00"), False),
        ({"at": NOON, "error": ""}, at("2026-05-12T04:00"), True),
        ({"at": NOON, "error": "bad"}, NOON + HOUR, False),
        ({"at": NOON, "error": "bad"}, at("2026-05-06T03:31"), True),
        # Killed while it was at it.
        ({"tried_at": NOON}, NOON + HOUR, False),
        ({"tried_at": NOON}, NOON + 5 * HOUR, True),
        ({"at": NOON + 99 * DAY, "error": ""}, NOON, True),
    ],
)
def test_a_drill_comes_at_once_then_weekly_and_the_night_after_a_failure(
    drill: dict[str, Any], now: float, wanted: bool
) -> None:
    found = {**known(local=SAVED), "drill": written(drill)}
    assert find(found, now).drill is wanted


def test_there_is_no_drill_without_a_backup_or_a_wish() -> None:
    assert not find(known(local={"known_since": OLD}), NOON).drill
    assert not find(known(local=SAVED), NOON, WANTED._replace(drill=False)).drill


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_fails_and_sleeps_every_night_is_saved_once_when_it_can_be(
    data: st.DataObject,
) -> None:
    """A fortnight of the timer: a machine that is off at times, a target that fails at times."""
    now = at("2026-03-25T12:00")
    entry: dict[str, Any] = {"known_since": now}
    saved: list[float] = []
    tried: list[float] = []
    off = data.draw(st.sets(st.integers(0, 13 * 24), max_size=80))
    fails = data.draw(st.sets(st.integers(0, 13 * 24), max_size=80))
    for step in range(13 * 24 * 4):
        hour, moment = step // 4, now + step * 900
        if hour in off or not find(known(local=entry), moment).backups:
            continue
        tried.append(moment)
        entry = {**entry, "tried_at": moment, "tries": entry.get("tries", 0) + 1}
        if hour not in fails:
            entry = {**entry, "saved_at": moment, "tries": 0}
            saved.append(moment)
    nights = [due.last("03:30", one, BERLIN) for one in saved]
    assert len(set(nights)) == len(nights)
    # With hours enough on and well after a night, that night is saved.
    for day in range(1, 12):
        night = due.last("03:30", now + day * DAY, BERLIN)
        hours = range(int((night - now) // HOUR) + 1, int((night - now) // HOUR) + 9)
        if not off & set(hours) and not fails & set(hours):
            assert night in nights
    assert all(later - earlier >= 700 for earlier, later in zip(tried, tried[1:], strict=False))
