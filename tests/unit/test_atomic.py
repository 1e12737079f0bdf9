"""mediastack.atomic: old file or new file, never a wider mode, nothing left behind."""

import os
import stat
import subprocess
import sys
import threading

import pytest
from skips import root_only

from mediastack import atomic


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_write_makes_the_file_with_content_and_mode_whatever_the_umask(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        atomic.write(str(path), b"content", mode=0o644)
    finally:
        os.umask(before)

    assert path.read_bytes() == b"content" and mode(path) == 0o644
    assert os.listdir(tmp_path) == ["file"]


@root_only
def test_write_gives_the_file_its_owner(tmp_path):
    path = tmp_path / "file"

    atomic.write(str(path), b"x", mode=0o400, uid=1234, gid=2345)

    found = path.stat()
    assert (found.st_uid, found.st_gid, mode(path)) == (1234, 2345, 0o400)


def test_write_is_private_until_it_is_complete_and_owned(tmp_path, monkeypatch):
    seen = []
    path = tmp_path / "file"
    watched = {
        "write": os.write,
        "fchown": os.fchown,
        "fchmod": os.fchmod,
        "fsync": os.fsync,
        "replace": os.replace,
    }

    def spy(name):
        def call(*arguments, **keywords):
            for entry in os.scandir(tmp_path):
                seen.append((name, mode(entry.path)))
            return watched[name](*arguments, **keywords)

        return call

    for name in watched:
        monkeypatch.setattr(os, name, spy(name))
    atomic.write(str(path), b"secret", mode=0o444, uid=os.getuid(), gid=os.getgid())

    assert ("write", 0o600) in seen and ("fchown", 0o600) in seen and ("fchmod", 0o600) in seen
    assert [name for name, found in seen if found == 0o444] == ["fsync", "replace", "fsync"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(str(path), b"new")

    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_leftover_of_a_dead_writer_is_swept_and_that_of_a_living_one_is_not(tmp_path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    living = f".file.{atomic._process(os.getppid())}.1.tmp"
    (tmp_path / f".file.{dead}-1.1.tmp").write_text("half")
    (tmp_path / living).write_text("half")

    atomic.write(str(tmp_path / "file"), b"x")

    assert sorted(os.listdir(tmp_path)) == [living, "file"]


def test_leftover_is_swept_when_its_number_is_another_process_now(tmp_path):
    # After a boot numbers start anew: this is ours, and was a dead writer's before.
    (tmp_path / f".file.{os.getpid()}-1.{threading.get_ident()}.tmp").write_text("half")
    (tmp_path / f".file.{os.getpid()}.{threading.get_ident()}.tmp").write_text("of 0.1.0")

    atomic.write(str(tmp_path / "file"), b"x")

    assert os.listdir(tmp_path) == ["file"]


def test_readers_see_only_whole_files_while_a_writer_is_at_work(tmp_path):
    path = str(tmp_path / "file")
    contents = [bytes([65 + index]) * 50_000 for index in range(4)]
    atomic.write(path, contents[0])
    stop = threading.Event()

    def rewrite():
        index = 0
        while not stop.is_set():
            index += 1
            atomic.write(path, contents[index % 4])

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(200):
            with open(path, "rb") as stream:
                assert stream.read() in contents
    finally:
        stop.set()
        writer.join()


def test_write_replaces_a_symlink_and_not_its_target(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")

    atomic.write(str(tmp_path / "link"), b"new")

    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


def test_json_reads_back(tmp_path):
    path = str(tmp_path / "value.json")

    atomic.write_json(path, {"b": 1, "a": [2]}, mode=0o600)

    assert atomic.read_json(path, {}) == {"b": 1, "a": [2]} and mode(path) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00"])
def test_damaged_json_counts_as_absent_and_is_reported(tmp_path, capsys, content):
    (tmp_path / "value.json").write_text(content)

    assert atomic.read_json(str(tmp_path / "value.json"), {"default": True}) == {"default": True}
    assert "value.json" in capsys.readouterr().err


def test_absent_json_is_the_default_in_silence(tmp_path, capsys):
    assert atomic.read_json(str(tmp_path / "none"), {}) == {}
    assert capsys.readouterr().err == ""


def test_exclusive_loses_no_update_of_several_processes(tmp_path):
    path = str(tmp_path / "deep" / "counter.json")
    program = (
        "import sys\nfrom mediastack import atomic\n"
        "for _ in range(40):\n"
        "    with atomic.exclusive(sys.argv[1]):\n"
        "        atomic.write_json(sys.argv[1], atomic.read_json(sys.argv[1], 0) + 1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        subprocess.Popen([sys.executable, "-c", program, path], env=environment) for _ in range(3)
    ]

    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert (tmp_path / "deep" / "counter.json").read_text().strip() == "120"
