"""backup.staging: of a service that is stopped, a whole copy is offered, a half one never."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import staging_house as house
from staging_house import DOCKER, prepare, root, staged

from mediastack.backup import contents, databases, mirror, staging
from mediastack.backup.trouble import BackupError


@pytest.fixture
def stopped_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One service that is stopped for its copy; rsync on paper, where there is none."""
    house.settled(monkeypatch)
    made = house.furnish(tmp_path, monkeypatch, "app!")
    house.a_database(root(made, "app") / "app.db", 30)
    (root(made, "app") / "torrents").mkdir()
    (root(made, "app") / "torrents" / "a").write_text("one")

    def rsync(arguments: Any, **_: Any) -> Any:
        source, target = arguments[-2:]
        shutil.rmtree(target)
        shutil.copytree(source, target)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(mirror.subprocess, "run", rsync)
    return made


def test_a_stopped_service_is_read_from_its_copy_alone(stopped_house: dict[str, Any]) -> None:
    found = prepare(stopped_house)
    stage = contents.stage(stopped_house)
    assert found.downtime == {"app": 1.5}
    assert (Path(stage) / "stopped" / "app" / "torrents" / "a").read_text() == "one"
    assert str(root(stopped_house, "app")) not in found.paths
    assert f"{stage}/stopped/app/app.db" in found.excludes
    assert f"{stage}/stopped/app/app.db-wal" in found.excludes
    record = found.manifest["services"]["app"]["databases"]["app.db"]
    assert databases.verify(str(staged(stopped_house, "app", "app.db")), record) == []


def test_a_second_copy_of_a_stopped_service_is_made_only_while_it_is_stopped(
    stopped_house: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(stopped_house)
    beside: list[str] = []
    monkeypatch.setattr(mirror, "beside", lambda *_: beside.append("once"))
    prepare(stopped_house)
    assert beside == []
    monkeypatch.setattr(mirror, "SOON_BYTES", 2)
    (root(stopped_house, "app") / "torrents" / "a").write_text("three")
    prepare(stopped_house)
    assert beside == ["once"]


def test_a_service_that_cannot_be_stopped_keeps_its_last_copy(
    stopped_house: dict[str, Any],
) -> None:
    def busy(*_: Any) -> float:
        raise BackupError("busy", "held by updater")

    prepare(stopped_house)
    (root(stopped_house, "app") / "torrents" / "a").write_text("two")
    found = staging.prepare(stopped_house, DOCKER, stop=busy)
    assert "held by updater; its last copy is in this backup" in found.problems[0]
    assert found.manifest["services"]["app"]["databases"]
    copy = Path(contents.stage(stopped_house)) / "stopped" / "app" / "torrents" / "a"
    assert copy.read_text() == "one"


@pytest.mark.parametrize("killed", [False, True])
def test_half_a_copy_of_a_stopped_service_is_never_offered(
    stopped_house: dict[str, Any], monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    def fails(config: Any, docker: Any, service: str, work: Callable[[], None]) -> float:
        monkeypatch.setattr(mirror, "finish", half)
        work()
        raise AssertionError

    def half(source: str, target: str, excludes: Any) -> None:
        (Path(target) / "torrents" / "a").write_text("half")
        raise KeyboardInterrupt if killed else BackupError("other", "rsync: an error")

    prepare(stopped_house)
    if killed:
        with pytest.raises(KeyboardInterrupt):
            staging.prepare(stopped_house, DOCKER, stop=fails)

        def busy(*_: Any) -> float:
            raise BackupError("busy", "held by updater")

        monkeypatch.setattr(mirror, "beside", lambda *_: None)
        found = staging.prepare(stopped_house, DOCKER, stop=busy)
    else:
        found = staging.prepare(stopped_house, DOCKER, stop=fails)
    assert "it is not in this backup" in found.problems[0]
    assert "app" not in found.manifest["services"]
    assert not (Path(contents.stage(stopped_house)) / "stopped" / "app").exists()
    assert not staged(stopped_house, "app", "app.db").exists()
