"""updater: settings, hints, pauses, refused digests, kept material, the transaction under way."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import updater_house as house

from mediastack import atomic
from mediastack.updater import (
    hints,
    inflight,
    kept,
    pause_verb,
    pauses,
    refused,
    run_lock,
    settings,
    transaction,
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return house.furnish(tmp_path, monkeypatch)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, 1, hour, minute)


@pytest.mark.parametrize(
    ("window", "now", "is_open"),
    [
        ("", at(3), True),
        ("04:00-06:00", at(4), True),
        ("04:00-06:00", at(6), False),
        ("23:00-05:00", at(2), True),
        ("23:00-05:00", at(23), True),
        ("23:00-05:00", at(12), False),
        ("soon", at(12), False),
    ],
)
def test_a_window_is_open_from_its_begin_to_its_end_also_over_midnight(
    window: str, now: datetime, is_open: bool
) -> None:
    assert settings.is_open(window, now) is is_open


def test_settings_have_defaults_where_the_file_is_older_or_damaged(config: dict[str, Any]) -> None:
    assert settings.of({}) == settings.Settings()
    damaged = {"updates": {"enabled": "yes", "stable_seconds": "x", "keep_days": -1}}
    assert settings.of(damaged) == settings.Settings(enabled=False)
    assert settings.limits(config, "seerr") == (5.0, 600.0)
    config["services"]["seerr"]["update_deadline_seconds"] = 900
    assert settings.limits(config, "seerr") == (5.0, 900.0)


def test_a_hint_is_taken_once_and_one_that_came_meanwhile_stays() -> None:
    hints.add("seerr", "wud", "v1.0.1")
    first = hints.read()["seerr"]
    assert (first["from"], first["tag"]) == ("wud", "v1.0.1")
    hints.add("seerr", "wud", "v1.0.2")
    hints.take("seerr", first)
    assert hints.read()["seerr"]["tag"] == "v1.0.2"
    hints.take("seerr", hints.read()["seerr"])
    assert hints.read() == {}


def test_a_hint_is_given_up_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    hints.add("seerr", "wud")
    monkeypatch.setattr(hints, "KEPT_SECONDS", 0.0)
    assert hints.read() == {}


def test_damaged_hints_are_none() -> None:
    os.makedirs(inflight.directory())
    path = os.path.join(inflight.directory(), "hints.json")
    atomic.write_json(path, {"seerr": 1, "plex": {"at": "soon"}})
    assert hints.read() == {}


def test_a_pause_ends_by_itself_or_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert pauses.read() == {} and pauses.line() == ""
    assert pause_verb.main(["--hours", "2"]) == 0
    assert pauses.read()["until"] is not None
    assert "paused until" in capsys.readouterr().out
    pauses.begin(-1.0)
    assert pauses.read() == {}
    assert pause_verb.main([]) == 0
    assert pauses.read()["until"] is None
    assert pause_verb.main(["--off"]) == 0
    assert pauses.read() == {}
    assert pause_verb.main(["--off"]) == 0
    assert "not paused" in capsys.readouterr().out


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "1e9"])
def test_a_pause_of_no_time_or_of_ages_is_wrong_usage(hours: str) -> None:
    with pytest.raises(SystemExit) as end:
        pause_verb.main([f"--hours={hours}"])
    assert end.value.code == 2
    assert pauses.read() == {}


def test_a_damaged_pause_is_a_pause() -> None:
    pauses.begin(None)
    atomic.write_json(os.path.join(inflight.directory(), "paused.json"), {"until": "soon"})
    assert pauses.read()["until"] is None


def test_a_digest_is_remembered_as_bad_for_its_service_and_not_for_ever_many() -> None:
    for number in range(refused.KEPT + 5):
        refused.add("seerr", f"sha256:{number:064}", "exits at once")
    refused.add("plex", house.ONE, "x")
    assert len(refused.of("seerr")) == refused.KEPT
    assert refused.of("seerr")[f"sha256:{refused.KEPT + 4:064}"]["why"] == "exits at once"
    assert set(refused.of("plex")) == {house.ONE}


def test_what_a_rollback_needs_is_kept_once_and_dropped() -> None:
    kept.put(house.a_transaction())
    first = kept.read()["seerr"]
    kept.put(house.a_transaction(tries=9))
    assert kept.read()["seerr"] == first
    assert 0.0 <= kept.age_seconds(first) < 60.0
    kept.drop("seerr")
    kept.drop("seerr")
    assert kept.read() == {}


@pytest.mark.parametrize("step", [*transaction.FORWARD, "return", *transaction.BACKWARD])
def test_only_on_the_way_back_a_service_is_held(step: str) -> None:
    inflight.write(house.a_transaction(step=step))
    assert inflight.read() == house.a_transaction(step=step)
    assert ("seerr" in inflight.held()) is (step in ("back", "restore", "revive"))
    assert ("seerr" in inflight.in_work()) is (step not in ("pull", "copy"))
    inflight.clear()
    inflight.clear()
    assert inflight.read() is None
    assert inflight.held() == {} and inflight.in_work() == set()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 2, "service": "x", "step": "back"}', '{"schema": 1}']
)
def test_a_damaged_journal_holds_nobody(content: str) -> None:
    os.makedirs(inflight.directory())
    Path(inflight.directory(), "inflight.json").write_text(content)
    assert inflight.read() is None
    assert inflight.held() == {}


def test_on_a_full_disk_the_journal_has_room_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    inflight.write(house.a_transaction())
    ballast = Path(inflight.directory(), inflight.BALLAST)
    assert ballast.stat().st_size == inflight.BALLAST_BYTES
    write = atomic.write_json

    def full(*arguments: Any, **options: Any) -> None:
        if ballast.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*arguments, **options)

    monkeypatch.setattr(atomic, "write_json", full)
    inflight.write(house.a_transaction(step="back"))
    assert inflight.held() and not ballast.exists()


def test_one_worker_at_a_time() -> None:
    with run_lock.hold() as first, run_lock.hold() as second:
        assert (first, second) == (True, False)
    with run_lock.hold() as again:
        assert again
