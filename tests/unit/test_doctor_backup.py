"""What the doctor knows of backups: from the report, the machine's mounts, and no repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import clock, doctor, doctor_backup
from mediastack.backup import report

NOW = 1_790_000_000.0


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "uptime").write_text("7200.50 14000.00\n")
    return str(tmp_path)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(report, "default_path", lambda: str(tmp_path / "backup.json"))
    settings = house.config()
    settings["paths"]["etc"] = str(tmp_path)
    settings["backup"] = {
        "enabled": True,
        "local": True,
        "remotes": {"nas": {"repository": "sftp:user@nas:/backups"}},
    }
    return settings


def test_facts_are_the_reports(config: dict[str, Any], proc: str) -> None:
    report.note_target(
        "nas", saved_at=clock.timestamp(NOW - 60), error="away", error_kind="unreachable", tries=2
    )
    report.note_target("local", known_since=clock.timestamp(NOW - 100), care_error="full")
    report.note(kit={"confirmed_at": clock.timestamp(NOW)}, drill={"error": "sonarr: x"})
    found = doctor_backup.gather(config, NOW, proc)
    assert found["targets"] == {
        "local": {
            "age_seconds": None,
            "known_seconds": pytest.approx(100.0),
            "error": "",
            "passing": False,
            "tries": 0,
            "care_error": "full",
        },
        "nas": {
            "age_seconds": pytest.approx(60.0),
            "known_seconds": 0.0,
            "error": "away",
            "passing": True,
            "tries": 2,
            "care_error": "",
        },
    }
    assert (found["elsewhere"], found["kit"], found["drill_error"]) == (True, True, "sonarr: x")
    assert found["up_seconds"] == 7200.5
    assert set(found["tools"]) == {"restic", "zstd"}


def test_a_host_without_backups_is_asked_nothing(config: dict[str, Any]) -> None:
    for table in ({}, {"enabled": False}):
        config["backup"] = table
        facts = {"backup": doctor_backup.gather(config, NOW)}
        assert facts["backup"] == {}
        assert [f for check in doctor_backup.CHECKS for f in check(config, facts)] == []


def test_a_drill_that_is_off_is_not_missed(config: dict[str, Any], proc: str) -> None:
    report.note(drill={"error": "sonarr: x"})
    os.makedirs(f"{config['paths']['etc']}/secrets/backup")
    password = Path(config["paths"]["etc"]) / "secrets" / "backup" / "repository_password"
    password.touch()
    os.utime(password, (NOW - 1e7, NOW - 1e7))
    assert doctor_backup.gather(config, NOW, proc)["unproven"] == "was never proven"
    config["backup"]["drill"] = False
    found = doctor_backup.gather(config, NOW, proc)
    assert (found["unproven"], found["drill_error"]) == ("", "")


def judged(**changes: Any) -> list[doctor.Finding]:
    facts = house.facts()
    facts["backup"] |= changes
    return [one for one in doctor.examine(house.config(), facts) if one.problem]


def test_what_only_a_fire_makes_bad_is_a_warning_with_its_mending() -> None:
    (alone,) = judged(elsewhere=False)
    assert alone.ok and "on this machine alone" in alone.problem and "remotes" in alone.fix
    (kit,) = judged(kit=False)
    assert kit.ok and "recovery-kit" in kit.fix
    assert doctor.failures([alone, kit]) == []
    assert doctor.warnings([alone, kit]) == [alone, kit]


def one(**changes: Any) -> dict[str, Any]:
    return {"nas": {**house.facts()["backup"]["targets"]["nas"], **changes}}


def test_an_errors_own_way_out_becomes_the_fix() -> None:
    (found,) = judged(targets=one(error="nas: wrong password; fix: see there"))
    assert found.problem == "has no new backup: nas: wrong password"
    assert found.fix == "see there"


@pytest.mark.parametrize(
    ("passing", "tries", "faults"), [(True, 2, 0), (True, 3, 1), (False, 1, 1)]
)
def test_what_may_mend_itself_is_no_fault_before_it_was_tried_again(
    passing: bool, tries: int, faults: int
) -> None:
    targets = one(error="nas: connection refused", passing=passing, tries=tries)
    assert len(judged(targets=targets)) == faults


@pytest.mark.parametrize(("up_seconds", "late"), [(30 * 86_400.0, True), (3600.0, False)])
def test_a_late_backup_is_a_fault_once_the_machine_had_time_for_it(
    up_seconds: float, late: bool
) -> None:
    assert bool(judged(targets=one(age_seconds=50 * 3600.0), up_seconds=up_seconds)) is late


def test_a_new_target_waits_for_its_first_night() -> None:
    assert judged(targets=one(age_seconds=None, known_seconds=20 * 3600.0)) == []
    (found,) = judged(targets=one(age_seconds=None, known_seconds=40 * 3600.0))
    assert found.problem == "has no backup since ever"
