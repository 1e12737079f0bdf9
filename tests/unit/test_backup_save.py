"""save: what restic complains of, and that no partial snapshot is ever offered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backup_house import furnish, held, local, placed, ran, report, staged
from skips import needs_restic

from mediastack.backup import restic, save, settings, snapshots
from mediastack.backup.restic import ResticError

STAGE = "/config/.mediastack-backup/stage"


def complaint(item: str, during: str = "archival", **error: Any) -> str:
    return json.dumps({"message_type": "error", "error": error, "during": during, "item": item})


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        # restic 0.14, then 0.18.
        (complaint("/config/a", Op="lstat", Path="/config/a", Err=2), False),
        (complaint("/config/a", Op="open", Path="/config/a/b", Err=20), False),
        (complaint("/config/a", Op="read", Path="/config/a", Err=5), True),
        (complaint("/config/a", Op="open", Path="/config/a", Err=13), True),
        (complaint("/config/a", message="lstat /config/a: no such file or directory"), False),
        (complaint("/config/a", "scan", message="open /config: No such file or directory"), False),
        (complaint("/config/a", message="read /config/a: input/output error"), True),
        (complaint("/config/a", message="open /config/a: permission denied"), True),
        (complaint("/config/a"), True),
        # Nobody takes anything out of the stage.
        (complaint(f"{STAGE}/databases/a.db", Op="lstat", Err=2), True),
        (complaint(STAGE, message="no such file or directory"), True),
        (complaint(f"{STAGE}-of-the-user", Op="lstat", Err=2), False),
        ('{"message_type":"error","error":null,"item":"/config/a"}', True),
        ('{"message_type":"status","percent_done":1}', False),
        ("Warning: at least one source file could not be read", False),
        ("/config/gone does not exist, skipping", False),
        ("[1]", False),
        ("", False),
    ],
)  # fmt: skip
def test_only_a_live_file_that_vanished_is_not_missed(line: str, ends: bool) -> None:
    assert save.judge(STAGE)(line) is ends


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return placed(furnish(tmp_path, monkeypatch))


def too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """restic has saved the snapshot before it heard that it was to end."""
    real: Callable[..., restic.Answer] = restic.run

    def run(target: Any, arguments: Any, **options: Any) -> restic.Answer:
        answer = real(target, arguments, **options)
        if arguments[0] == "backup" and snapshots.TAG in arguments:
            raise ResticError("unreadable", "/config/a: Input/output error")
        return answer

    monkeypatch.setattr(restic, "run", run)


@needs_restic
def test_a_partial_snapshot_that_was_quicker_is_removed(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    save.save(config, local(config), staged(config))
    (good,) = held(config)
    with monkeypatch.context() as patched:
        too_late(patched)
        with pytest.raises(ResticError, match="Input/output error"):
            save.save(config, local(config), staged(config))
    assert [one["id"] for one in held(config)] == [good["id"]]
    assert report(config)["targets"]["local"]["partial"] == []


@needs_restic
def test_where_it_may_not_be_removed_it_is_never_offered(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = local(config)._replace(append_only=True)
    save.save(config, target, staged(config))
    (good,) = held(config)
    with monkeypatch.context() as patched:
        too_late(patched)
        with pytest.raises(ResticError):
            save.save(config, target, staged(config))
    assert report(config)["targets"]["local"]["partial"] == []
    # Another host knows the repository alone.
    os.unlink(os.path.join(config["paths"]["state"], "backup.json"))
    assert sum("mediastack" in (one["tags"] or ()) for one in held(config)) == 2
    assert [one.id for one in snapshots.listed(target)] == [good["id"]]


@needs_restic
def test_what_could_not_be_removed_at_once_is_removed_before_the_next(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        too_late(patched)
        patched.setattr(save, "_settle", lambda _: None)
        with pytest.raises(ResticError):
            save.save(config, local(config), staged(config))
    assert len(held(config)) == 1 and snapshots.listed(local(config)) == []
    saved = save.save(config, local(config), staged(config))
    assert [one["id"].startswith(saved["snapshot"]) for one in held(config)] == [True]


@needs_restic
def test_a_server_that_only_says_that_it_has_removed_one_is_not_believed(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., restic.Answer] = restic.run

    def run(target: Any, arguments: Any, **options: Any) -> restic.Answer:
        if arguments[0] == "forget":
            return restic.Answer([], [])
        answer = real(target, arguments, **options)
        if arguments[0] == "backup" and snapshots.TAG in arguments:
            raise ResticError("unreadable", "/config/a: Input/output error")
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(restic, "run", run)
        with pytest.raises(ResticError):
            save.save(config, local(config), staged(config))
    os.unlink(os.path.join(config["paths"]["state"], "backup.json"))
    assert len(held(config)) == 2 and snapshots.listed(local(config)) == []


@needs_restic
def test_another_hosts_snapshot_is_not_taken_for_a_partial_one(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        too_late(patched)
        ran(config, "backup", "--tag", "mediastack", "--host", "other", "--time",
            "2099-01-01 00:00:00", config["paths"]["etc"])  # fmt: skip
        with pytest.raises(ResticError):
            save.save(config, local(config), staged(config))
    assert [one["hostname"] for one in held(config)] == ["other"]


@needs_restic
def test_what_saved_nothing_is_no_backup(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restic, "run", lambda *_, **__: restic.Answer([], []))
    with pytest.raises(ResticError, match="has saved nothing"):
        save.save(config, local(config), staged(config))


@needs_restic
def test_a_pattern_and_a_path_that_look_like_options_are_none(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(_target: settings.Target, arguments: list[str], **_: Any) -> restic.Answer:
        asked.append(arguments)
        return restic.Answer([{"snapshot_id": "ab" * 32}], [])

    monkeypatch.setattr(restic, "run", run)
    save.save(config, local(config), staged(config, paths=["/--x"], excludes=["/config/*"]))
    assert asked[0][-2:] == ["--", "/--x"]
    assert asked[0][:7] == ["backup", "--tag", "mediastack", "--host", "here", "--exclude",
                            "/config/*"]  # fmt: skip
