"""recovery-kit: all that a new host needs, for its owner alone, and a reminder until it is kept."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from backup_house import PASSWORD, Clock, Message, furnish, listening, report

from mediastack import clock
from mediastack import config as configuration
from mediastack.backup import kit
from mediastack.backup import report as reports

NOW = 1_800_000_000.0
DAY = 24 * 3600.0


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = furnish(tmp_path, monkeypatch)
    made["backup"]["remotes"] = {
        "nas": {"repository": "sftp:me@nas:/backups"},
        "cloud": {"repository": "", "append_only": True},
    }
    secrets = tmp_path / "etc/secrets/backup"
    (secrets / "cloud_environment").write_text('RESTIC_REPOSITORY=s3:x AWS_SECRET_ACCESS_KEY=a"b')
    monkeypatch.setattr(configuration, "load", lambda *_: made)
    return made


def test_it_is_what_a_rebuild_is_told(config: dict[str, Any]) -> None:
    text = kit.written(config)
    # Each block is TOML as it stands.
    local, cloud, nas = (part.partition("\n")[2] for part in text.split("\n== ")[1:])
    tables = [
        tomllib.loads("\n".join(line.strip() for line in part.splitlines()
                                if line.startswith("  ") and "=" in line))
        for part in (cloud, nas)
    ]  # fmt: skip
    assert tables[0] == {
        "repository_password": PASSWORD,
        "rebuild_environment": 'RESTIC_REPOSITORY=s3:x AWS_SECRET_ACCESS_KEY=a"b',
    }
    assert tables[1] == {"rebuild_from": "sftp:me@nas:/backups", "repository_password": PASSWORD}
    assert config["paths"]["backups"] in local and "WARNING" not in text


def test_that_all_of_it_burns_with_the_host_is_said(config: dict[str, Any]) -> None:
    config["backup"]["remotes"] = {}
    assert "WARNING: no repository is on another machine" in kit.written(config)


def test_it_is_written_for_its_owner_alone_and_over_nothing(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kit.txt"
    assert kit.main([str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600 and PASSWORD in path.read_text()
    assert "recovery-kit --confirm" in capsys.readouterr().out
    path.write_text("mine")
    assert kit.main([str(path)]) == 1
    assert path.read_text() == "mine" and "is there already" in capsys.readouterr().err


def test_it_can_go_through_a_pipe(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit.main(["-"]) == 0
    assert capsys.readouterr().out == kit.written(config)


def test_a_place_that_cannot_be_written_to_is_said(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit.main([str(tmp_path / "none/kit.txt")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--confirm", "file"]])
def test_one_of_the_two_is_asked_for(config: dict[str, Any], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        kit.main(arguments)
    assert ended.value.code == 2


def test_a_confirmed_kit_is_confirmed_until_it_is_out_of_date(
    config: dict[str, Any], tmp_path: Path
) -> None:
    assert not kit.is_confirmed(config)
    assert kit.main(["--confirm"]) == 0
    assert kit.is_confirmed(config)
    password = tmp_path / "etc/secrets/backup/repository_password"
    password.write_text("another")
    assert not kit.is_confirmed(config)
    password.write_text(PASSWORD + "\n")
    assert kit.is_confirmed(config)
    config["backup"]["remotes"]["second"] = {"repository": "sftp:other:/b"}
    assert not kit.is_confirmed(config)


def test_nothing_that_others_may_read_tells_of_the_password(
    config: dict[str, Any], tmp_path: Path
) -> None:
    kit.main(["--confirm"])
    mark = report(config)["kit"]["of"]
    assert PASSWORD not in (tmp_path / "state/backup.json").read_text()
    assert (tmp_path / "state" / kit.SALT).stat().st_mode & 0o777 == 0o600
    # Another house with the same password has another mark.
    (tmp_path / "state" / kit.SALT).unlink()
    kit.main(["--confirm"])
    assert report(config)["kit"]["of"] != mark


def test_after_a_rebuild_the_kit_that_was_used_still_counts(
    config: dict[str, Any], tmp_path: Path
) -> None:
    kit.main(["--confirm"])
    (tmp_path / "state" / kit.SALT).unlink()
    assert kit.is_confirmed(config) and kit.is_confirmed(config)


def reminded(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, days: int) -> list[Message]:
    """What is said in so many days of passes."""
    told, now = listening(monkeypatch), Clock(NOW)
    with monkeypatch.context() as patched:
        patched.setattr("time.time", now)
        for _ in range(days * 24):
            kit.remind(config)
            now.now += 3600
    return told


def test_there_is_a_reminder_a_week_until_it_is_confirmed(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reminded(config, monkeypatch, 8) == []
    reports.note_target("nas", saved_at=clock.timestamp(NOW))
    assert len(reminded(config, monkeypatch, 15)) == 3
    kit.main(["--confirm"])
    assert reminded(config, monkeypatch, 15) == []


def test_a_kit_that_is_out_of_date_is_said_at_once_and_is_no_longer_confirmed(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.note_target("nas", saved_at=clock.timestamp(NOW))
    kit.main(["--confirm"])
    config["backup"]["remotes"]["nas"]["repository"] = "sftp:other:/b"
    told = reminded(config, monkeypatch, 1)
    assert len(told) == 1 and "out of date" in told[0].text
    assert "confirmed_at" not in report(config)["kit"]


def test_a_target_that_is_not_rightly_described_keeps_nobody_from_anything(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reports.note_target("nas", saved_at=clock.timestamp(NOW))
    (tmp_path / "etc/secrets/backup/cloud_environment").write_text("nonsense")
    assert len(reminded(config, monkeypatch, 1)) == 1
