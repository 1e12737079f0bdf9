"""run: what is saved, what is written down and told, and that one trouble is not everybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backup_house import (
    Message,
    furnish,
    held,
    listening,
    placed,
    prepare,
    ran,
    report,
    staged,
)
from skips import needs_restic

from mediastack import ledger
from mediastack.backup import report as reports
from mediastack.backup import run, run_lock, save, settings
from mediastack.backup.restic import ResticError
from mediastack.backup.trouble import BackupError

DOCKER: Any = None


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    return listening(monkeypatch)


def backed_up(config: dict[str, Any], **more: Any) -> int:
    more = {"by_hand": False, "prepare": prepare, **more}
    return run.backup(config, DOCKER, settings.targets(config), **more)


def with_two(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], **bad: Exception) -> None:
    """A second target; those in `bad` cannot be saved to, and the others are on paper."""
    config["backup"]["remotes"] = {"nas": {"repository": "/nas"}}

    def saved(_config: Any, target: settings.Target, _staged: Any) -> dict[str, Any]:
        if target.name in bad:
            raise bad[target.name]
        return {"snapshot": "ab" * 32}

    monkeypatch.setattr(save, "save", saved)


@needs_restic
def test_the_first_run_makes_the_repository_and_a_backup(
    config: dict[str, Any], told: list[Message], capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up(config) == 0
    (found,) = held(config)
    assert found["tags"] == ["mediastack"] and found["hostname"] == "here"
    assert set(found["paths"]) == set(staged(config).paths)
    entry = report(config)["targets"]["local"]
    assert found["id"].startswith(entry["snapshot"])
    assert (entry["error"], entry["tries"]) == ("", 0)
    assert entry["saved_at"] == entry["tried_at"]
    assert "local: saved as" in capsys.readouterr().out
    assert ledger.read(subject="local")[-1]["outcome"] == "backed up"
    assert told == []


@pytest.fixture
def house(config: dict[str, Any]) -> dict[str, Any]:
    """With a repository."""
    return placed(config)


@needs_restic
def test_what_is_in_it_is_what_there_is(house: dict[str, Any], tmp_path: Path) -> None:
    assert backed_up(house) == 0
    ran(house, "restore", "latest", "--target", str(tmp_path / "out"))
    out = tmp_path / "out" / str(tmp_path).lstrip("/")
    assert (out / "config/sonarr/config.xml").read_text() == "<ApiKey>1</ApiKey>"
    assert (out / "etc/secrets/backup/repository_password").read_text() != ""
    assert not (out / "state").exists()


@needs_restic
def test_what_is_excluded_is_not_in_it(house: dict[str, Any], tmp_path: Path) -> None:
    excludes = [f"{house['paths']['config']}/sonarr/config.xml"]
    assert backed_up(house, prepare=lambda *_: staged(house, excludes=excludes)) == 0
    assert "config.xml" not in ran(house, "ls", "latest")


@needs_restic
def test_a_path_that_came_does_not_make_all_be_read_again(
    house: dict[str, Any], tmp_path: Path
) -> None:
    assert backed_up(house) == 0
    more = tmp_path / "state/images.lock"
    more.write_text("{}")
    paths = [*staged(house).paths, str(more)]
    assert backed_up(house, prepare=lambda *_: staged(house, paths=paths)) == 0
    details = ledger.read(subject="local")[-1]["details"]
    assert (details["files_unmodified"], details["files_new"]) == (4, 1)


@needs_restic
def test_a_parent_that_is_no_more_is_done_without(house: dict[str, Any]) -> None:
    assert backed_up(house) == 0
    ran(house, "forget", "latest")
    assert backed_up(house) == 0
    assert len(held(house)) == 1


def test_one_targets_trouble_is_not_anothers(
    config: dict[str, Any], told: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_two(monkeypatch, config, local=ResticError("password", "local: wrong password"))
    assert backed_up(config) == 1
    entries = report(config)["targets"]
    assert entries["local"]["error_kind"] == "password" and entries["local"]["tries"] == 1
    assert "saved_at" not in entries["local"] and entries["nas"]["saved_at"]
    assert [one.title for one in told] == ["here: backup failed (local)"]


def test_a_storm_is_told_once_and_its_end(
    config: dict[str, Any], told: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_two(monkeypatch, config, nas=ResticError("unreachable", "nas: is away"))
    for _ in range(10):
        assert backed_up(config) == 1
    assert [one.title for one in told] == ["here: backup failed (nas)"]
    assert report(config)["targets"]["nas"]["tries"] == 10
    with_two(monkeypatch, config)
    assert backed_up(config) == 0
    assert told[1].title == "here: backup works again (nas)" and len(told) == 2
    assert report(config)["targets"]["nas"]["error"] == ""


def test_when_nothing_can_be_staged_nothing_is_saved_and_it_is_one_message(
    config: dict[str, Any], told: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_two(monkeypatch, config)

    def bad(*_: Any) -> Any:
        raise BackupError("space", "no room for copies")

    assert backed_up(config, prepare=bad) == 1
    entries = report(config)["targets"]
    assert {name: entry["error"] for name, entry in entries.items()} == dict.fromkeys(
        ("local", "nas"), "no room for copies"
    )
    assert len(told) == 1 and not any("saved_at" in entry for entry in entries.values())


def test_a_damaged_database_spoils_nothing_else(
    config: dict[str, Any],
    told: list[Message],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_two(monkeypatch, config)
    problems = ["sonarr: sonarr.db is damaged"]
    for _ in range(3):
        assert backed_up(config, prepare=lambda *_: staged(config, problems=problems)) == 1
    assert report(config)["targets"]["nas"]["saved_at"]
    assert len(told) == 1 and problems[0] in told[0].text
    assert problems[0] in capsys.readouterr().err
    assert backed_up(config) == 0
    assert told[1].title == "here: backup works again (copies)"


def test_a_try_is_written_down_before_it_is_made(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    for tries in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            backed_up(config, prepare=killed)
        entry = report(config)["targets"]["local"]
        assert entry["tries"] == tries and entry["tried_at"] and entry["known_since"]


def test_by_hand_nobody_is_sent_a_message(
    config: dict[str, Any],
    told: list[Message],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_two(monkeypatch, config, nas=ResticError("full", "nas: no room"))
    assert backed_up(config, by_hand=True) == 1
    assert told == [] and "nas: no room" in capsys.readouterr().err


@pytest.mark.parametrize(("by_hand", "code"), [(True, 1), (False, 0)])
def test_there_is_one_at_a_time(
    config: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_hand: bool,
    code: int,
) -> None:
    monkeypatch.setattr(run, "WAIT_SECONDS", 0.0)
    with run_lock.hold() as ours:
        assert ours
        assert backed_up(config, by_hand=by_hand) == code
    assert reports.read()["targets"] == {}
    assert ("is at work" in capsys.readouterr().err) is by_hand
