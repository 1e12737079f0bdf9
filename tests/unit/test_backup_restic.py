"""restic: what its words mean, when it is ended, and that it never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from backup_house import furnish, local
from skips import needs_restic

from mediastack.backup import restic
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

REFUSED = "dial tcp 127.0.0.1:9: connect: connection refused"
RETRIED = "Save(<lock/ab>) returned error, retrying after 1s: open /r/locks/ab: {}"


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    return local(furnish(tmp_path, monkeypatch))


def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A restic that is this shell script."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "restic").write_text(f"#!/bin/sh\n{textwrap.dedent(script)}")
    (directory / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("line", "code", "kind"),
    [
        ("Fatal: wrong password or no key found", 1, "password"),
        ('{"message_type":"exit_error","code":12,"message":"Fatal: who knows"}', 12, "password"),
        (f"Fatal: unable to open config file: Head: {REFUSED}\nIs there a repository", 1,
         "unreachable"),
        ("subprocess ssh: nas: Permission denied (publickey).\nFatal: unable to start", 1,
         "unreachable"),
        ('Failed to create file system for "x:": didn\'t find section in config file', 1,
         "unreachable"),
        ("Fatal: unable to open config file: stat /r/config: no such file or directory\nIs there a"
         " repository at the following location?\n/r", 1, "absent"),
        ("Fatal: unable to open config file: stat /r/config: permission denied\nIs there a"
         " repository at the following location?\n/r", 1, "read-only"),
        ('{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist"}', 10,
         "absent"),
        ("unable to create lock in backend: repository is already locked by PID 1", 1, "locked"),
        ("unable to create lock in backend: open /r/locks/a: read-only file system", 1,
         "read-only"),
        ("Fatal: unable to save snapshot: no space left on device", 1, "full"),
        ("Fatal: repository contains errors", 1, "damaged"),
        ("unexpected HTTP response (403): 403 Forbidden", 1, "read-only"),
        ("error: pack 403a403b not found in index", 1, "damaged"),
        ("Fatal: something new", 1, "other"),
    ],
)  # fmt: skip
def test_what_restic_says_is_understood(line: str, code: int, kind: str, target: Target) -> None:
    found = restic.failure(target, line.split("\n"), code)
    assert found.kind == kind
    assert (str(found).count("; fix: ") == 1) is (kind in restic.FIXES)


def test_an_error_that_is_a_number_has_words() -> None:
    line = '{"message_type":"error","error":{"Op":"read","Path":"/a","Err":5},"item":"/a"}'
    assert restic.said([line]) == "/a: Input/output error"


def test_the_last_words_are_one_line_and_no_password_is_in_them() -> None:
    found = restic.said(["Fatal: first\nsecond", "rest:https://me:hunter2@nas:8000/"])
    assert "\n" not in found and "hunter2" not in found and "first; second" in found


def test_a_repository_that_cannot_be_written_to_is_not_tried_for_a_quarter_of_an_hour(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = RETRIED.format("read-only file system")
    says(tmp_path, monkeypatch, f"echo '{line}' >&2; exec sleep 60")
    began = time.monotonic()
    with pytest.raises(ResticError, match="read-only file system") as found:
        restic.run(target, ["backup"])
    assert found.value.kind == "read-only" and time.monotonic() - began < 20


def test_a_server_that_is_away_is_given_up_at_the_third_try_and_not_before(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"Stat(<config/>) returned error, retrying after 1s: {REFUSED}"
    says(tmp_path, monkeypatch, f"""
        for one in 1 2; do echo '{line}' >&2; done
        [ "$2" = twice ] && exit 0
        echo '{line}' >&2; exec sleep 60
    """)  # fmt: skip
    assert restic.run(target, ["twice"]).errors == [line, line]
    with pytest.raises(ResticError) as found:
        restic.run(target, ["always"])
    assert found.value.kind == "unreachable"


def test_an_upload_that_is_retried_goes_on(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"Save(<data/ab>) returned error, retrying after 1s: {REFUSED}"
    says(tmp_path, monkeypatch, f"for one in 1 2 3 4 5; do echo '{line}' >&2; done")
    assert len(restic.run(target, ["backup"]).errors) == 5


def test_who_heeds_no_signal_is_killed(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restic, "ENDING_SECONDS", 0.3)
    says(tmp_path, monkeypatch, "trap '' INT; echo x >&2; while true; do sleep 0.1; done")
    with pytest.raises(ResticError) as found:
        restic.run(target, ["backup"], on_error=lambda line: line == "x")
    assert found.value.kind == "unreadable"


def test_the_word_that_ended_it_is_the_one_that_is_told(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(
        tmp_path,
        monkeypatch,
        """
        echo 'bad file' >&2
        trap 'echo cleaning up >&2; exit 130' INT
        while true; do sleep 0.1; done
    """,
    )
    with pytest.raises(ResticError, match="^bad file$"):
        restic.run(target, ["backup"], on_error=lambda line: line == "bad file")


@pytest.mark.parametrize("heeds", ["exec sleep 60", "trap '' INT; while true; do sleep 0.1; done"])
def test_a_disk_that_fills_up_ends_it(
    heeds: str, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restic, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(restic, "ENDING_SECONDS", 0.3)
    says(tmp_path, monkeypatch, heeds)
    began = time.monotonic()
    with pytest.raises(ResticError, match="nearly full") as found:
        restic.run(target, ["backup"], is_full=lambda: time.monotonic() - began > 0.3)
    assert found.value.kind == "full"


def test_that_there_is_no_restic_is_said(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    os.symlink("/usr/bin/setpriv", empty / "setpriv")
    monkeypatch.setenv("PATH", str(empty))
    with pytest.raises(ResticError, match="; fix: run the deploy") as found:
        restic.run(target, ["snapshots"])
    assert found.value.kind == "missing"


def test_it_dies_with_us(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, monkeypatch, f"echo $$ >{tmp_path}/pid; exec sleep 60")
    program = (
        "from mediastack.backup import restic, settings\n"
        f"restic.run(settings.Target(*{tuple(target)!r}), ['backup'])"
    )
    files = Path(__file__).parents[2] / "files"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(files)}
    )
    try:
        pid = int(waited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        waited(lambda: "" if running(pid) else "gone")
    finally:
        process.kill()
        process.wait()


@needs_restic
def test_nothing_secret_is_in_its_arguments(target: Target) -> None:
    assert restic.environment(target)["RESTIC_PASSWORD_FILE"] == target.password_file
    assert "RESTIC_PASSWORD" not in restic.environment(target)


def waited(look: object, seconds: float = 10.0) -> str:
    """What the look finds, which may take a while."""
    assert callable(look)
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return str(found)


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
