"""How old backups are: in words, against limits, and when nothing ever was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mediastack import clock
from mediastack.backup import ages, drill_alarm, report

NOW = 1_790_000_000.0
DAY = 86_400.0


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A house with two targets whose password is a month old, and what it sends."""
    paths = {name: str(tmp_path / name) for name in ("etc", "state", "config", "backups")}
    password = tmp_path / "etc" / "secrets" / "backup" / "repository_password"
    password.parent.mkdir(parents=True)
    password.write_text("x")
    os.utime(password, (NOW - 30 * DAY, NOW - 30 * DAY))
    monkeypatch.setattr(report, "default_path", lambda: str(tmp_path / "state" / "backup.json"))
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        drill_alarm.notify, "send", lambda _, title, text, **__: sent.append((title, text))
    )
    monkeypatch.setattr(drill_alarm.ledger, "append", lambda *_, **__: True)
    remotes = {"nas": {"repository": "sftp:user@nas:/backups"}}
    table = {"enabled": True, "local": True, "remotes": remotes, "drill": True}
    return {"paths": paths, "host": {"name": "home"}, "backup": table, "sent": sent}


def ago(seconds: float) -> str:
    return clock.timestamp(NOW - seconds)


def password_age(house: dict[str, Any], seconds: float) -> None:
    path = f"{house['paths']['etc']}/secrets/backup/repository_password"
    os.utime(path, (NOW - seconds, NOW - seconds))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, "1 min"), (3599, "60 min"), (5 * 3600, "5 h"), (36 * 3600, "36 h"), (3 * DAY, "3 days")],
)
def test_a_time_is_said_as_a_person_would(seconds: float, words: str) -> None:
    assert ages.words(seconds) == words


def test_the_line_names_each_target_and_the_last_proven_restore(house: dict[str, Any]) -> None:
    assert ages.line(house, NOW) == "backups: local never, nas never; last proven restore: never"
    report.note_target("local", saved_at=ago(2 * 3600), error="")
    report.note_target("nas", saved_at=ago(3 * DAY), error="connection refused")
    report.note(proven={"at": ago(2 * DAY), "snapshot": "a" * 64, "target": "local"})
    assert ages.line(house, NOW) == (
        "backups: local 2 h ago, nas 3 days ago (the last try failed);"
        " last proven restore: 2 days ago"
    )


def test_the_line_says_when_all_backups_burn_with_the_machine(house: dict[str, Any]) -> None:
    house["backup"]["remotes"] = {}
    assert "local never (all on this machine);" in ages.line(house, NOW)
    house["backup"]["local"] = False
    assert ages.line(house, NOW).startswith("backups: nowhere;")


def test_where_backups_are_off_nothing_is_said(house: dict[str, Any]) -> None:
    house["backup"]["enabled"] = False
    assert ages.line(house, NOW) == ""
    assert ages.timestamps(house) == {}


def test_a_target_that_is_gone_is_not_named(house: dict[str, Any]) -> None:
    report.note_target("old", saved_at=ago(90 * DAY), error="")
    house["backup"]["remotes"] = {}
    assert ages.line(house, NOW).startswith("backups: local never (all on this machine);")
    assert set(ages.timestamps(house)["saved"]) == {"local"}


def test_moments_go_to_the_metrics_as_seconds_since_the_epoch(house: dict[str, Any]) -> None:
    report.note_target("local", saved_at=ago(100.0))
    assert ages.timestamps(house) == {
        "saved": {"local": pytest.approx(NOW - 100.0), "nas": None},
        "proven": None,
    }


@pytest.mark.parametrize("at", [None, "", "yesterday", 7])
def test_a_moment_that_cannot_be_read_is_none(at: Any) -> None:
    assert ages.moment(at) is None


def test_a_restore_is_unproven_after_eight_days_and_not_on_a_new_host(
    house: dict[str, Any],
) -> None:
    assert ages.unproven(house, report.read(), NOW) == "was never proven"
    password_age(house, 7 * DAY)
    assert ages.unproven(house, report.read(), NOW) == ""
    report.note(proven={"at": ago(8.1 * DAY)})
    assert ages.unproven(house, report.read(), NOW) == "was last proven 8 days ago"
    report.note(proven={"at": ago(7.9 * DAY)})
    assert ages.unproven(house, report.read(), NOW) == ""


def test_the_alarm_comes_once_then_weekly_until_a_drill_succeeds(house: dict[str, Any]) -> None:
    report.note(proven={"at": ago(9 * DAY)}, drill={"at": ago(DAY), "error": "sonarr: no room"})
    sent = house["sent"]
    assert drill_alarm.tell(house, NOW)
    assert "no restore proven" in sent[0][0]
    assert "9 days ago" in sent[0][1] and "sonarr: no room" in sent[0][1]
    assert report.read()["drill"]["error"] == "sonarr: no room"
    assert not any(drill_alarm.tell(house, NOW + hours * 3600) for hours in range(1, 7 * 24))
    assert drill_alarm.tell(house, NOW + 7 * DAY)
    report.note(drill={"at": ago(0), "error": ""}, proven={"at": clock.timestamp(NOW + 7 * DAY)})
    assert not drill_alarm.tell(house, NOW + 8 * DAY)
    assert drill_alarm.tell(house, NOW + 15.5 * DAY)
    assert len(sent) == 3


@pytest.mark.parametrize("off", ["enabled", "drill"])
def test_no_alarm_where_the_user_wants_none(house: dict[str, Any], off: str) -> None:
    house["backup"][off] = False
    assert not drill_alarm.tell(house, NOW)


def test_no_alarm_while_all_is_well(house: dict[str, Any]) -> None:
    report.note(proven={"at": ago(DAY)})
    assert not drill_alarm.tell(house, NOW)
    assert house["sent"] == []
