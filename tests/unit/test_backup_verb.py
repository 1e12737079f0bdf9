"""verb: what the command line understands, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from backup_house import furnish, held, local, placed, ran
from skips import needs_restic

from mediastack import config as configuration
from mediastack.backup import report, repository, run, run_lock, scheduled, verb


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = furnish(tmp_path, monkeypatch)
    monkeypatch.setattr(configuration, "load", lambda *_: made)
    monkeypatch.setattr(run, "WAIT_SECONDS", 0.0)
    return made


def with_backups(config: dict[str, Any], count: int = 2) -> list[str]:
    placed(config)
    for number in range(count):
        ran(config, "backup", "--tag", "mediastack", "--host", "here", "--time",
            f"2026-01-0{number + 1} 12:00:00", config["paths"]["etc"])  # fmt: skip
    return [one["id"] for one in held(config)]


def test_without_an_act_it_backs_up_now_to_all_or_one(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config["backup"]["remotes"] = {"nas": {"repository": "sftp:nas:/b"}}
    chosen: list[list[str]] = []

    def backup(_config: Any, _docker: Any, targets: Any, **options: Any) -> int:
        assert options == {}
        chosen.append([one.name for one in targets])
        return 1

    monkeypatch.setattr(run, "backup", backup)
    assert verb.main([]) == 1
    assert verb.main(["--target", "nas"]) == 1
    assert chosen == [["local", "nas"], ["nas"]]


def test_due_is_the_timers(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduled, "run_pass", lambda *_: 0)
    assert verb.main(["--due"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "nas"], "no target 'nas'; there are: local"),
        (["list", "--target", "nas"], "no target 'nas'; there are: local"),
        (["--due", "--target", "local"], "--due decides for itself"),
        (["--due", "list"], "--due decides for itself"),
        (["init"], "T"),
        (["init", "nas"], "no target 'nas'"),
        (["export"], "FILE"),
        (["burn"], "invalid choice"),
    ],
)
def test_wrong_usage_ends_with_2(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        verb.main(arguments)
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_nowhere_to_back_up_to_is_said(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    config["backup"]["local"] = False
    assert verb.main([]) == 1
    assert "fix: set backup.local or backup.remotes" in capsys.readouterr().err


@needs_restic
def test_the_list_is_for_people_and_programs(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ids = with_backups(config)
    report.note(proven={"at": "2026-01-01", "snapshot": ids[0], "target": "local"})
    assert verb.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [one[:8] for one in ids]
    assert [line.endswith("proven") for line in lines] == [True, False]
    assert verb.main(["list", "--json", "--target", "local"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["target"], row["host"], row["proven"]) for row in rows] == [
        (ids[0], "local", "here", True),
        (ids[1], "local", "here", False),
    ]


@needs_restic
def test_a_target_that_is_away_is_said_and_the_others_are_listed(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_backups(config, 1)
    config["backup"]["remotes"] = {"nas": {"repository": str(tmp_path / "none")}}
    repository.remember(local(config)._replace(name="nas", repository=str(tmp_path / "none")))
    assert verb.main(["list"]) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1 and "nas: " in said.err


@needs_restic
def test_before_the_first_backup_the_list_is_empty(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(["list"]) == 0
    assert capsys.readouterr().out == "there is no backup yet\n"
    repository.remember(local(config))
    assert verb.main(["list"]) == 1
    assert "there is no repository" in capsys.readouterr().err


@needs_restic
def test_a_list_needs_nobody_to_be_idle_and_a_prune_does(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with_backups(config, 1)
    with run_lock.hold():
        assert verb.main(["list"]) == 0
        assert verb.main(["prune"]) == 1
    assert "is at work" in capsys.readouterr().err


@needs_restic
def test_check_says_what_it_has_read(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_backups(config, 1)
    assert verb.main(["check"]) == 0
    assert verb.main(["check", "--full"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("local: is whole (part ") and lines[1] == (
        "local: is whole (all of its data read)"
    )
    for path in (tmp_path / "backups/restic/data").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"x" + path.read_bytes()[1:])
    assert verb.main(["check", "--full"]) == 1
    assert "local: " in capsys.readouterr().err


@needs_restic
def test_a_prune_can_be_foreseen(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ids = with_backups(config)
    config["backup"] |= {"keep_daily": 1, "keep_weekly": 0, "keep_monthly": 0}
    assert verb.main(["prune", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"local: 1 backups would be removed ({ids[0][:8]})\n"
    assert len(held(config)) == 2
    assert verb.main(["prune"]) == 0
    assert [one["id"] for one in held(config)] == ids[1:]
    assert verb.main(["prune"]) == 0
    assert capsys.readouterr().out.endswith("local: 0 backups removed\n")


def test_an_append_only_remote_is_not_pruned_by_hand_either(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    config["backup"] |= {"local": False, "remotes": {"nas": {"repository": "sftp:nas:/b",
                                                             "append_only": True}}}  # fmt: skip
    assert verb.main(["prune"]) == 0
    assert "nas: is append-only, so nothing is removed" in capsys.readouterr().out


@needs_restic
def test_a_backup_that_is_not_there_cannot_be_exported(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_backups(config, 1)
    path = str(tmp_path / "plain.tar")
    assert verb.main(["export", path, "--snapshot", "0123"]) == 1
    assert "no backup is '0123'; fix: stack-manage.sh backup list" in capsys.readouterr().err
    # One that holds no manifest.
    assert verb.main(["export", path]) == 1
    assert "is no backup of ours" in capsys.readouterr().err


@needs_restic
def test_a_repository_is_made_by_hand(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(["init", "local"]) == 0
    assert held(config) == [] and Path(local(config).repository, "config").exists()
    assert verb.main(["init", "local"]) == 1
    assert "already" in capsys.readouterr().err


def test_a_disk_that_cannot_be_written_to_is_said(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device", "/state/backup.json")

    monkeypatch.setattr(run, "backup", full)
    assert verb.main([]) == 1
    assert capsys.readouterr().err == (
        "mediastack backup: /state/backup.json: No space left on device\n"
    )
