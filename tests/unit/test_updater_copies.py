"""updater.copies: whole or not there, and what a restore makes of the config."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import updater_house as house

from mediastack.updater import copies
from mediastack.updater.house import Trouble

LIFE = "id 2026"


class Rsync:
    """rsync on paper: it mirrors what is not excluded, or fails."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.code = 0
        self.synced: list[str] = []

    def run(self, arguments: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        if arguments[0] == "sync":
            self.synced.append(arguments[-1])
            return subprocess.CompletedProcess(arguments, 0, "", "")
        self.calls.append(list(arguments))
        words = "rsync: write failed: No space left on device (28)" if self.code else ""
        if self.code in (0, copies.VANISHED):
            excluded = [a.split("/")[-2] for a in arguments if a.startswith("--exclude=")]
            self.mirror(Path(arguments[-2]), Path(arguments[-1]), excluded)
        return subprocess.CompletedProcess(arguments, self.code, "", words)

    @staticmethod
    def mirror(source: Path, target: Path, excluded: list[str]) -> None:
        for old in target.iterdir():
            if old.name not in excluded or not old.is_dir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for one in source.iterdir():
            if one.is_dir() and one.name not in excluded:
                shutil.copytree(one, target / one.name)
            elif one.is_file():
                shutil.copy2(one, target / one.name)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = house.furnish(tmp_path, monkeypatch)
    seerr = tmp_path / "config" / "seerr"
    (seerr / "cache").mkdir(parents=True)
    (seerr / "cache" / "poster").write_text("x" * 1000)
    (seerr / "settings.json").write_text("old")
    (seerr / "logs.db").write_text("old schema")
    return made


@pytest.fixture
def rsync(monkeypatch: pytest.MonkeyPatch) -> Rsync:
    made = Rsync()
    monkeypatch.setattr(copies.subprocess, "run", made.run)
    return made


def seerr(config: dict[str, Any]) -> Path:
    return Path(config["services"]["seerr"]["config"])


TX = house.a_transaction()


def test_a_copy_is_whole_only_after_the_service_has_ended(
    config: dict[str, Any], rsync: Rsync
) -> None:
    copies.begin(config, TX)
    assert not copies.is_whole(config, TX)
    copies.finish(config, TX, LIFE)
    assert copies.is_whole(config, TX) and copies.is_whole(config, TX, LIFE)
    assert not copies.is_whole(config, TX, "another life")
    place = Path(copies.path(config, TX))
    assert rsync.synced == [str(place)]
    assert sorted(one.name for one in place.iterdir()) == ["logs.db", "settings.json"]
    assert Path(copies.root(config)).stat().st_mode & 0o777 == 0o700
    assert place.parent.stat().st_mode & 0o777 == 0o700


def rewritten(path: Path, text: str) -> None:
    """Written again at the same size and, as a file system's clock stands still, the same time."""
    seen = path.stat()
    path.write_text(text)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_what_is_written_again_at_the_same_time_and_size_is_copied_again(
    config: dict[str, Any],
) -> None:
    settings = seerr(config) / "settings.json"
    copies.begin(config, TX)
    rewritten(settings, "new")
    copies.finish(config, TX, LIFE)
    assert (Path(copies.path(config, TX)) / "settings.json").read_text() == "new"


@pytest.mark.parametrize("time_kept", [0, 1])
def test_what_keeps_its_old_time_is_copied_again_also_after_a_copy_that_was_whole(
    config: dict[str, Any], time_kept: int
) -> None:
    settings = seerr(config) / "settings.json"
    os.utime(settings, (time_kept, time_kept))
    copies.begin(config, TX)
    for text in ("new", "odd"):
        rewritten(settings, text)
        copies.finish(config, TX, LIFE)
        copied = Path(copies.path(config, TX)) / "settings.json"
        assert (copied.read_text(), copied.stat().st_mtime) == (text, time_kept)


def test_what_has_not_changed_since_is_not_copied_again(config: dict[str, Any]) -> None:
    settings = seerr(config) / "settings.json"
    time.sleep(copies.CLOCK_SECONDS + 0.1)
    copies.begin(config, TX)
    copied = Path(copies.path(config, TX)) / "settings.json"
    before = copied.stat().st_ino
    copies.finish(config, TX, LIFE)
    assert copied.stat().st_ino == before
    rewritten(settings, "new")
    copies.finish(config, TX, LIFE)
    assert copied.stat().st_ino != before


def test_nothing_of_a_killed_copy_is_believed(config: dict[str, Any]) -> None:
    settings = seerr(config) / "settings.json"
    copies.begin(config, TX)
    (Path(copies.path(config, TX)) / "half").write_text("half")
    os.utime(settings, (1, 1))
    rewritten(settings, "new")
    copies.begin(config, TX)
    assert not (Path(copies.path(config, TX)) / "half").exists()
    copies.finish(config, TX, LIFE)
    assert (Path(copies.path(config, TX)) / "settings.json").read_text() == "new"


def test_a_copy_of_which_nothing_is_known_is_doubted_whole(config: dict[str, Any]) -> None:
    settings = seerr(config) / "settings.json"
    copies.begin(config, TX)
    Path(f"{copies.path(config, TX)}.json").unlink()
    rewritten(settings, "new")
    copies.finish(config, TX, LIFE)
    assert (Path(copies.path(config, TX)) / "settings.json").read_text() == "new"


def test_directories_that_are_no_state_are_left_out_and_excluded_files_are_not(
    config: dict[str, Any], rsync: Rsync
) -> None:
    copies.begin(config, TX)
    assert rsync.calls[0][:4] == ["rsync", "-aHAX", "--numeric-ids", "--delete"]
    # With a slash at its end a pattern means directories alone: logs.db is copied.
    assert "--exclude=/cache/" in rsync.calls[0] and "--exclude=/logs.db/" in rsync.calls[0]
    assert rsync.calls[0][-2].endswith("/seerr/")


def test_a_restore_makes_the_config_what_it_was_and_leaves_caches_alone(
    config: dict[str, Any], rsync: Rsync
) -> None:
    copies.begin(config, TX)
    copies.finish(config, TX, LIFE)
    (seerr(config) / "settings.json").write_text("new")
    (seerr(config) / "logs.db").write_text("new schema")
    (seerr(config) / "migrated").write_text("new")
    (seerr(config) / "cache" / "another").write_text("new")

    copies.restore(config, TX)

    assert (seerr(config) / "settings.json").read_text() == "old"
    assert (seerr(config) / "logs.db").read_text() == "old schema"
    assert not (seerr(config) / "migrated").exists()
    assert sorted(one.name for one in (seerr(config) / "cache").iterdir()) == ["another", "poster"]
    # A bad version may have filled the disk: what it wrote goes first.
    assert {"--checksum", "--delete-before"} <= set(rsync.calls[-1])
    assert rsync.synced[-1] == str(seerr(config))


def test_what_was_excluded_then_is_what_a_restore_leaves_alone(
    config: dict[str, Any], rsync: Rsync
) -> None:
    copies.begin(config, TX)
    copies.finish(config, TX, LIFE)
    config["services"]["seerr"]["state_exclude"] = []
    copies.restore(config, TX)
    assert "--exclude=/cache/" in rsync.calls[-1]


def test_a_file_that_vanished_is_fine_while_it_runs_and_not_after(
    config: dict[str, Any], rsync: Rsync
) -> None:
    rsync.code = copies.VANISHED
    copies.begin(config, TX)
    with pytest.raises(Trouble):
        copies.finish(config, TX, LIFE)
    assert not copies.is_whole(config, TX)


def test_a_copy_that_could_not_be_brought_up_to_date_is_not_whole_any_more(
    config: dict[str, Any], rsync: Rsync
) -> None:
    copies.begin(config, TX)
    copies.finish(config, TX, LIFE)
    rsync.code = 11
    with pytest.raises(Trouble, match="No space left") as raised:
        copies.finish(config, TX, LIFE)
    assert raised.value.kind == "passing"
    assert not copies.is_whole(config, TX)
    rsync.code = 0
    calls = len(rsync.calls)
    copies.restore(config, TX)
    assert len(rsync.calls) == calls, "the new version never ran: nothing is put back"


def test_without_its_copy_a_config_is_not_touched(config: dict[str, Any], rsync: Rsync) -> None:
    with pytest.raises(Trouble, match="gone"):
        copies.restore(config, TX)
    assert rsync.calls == []


def test_a_disk_without_room_is_found_out_before(
    config: dict[str, Any], rsync: Rsync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(Trouble, match="MiB free") as raised:
        copies.begin(config, TX)
    assert raised.value.kind == "passing" and rsync.calls == []


def test_a_service_without_config_has_nothing_to_copy(config: dict[str, Any], rsync: Rsync) -> None:
    config["services"]["seerr"]["config"] = ""
    copies.begin(config, TX)
    copies.finish(config, TX, LIFE)
    copies.restore(config, TX)
    assert copies.is_whole(config, TX) and rsync.calls == []


def test_a_copy_goes_with_its_mark(config: dict[str, Any], rsync: Rsync) -> None:
    copies.begin(config, TX)
    copies.finish(config, TX, LIFE)
    mark = Path(copies.path(config, TX) + ".json")
    assert json.loads(mark.read_text())["image"] == house.OLD
    assert copies.present(config) == {"seerr": {"id1"}}
    copies.drop(config, "seerr", "id1")
    copies.drop(config, "seerr", "id1")
    assert not mark.exists() and not Path(copies.path(config, TX)).exists()
    assert copies.present(config) == {"seerr": set()}
