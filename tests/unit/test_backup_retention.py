"""retention: what is no longer wanted, and what never goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from backup_house import furnish, local, placed, ran
from hypothesis import given
from hypothesis import strategies as st
from skips import needs_restic

from mediastack import clock
from mediastack.backup import snapshots
from mediastack.backup.retention import superfluous
from mediastack.backup.settings import Settings
from mediastack.backup.snapshots import Snapshot

START = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def made(hours: int) -> Snapshot:
    """One that was made so many hours after the start."""
    moment = (START + timedelta(hours=hours)).timestamp()
    return Snapshot(f"{hours:064d}", clock.timestamp(moment), "here", ())


def kept(found: list[Snapshot], wanted: Settings, protected: list[str] = []) -> list[Snapshot]:  # noqa: B006
    gone = superfluous(found, wanted, protected, BERLIN)
    return [one for one in found if one.id not in gone]


def test_a_year_of_nights_leaves_days_weeks_and_months() -> None:
    nights = [made(24 * day) for day in range(365)]
    left = [one.time[:10] for one in kept(nights, Settings(keep_daily=3, keep_weekly=2,
                                                           keep_monthly=3))]  # fmt: skip
    # The last of December 2026 is a Thursday; the Sunday before ends the week before.
    assert left == ["2026-10-31", "2026-11-30", "2026-12-27", "2026-12-29", "2026-12-30",
                    "2026-12-31"]  # fmt: skip


def test_after_a_long_pause_the_old_ones_are_still_there() -> None:
    old = [made(24 * day) for day in range(3)]
    assert kept([*old, made(24 * 200)], Settings(keep_daily=4, keep_weekly=0, keep_monthly=0)) == [
        *old,
        made(24 * 200),
    ]


def test_the_newest_of_a_day_is_the_one_that_stays() -> None:
    day = [made(0), made(5), made(9)]
    assert kept(day, Settings(keep_daily=1, keep_weekly=0, keep_monthly=0)) == [made(9)]


def test_a_day_is_one_of_the_houses_zone() -> None:
    # 22:30 and 23:30 in London are two days in Berlin.
    evening = [made(20), made(21)]
    wanted = Settings(keep_daily=2, keep_weekly=0, keep_monthly=0)
    assert kept(evening, wanted) == evening
    assert len(superfluous(evening, wanted, (), UTC)) == 1


policies = st.builds(
    Settings,
    keep_daily=st.integers(1, 9),
    keep_weekly=st.integers(0, 9),
    keep_monthly=st.integers(0, 9),
)
histories = st.lists(st.integers(0, 24 * 500), min_size=1, max_size=60, unique=True)


@given(histories, policies, st.data())
def test_never_the_newest_and_never_a_protected_one(
    hours: list[int], wanted: Settings, data: st.DataObject
) -> None:
    found = [made(one) for one in hours]
    proven = data.draw(st.sampled_from(found)).id
    # In any order, and a short name is as good.
    left = {one.id for one in kept(found, wanted, [data.draw(st.sampled_from([proven, proven]))])}
    assert made(max(hours)).id in left and proven in left


@given(histories, policies)
def test_doing_it_twice_is_doing_it_once_and_nothing_unknown_goes(
    hours: list[int], wanted: Settings
) -> None:
    found = [made(one) for one in hours]
    left = kept(found, wanted)
    assert kept(left, wanted) == left
    assert superfluous(found, wanted, (), BERLIN) <= {one.id for one in found}
    assert len(left) <= wanted.keep_daily + wanted.keep_weekly + wanted.keep_monthly


@given(histories, policies)
def test_never_fewer_days_than_asked_for(hours: list[int], wanted: Settings) -> None:
    found = [made(one) for one in hours]

    def days(those: list[Snapshot]) -> set[str]:
        return {
            datetime.fromisoformat(one.time).astimezone(BERLIN).date().isoformat() for one in those
        }

    assert len(days(kept(found, wanted))) >= min(wanted.keep_daily, len(days(found)))


def test_without_backups_there_is_nothing_to_forget() -> None:
    assert superfluous([], Settings()) == set()


@needs_restic
def test_it_is_what_restics_own_policy_would_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    config = placed(furnish(tmp_path, monkeypatch))
    for hours in (0, 30, 35, 24 * 8, 24 * 20, 24 * 41):
        moment = (START + timedelta(hours=hours)).astimezone(BERLIN)
        ran(config, "backup", "--tag", "mediastack", "--host", "here",
            "--time", moment.strftime("%Y-%m-%d %H:%M:%S"),
            str(tmp_path / "etc/mediastack.toml"))  # fmt: skip
    wanted = Settings(keep_daily=1, keep_weekly=2, keep_monthly=2)
    said = json.loads(
        ran(config, "forget", "--dry-run", "--json", "--keep-daily", "1", "--keep-weekly", "2",
            "--keep-monthly", "2")
    )  # fmt: skip
    theirs = {one["id"] for one in said[0]["remove"]}
    assert theirs and superfluous(snapshots.listed(local(config)), wanted, (), BERLIN) == theirs
