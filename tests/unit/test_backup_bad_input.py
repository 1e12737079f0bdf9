"""What users and machines do wrong to a backup: clear words, exit 1, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from backup_house import (
    PASSWORD,
    furnish,
    held,
    in_mounts,
    local,
    mount,
    placed,
    prepare,
    ran,
    report,
    staged,
)
from skips import needs_restic

from mediastack.backup import repository, restic, run, settings

pytestmark = needs_restic
DOCKER: Any = None


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return placed(furnish(tmp_path, monkeypatch))


def backed_up(config: dict[str, Any], name: str = "local", **more: Any) -> int:
    chosen = [one for one in settings.targets(config) if one.name == name]
    return run.backup(config, DOCKER, chosen, **{"prepare": prepare, **more})


def with_remote(config: dict[str, Any], where: str, **more: Any) -> settings.Target:
    config["backup"]["remotes"] = {"nas": {"repository": where, **more}}
    return settings.targets(config)[1]


def files(top: Path) -> dict[str, str]:
    """Every file below, but for locks, by its content."""
    return {
        str(path.relative_to(top)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in top.rglob("*")
        if path.is_file() and path.parent.name != "locks"
    }


def test_a_wrong_password(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up(config) == 0
    before = files(tmp_path / "backups")
    Path(local(config).password_file).write_text("another")
    assert backed_up(config) == 1
    assert "local: wrong password or no key found; fix: " in capsys.readouterr().err
    assert files(tmp_path / "backups") == before
    assert len(held(config)) == 1


def test_no_password_at_all(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    Path(local(config).password_file).unlink()
    assert backed_up(config) == 1
    assert "repository_password" in capsys.readouterr().err


def test_a_remote_whose_disk_is_not_mounted(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_remote(config, str(tmp_path / "usb/backups"))
    assert backed_up(config, "nas") == 1
    assert "No such file or directory; fix: mount its disk" in capsys.readouterr().err
    assert not (tmp_path / "usb").exists()


def test_a_remote_that_is_an_empty_mount_point(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "usb").mkdir()
    target = with_remote(config, str(tmp_path / "usb"))
    assert backed_up(config, "nas") == 1
    assert "is on the disk of the configs; fix: " in capsys.readouterr().err
    assert list((tmp_path / "usb").iterdir()) == []
    repository.make(target)
    assert backed_up(config, "nas") == 0
    assert len(held(config, target)) == 1


def test_a_remote_that_holds_something_else(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_text("a photo")
    with_remote(config, str(tmp_path / "photos"))
    assert backed_up(config, "nas") == 1
    assert "is no repository, and not empty" in capsys.readouterr().err
    assert [one.name for one in (tmp_path / "photos").iterdir()] == ["one.jpg"]


def test_a_repository_that_was_there_and_is_gone_is_not_made_anew(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up(config) == 0
    (tmp_path / "backups/restic").rename(tmp_path / "elsewhere")
    assert backed_up(config) == 1
    said = capsys.readouterr().err
    assert "there is no repository any more; fix: mount its disk; if it is really gone: " in said
    assert "stack-manage.sh backup init local" in said
    assert not (tmp_path / "backups/restic").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "backups/restic")
    assert backed_up(config) == 0
    assert len(held(config)) == 2


def test_on_a_host_that_was_rebuilt_the_local_one_is_made_anew(
    config: dict[str, Any], tmp_path: Path
) -> None:
    assert backed_up(config) == 0
    shutil.rmtree(tmp_path / "backups/restic")
    # Part of no backup, while backup.json is.
    (tmp_path / "state/repositories.json").unlink()
    assert backed_up(config) == 0
    assert len(held(config)) == 1


def test_a_server_that_is_away(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else answers there.
        taken.bind(("127.0.0.1", 0))
        with_remote(config, f"rest:http://127.0.0.1:{taken.getsockname()[1]}/")
        assert backed_up(config, "nas") == 1
    assert "fix: is it switched on" in capsys.readouterr().err
    assert report(config)["targets"]["nas"]["error_kind"] == "unreachable"


def test_a_place_where_none_can_be_made(config: dict[str, Any]) -> None:
    target = with_remote(config, "/proc/nowhere")
    with pytest.raises(restic.ResticError, match="fix: is its disk mounted there, its path right"):
        repository.make(target)


def test_an_environment_that_cannot_be_read(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    target = with_remote(config, "")
    Path(target.environment_file).write_text("not NAME=value")
    assert backed_up(config, "nas") == 1
    assert "is not NAME=value NAME=value" in capsys.readouterr().err
    Path(target.environment_file).write_text("AWS_ACCESS_KEY_ID=k")
    assert backed_up(config, "nas") == 1
    assert "nas has no repository; fix: backup.remotes.nas" in capsys.readouterr().err


def test_too_little_room_is_found_before_anything_is_written(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert backed_up(config) == 0
    before = files(tmp_path / "backups")
    monkeypatch.setattr(repository, "LEAST_FREE_BYTES", 1 << 60)
    assert backed_up(config) == 1
    assert "MiB free, and there must be" in capsys.readouterr().err
    assert files(tmp_path / "backups") == before


def test_a_disk_that_is_full_in_mid_run(config: dict[str, Any], tmp_path: Path) -> None:
    def full() -> None:
        mount("-t", "tmpfs", "-o", "size=3m", "none", config["paths"]["backups"])
        assert backed_up(config) == 0
        (tmp_path / "config/sonarr/covers").write_bytes(os.urandom(6 << 20))
        assert backed_up(config) == 1
        entry = report(config)["targets"]["local"]
        assert entry["error_kind"] == "full" and "no space left" in entry["error"]
        (tmp_path / "config/sonarr/covers").unlink()
        (found,) = held(config)
        ran(config, "check", "--read-data")
        ran(config, "restore", found["id"], "--target", str(tmp_path / "out"))
        assert backed_up(config) == 0

    in_mounts(full)


def test_the_last_room_is_left_to_the_others(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LEAST_LEFT_BYTES", 1 << 60)
    monkeypatch.setattr(restic, "WATCH_SECONDS", 0.01)
    (tmp_path / "config/sonarr/covers").write_bytes(os.urandom(40 << 20))
    assert backed_up(config) == 1
    assert "nearly full" in report(config)["targets"]["local"]["error"]
    assert held(config) == []


def test_a_target_that_is_read_only(config: dict[str, Any], tmp_path: Path) -> None:
    def read_only() -> None:
        where = config["paths"]["backups"]
        mount("-t", "tmpfs", "none", where)
        assert backed_up(config) == 0
        mount("-o", "remount,ro", where)
        assert backed_up(config) == 1
        entry = report(config)["targets"]["local"]
        assert entry["error_kind"] == "read-only"
        assert "cannot be written to; fix: let this host write there" in entry["error"]
        found = json.loads(ran(config, "snapshots", "--no-lock", "--json"))
        assert len(found) == 1

    in_mounts(read_only)


def test_an_empty_disk_that_is_read_only(config: dict[str, Any], tmp_path: Path) -> None:
    def read_only() -> None:
        mount("-t", "tmpfs", "-o", "ro", "none", config["paths"]["backups"])
        assert backed_up(config) == 1
        assert report(config)["targets"]["local"]["error_kind"] == "read-only"

    in_mounts(read_only)


def test_a_file_that_cannot_be_read_ends_it_before_there_is_a_snapshot(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up(config) == 0
    # Nobody can read its first byte.
    paths = [*staged(config).paths, "/proc/self/mem"]
    assert backed_up(config, prepare=lambda *_: staged(config, paths=paths)) == 1
    assert "/proc/self/mem" in capsys.readouterr().err
    assert len(held(config)) == 1
    assert report(config)["targets"]["local"]["error_kind"] == "unreadable"


def test_the_password_of_these_tests_is_in_no_message(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert backed_up(config) == 0
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err
    assert PASSWORD not in Path(config["paths"]["state"], "ledger.jsonl").read_text()
