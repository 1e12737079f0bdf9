"""quiet_hours: when the telephone stays silent, whatever the clock does."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from mediastack import quiet_hours
from mediastack.quiet_hours import Hours, parse, within

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NIGHT = Hours(22 * 60, 7 * 60, BERLIN)
NOON = Hours(12 * 60, 13 * 60, BERLIN)


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("time", "quiet"),
    [
        ("21:59:59", False),
        ("22:00:00", True),
        ("23:59:59", True),
        ("00:00:00", True),
        ("06:59:59", True),
        ("07:00:00", False),
        ("12:30:00", False),
    ],
)
def test_a_night_goes_over_midnight(time: str, quiet: bool) -> None:
    assert within(NIGHT, at(f"2026-05-05T{time}")) is quiet


def test_a_siesta_does_not() -> None:
    assert [within(NOON, at(f"2026-05-05T{hour}:30")) for hour in (11, 12, 13)] == [0, 1, 0]


def test_without_a_setting_it_is_never_quiet() -> None:
    assert not within(None, at("2026-05-05T23:00"))


@pytest.mark.parametrize("day", ["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"])
def test_the_morning_comes_at_seven_on_the_wall_also_when_the_clocks_change(day: str) -> None:
    evening = at(f"{day}T22:00")
    next_day = (datetime.fromisoformat(day) + timedelta(days=1)).date()
    morning = at(f"{next_day}T07:00")
    minutes = range(int(evening) - 3600, int(morning) + 3600, 60)
    assert [one for one in minutes if within(NIGHT, one)] == list(
        range(int(evening), int(morning), 60)
    )


def test_an_end_that_the_clock_jumps_over_ends_the_night_all_the_same() -> None:
    short = Hours(22 * 60, 2 * 60 + 30, BERLIN)
    assert within(short, at("2026-03-29T01:59"))
    assert not within(short, at("2026-03-29T03:00"))


@pytest.mark.parametrize("moment", [-1e30, 1e30, float("inf"), float("nan")])
def test_a_moment_that_is_no_moment_is_not_quiet(moment: float) -> None:
    assert not within(NIGHT, moment)


def test_the_zone_is_the_hosts_and_not_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = quiet_hours.of("22:00-07:00", "Asia/Tokyo")
    moment = datetime(2026, 5, 5, 14, 0, tzinfo=UTC).timestamp()
    assert within(hours, moment)
    assert not within(quiet_hours.of("22:00-07:00", "Etc/UTC"), moment)


def test_a_zone_that_this_machine_does_not_know_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert quiet_hours.of("22:00-07:00", "Moon/Base") == Hours(22 * 60, 7 * 60, None)
    assert "Moon/Base" in capsys.readouterr().err


def test_a_setting_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert quiet_hours.of("at night", "Etc/UTC") is None
    assert "at night" in capsys.readouterr().err
    assert quiet_hours.of("", "Etc/UTC") is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["", "22-7", "22:00", "22:00-24:00", "22:60-07:00", "07:00-07:00"])
def test_what_is_no_pair_of_times_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse(text)
