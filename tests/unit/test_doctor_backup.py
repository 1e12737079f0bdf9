"""What the doctor knows of backups: from the report, the machine's mounts, and no repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import clock, doctor, doctor_backup
from mediastack.backup import report
from mediastack.backup.settings import Target

NOW = 1_790_000_000.0
MOUNTS = """\
22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /mnt rw - ext4 /dev/sdb1 rw
24 23 0:22 / /mnt/nas rw shared:2 master:1 - nfs4 nas:/export rw
25 22 0:23 / /mnt/nas2 rw - ext4 /dev/sdc1 rw
26 22 0:24 / /over rw - nfs nas:/over rw
27 22 0:25 / /over rw - ext4 /dev/sdd1 rw
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "mountinfo").write_text(MOUNTS)
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


def target(name: str, repository: str) -> Target:
    return Target(name, repository, "", "")


@pytest.mark.parametrize(
    ("repository", "elsewhere"),
    [
        ("sftp:user@nas:/backups", True),
        ("", True),  # its secret environment names it
        ("/mnt/nas/restic", True),
        ("/mnt/nas", True),
        ("/mnt/nas2/restic", False),
        ("/mnt/disk", False),
        ("/over/restic", False),
    ],
)
def test_a_directory_is_elsewhere_only_on_a_networks_disk(
    proc: str, repository: str, elsewhere: bool
) -> None:
    assert doctor_backup.is_elsewhere(target("nas", repository), proc) is elsewhere


def test_the_local_repository_never_is(proc: str) -> None:
    assert not doctor_backup.is_elsewhere(target("local", "/mnt/nas/restic"), proc)


def test_facts_are_the_reports(config: dict[str, Any], proc: str) -> None:
    report.note_target("nas", saved_at=clock.timestamp(NOW - 60), error="", care_error="full")
    report.note(kit={"confirmed_at": clock.timestamp(NOW)}, drill={"error": "sonarr: x"})
    found = doctor_backup.gather(config, NOW, proc)
    assert found["targets"] == {
        "local": {"age_seconds": None, "error": "", "care_error": ""},
        "nas": {"age_seconds": pytest.approx(60.0), "error": "", "care_error": "full"},
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


def test_an_errors_own_way_out_becomes_the_fix() -> None:
    entry = {"age_seconds": 60.0, "error": "nas: wrong password; fix: see there", "care_error": ""}
    (found,) = judged(targets={"nas": entry})
    assert found.problem == "has no new backup: nas: wrong password"
    assert found.fix == "see there"


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({}, True),
        ({"up_seconds": 3600.0}, False),  # it was off, and catches up
        ({"known_seconds": 3600.0}, True),  # an age is known; how long the host is, is none
    ],
)
def test_a_late_backup_is_a_fault_once_the_machine_had_time_for_it(
    changes: dict[str, Any], late: bool
) -> None:
    entry = {"age_seconds": 50 * 3600.0, "error": "", "care_error": ""}
    assert bool(judged(targets={"local": entry}, **changes)) is late


def test_a_fresh_host_has_no_fault_yet() -> None:
    entry = {"age_seconds": None, "error": "", "care_error": ""}
    assert judged(targets={"local": entry}, known_seconds=7200.0) == []
    assert len(judged(targets={"local": entry})) == 1
