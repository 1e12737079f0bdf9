"""repository, its files and its locks: where it is, what is damaged, who is at work in it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backup_house import PASSWORD, furnish, local, placed, ran
from skips import needs_restic

from mediastack.backup import repository, repository_files, repository_locks, restic
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

SLOW = ("--limit-upload", "8")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("place", "directory"),
    [("/mnt/nas", "/mnt/nas"), ("local:/mnt/nas", "/mnt/nas"), ("sftp:nas:/mnt", ""),
     ("rest:https://nas/", ""), ("s3:https://nas/bucket", "")],
)  # fmt: skip
def test_only_a_directory_is_one(place: str, directory: str, config: dict[str, Any]) -> None:
    assert repository.directory(local(config)._replace(repository=place)) == directory


def test_a_place_that_the_environment_names_is_known_as_well(
    config: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "environment").write_text("RESTIC_REPOSITORY=/mnt/usb")
    target = Target("usb", "", local(config).password_file, str(tmp_path / "environment"))
    assert repository.directory(target) == "/mnt/usb"


def test_what_was_seen_is_remembered_by_place_and_tells_nothing(
    config: dict[str, Any], tmp_path: Path
) -> None:
    target = local(config)._replace(repository="rest:https://me:hunter2@nas/")
    assert not repository.is_known(target)
    repository.remember(target)
    assert repository.is_known(target)
    assert not repository.is_known(target._replace(repository="rest:https://nas/"))
    file = tmp_path / "state/repositories.json"
    assert "hunter2" not in file.read_text() and file.stat().st_mode & 0o777 == 0o600


@needs_restic
def test_a_remote_that_is_reached_and_empty_is_made_once(config: dict[str, Any]) -> None:
    target = local(config)
    repository.make_if_new(target)
    with pytest.raises(ResticError, match="there is no repository any more"):
        repository.make_if_new(target)


@needs_restic
def test_every_file_with_a_turned_bit_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    target = local(placed(config))
    ran(config, "backup", config["paths"]["etc"])
    assert repository_files.problems(target) == []
    top = tmp_path / "backups/restic"
    for path in [one for one in top.rglob("*") if one.is_file() and one.name != "config"]:
        sound = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        (found,) = repository_files.problems(target)
        assert found.startswith(str(path)) and "is damaged" in found
        is_data = "data" in path.relative_to(top).parts
        assert bool(repository_files.problems(target, data=False)) is not is_data
        path.write_bytes(sound)
    assert repository_files.problems(target) == []


@needs_restic
def test_what_a_killed_restic_has_left_is_no_damage(config: dict[str, Any], tmp_path: Path) -> None:
    target = local(placed(config))
    (tmp_path / "backups/restic/snapshots" / ("0" * 64 + "-tmp-1")).write_text("half")
    assert repository_files.problems(target) == []


def test_of_a_repository_elsewhere_nothing_is_said(config: dict[str, Any]) -> None:
    assert repository_files.problems(local(config)._replace(repository="sftp:nas:/x")) == []


@contextlib.contextmanager
def at_work(config: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A restic that has locked the repository for itself and goes on for long."""
    target = local(config)
    environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD,
                   "RESTIC_REPOSITORY": target.repository}  # fmt: skip
    big = Path(config["paths"]["etc"], "big")
    big.write_bytes(os.urandom(1 << 20))
    process = subprocess.Popen(
        ["restic", "--no-cache", *SLOW, "backup", str(big)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not locks(config):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def locks(config: dict[str, Any]) -> list[str]:
    """Those that are whole: what is being written has a longer name."""
    found = os.listdir(os.path.join(local(config).repository, "locks"))
    return [name for name in found if len(name) == 64]


@needs_restic
def test_the_lock_of_a_killed_restic_blocks_nobody(config: dict[str, Any]) -> None:
    placed(config)
    with at_work(config) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert locks(config)
        repository_locks.run(local(config), ["prune"])
        assert locks(config) == []


@needs_restic
def test_the_lock_of_one_that_is_at_work_is_respected(config: dict[str, Any]) -> None:
    placed(config)
    with at_work(config):
        with pytest.raises(ResticError, match="fix: another host is at work") as found:
            repository_locks.run(local(config), ["prune"])
        assert found.value.kind == "locked" and locks(config)


@needs_restic
def test_a_lock_whose_number_another_program_has_now_goes_from_our_own_repository(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(config)
    with at_work(config) as process:
        # Frozen, it stands for the other program: restic's own look finds the process alive.
        process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(repository_locks, "_is_restic", lambda _pid: False)
        remote = local(config)._replace(name="nas")
        with pytest.raises(ResticError):
            repository_locks.run(remote, ["prune"])
        repository_locks.run(local(config), ["prune"])
        assert locks(config) == []


def test_a_restic_at_work_is_seen_by_its_name(tmp_path: Path) -> None:
    os.symlink("/bin/sleep", tmp_path / "restic")
    process = subprocess.Popen([str(tmp_path / "restic"), "60"])
    try:
        deadline = time.monotonic() + 10
        while not repository_locks._is_restic(process.pid):
            assert time.monotonic() < deadline
        assert not repository_locks._is_restic(os.getpid())
    finally:
        process.kill()
        process.wait()


def test_other_trouble_is_not_tried_twice(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(_target: Target, arguments: list[str], **_: Any) -> restic.Answer:
        asked.append(arguments[0])
        raise ResticError("full", "no room")

    monkeypatch.setattr(restic, "run", run)
    with pytest.raises(ResticError):
        repository_locks.run(local(config), ["prune"])
    assert asked == ["prune"]
