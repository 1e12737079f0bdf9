"""backup.mirror: the copy of a service that is stopped is what it was when it was stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mediastack.backup import mirror
from mediastack.backup.trouble import BackupError

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    (made / "logs").mkdir(parents=True)
    (made / "torrents [1]").mkdir()
    (made / "logs" / "today").write_text("x" * 1000)
    (made / "torrents [1]" / "a").write_text("one")
    (made / "app.conf").write_text("old")
    os.link(made / "app.conf", made / "same.conf")
    os.chmod(made / "app.conf", 0o600)
    return made


def tree(top: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(top))] = (status.st_mode, status.st_mtime_ns, content)
    return found


@needs_rsync
def test_a_copy_is_all_but_what_is_no_state(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "stage" / "app"
    mirror.beside(str(source), str(target), ("logs",))
    mirror.finish(str(source), str(target), ("logs",))
    shutil.rmtree(source / "logs")
    assert tree(target) == tree(source)
    assert (target / "app.conf").samefile(target / "same.conf")


@needs_rsync
def test_what_was_written_again_within_the_second_is_copied_again(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "stage"
    mirror.beside(str(source), str(target), ())
    status = (source / "app.conf").stat()
    (source / "app.conf").write_text("new")
    # The same size, and a time in the same second.
    os.utime(source / "app.conf", ns=(status.st_atime_ns, status.st_mtime_ns ^ 1))
    mirror.finish(str(source), str(target), ())
    assert (target / "app.conf").read_text() == "new"


@needs_rsync
def test_what_was_written_within_one_tick_of_the_clock_is_copied_again(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "stage"
    mirror.beside(str(source), str(target), ())
    status = (source / "app.conf").stat()
    (source / "app.conf").write_text("new")
    os.utime(source / "app.conf", ns=(status.st_atime_ns, status.st_mtime_ns))
    mirror.finish(str(source), str(target), ())
    assert (target / "app.conf").read_text() == "new"


@needs_rsync
def test_only_what_changed_is_behind(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "stage"
    assert mirror.bytes_behind(str(source), str(target), ("logs",)) == 9
    mirror.finish(str(source), str(target), ("logs",))
    assert mirror.bytes_behind(str(source), str(target), ("logs",)) == 0
    (source / "torrents [1]" / "a").write_text("three")
    assert mirror.bytes_behind(str(source), str(target), ("logs",)) == 5


@needs_rsync
@pytest.mark.parametrize("name", ["a*", "a?", "[ab]", "a\\b", "a\\[b", "a b"])
def test_a_pattern_is_one_path_however_it_is_called(tmp_path: Path, name: str) -> None:
    source, target = tmp_path / "app", tmp_path / "stage"
    for one in (name, "ab", "a", "b", "aa"):
        (source / one).mkdir(parents=True)
        (source / one / "file").write_text(one)
    mirror.finish(str(source), str(target), (name,))
    assert sorted(os.listdir(target)) == sorted({"ab", "a", "b", "aa"} - {name})


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (11, "rsync: write failed: No space left on device (28)", "space"),
        (23, "rsync: read errors mapping: Input/output error (5)", "other"),
        (24, "file has vanished", "other"),
    ],
)
def test_what_rsync_could_not_do_is_said_in_its_words(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str, kind: str
) -> None:
    done = subprocess.CompletedProcess([], code, "", f"{words}\n")
    monkeypatch.setattr(mirror.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(BackupError, match=words.split("(", maxsplit=1)[0]) as caught:
        mirror.finish(str(source), str(tmp_path / "stage"), ())
    assert caught.value.kind == kind


def test_what_vanishes_beside_the_running_app_is_no_failure(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def run(arguments: Any, **_: Any) -> Any:
        calls.append(arguments)
        return subprocess.CompletedProcess(arguments, mirror.VANISHED, "", "file has vanished")

    monkeypatch.setattr(mirror.subprocess, "run", run)
    mirror.beside(str(source), str(tmp_path / "stage"), ("logs",))
    assert "--modify-window=-1" in calls[0]
    assert "--exclude=/logs" in calls[0]


def test_what_is_old_keeps_its_time_in_a_copy_beside_the_running_app(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "stage"
    old = time.time() - 100

    def run(arguments: Any, **_: Any) -> Any:
        shutil.copytree(source, target, dirs_exist_ok=True)
        os.utime(target / "torrents [1]" / "a", (old, old))
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(mirror.subprocess, "run", run)
    mirror.beside(str(source), str(target), ())
    assert (target / "app.conf").stat().st_mtime == 0
    assert (target / "torrents [1]" / "a").stat().st_mtime == pytest.approx(old)


def test_without_rsync_that_is_said(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="rsync"):
        mirror.finish(str(source), str(tmp_path / "stage"), ())
