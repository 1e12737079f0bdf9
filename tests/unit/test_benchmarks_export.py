"""What the others get to work with is what our deploy would place, and no secret lies open."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import tarfile
from pathlib import Path

from benchmarks import export
from layout import as_found, directory, file, link

ENTRIES = [
    directory("/opt/thing", "0750", 7, 8),
    file("/opt/thing/text", "said\n", "0640"),
    link("/usr/local/sbin/thing", "/opt/thing/text"),
    as_found("/srv"),
]


def members(packed: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {one.name: one for one in tar.getmembers()}


def test_the_archive_has_every_entry_with_owner_mode_and_kind() -> None:
    found = members(export.archive(ENTRIES))
    assert list(found) == ["opt/thing", "opt/thing/text", "usr/local/sbin/thing"]
    thing, text, sbin = found.values()
    assert (thing.isdir(), thing.mode, thing.uid, thing.gid) == (True, 0o750, 7, 8)
    assert (text.isreg(), text.mode, text.uid, text.size) == (True, 0o640, 0, 5)
    assert (sbin.issym(), sbin.linkname) == (True, "/opt/thing/text")


def test_the_archive_holds_the_content() -> None:
    with tarfile.open(fileobj=io.BytesIO(export.archive(ENTRIES))) as tar:
        content = tar.extractfile("opt/thing/text")
        assert content is not None
        assert content.read() == b"said\n"


def test_a_directory_that_stays_as_found_is_not_touched() -> None:
    assert "srv" not in members(export.archive(ENTRIES))


def test_times_do_not_change_between_exports_as_tar_compares_them() -> None:
    times = {one.mtime for one in members(export.archive(ENTRIES)).values()}
    assert times == {export.FILE_TIME}


def test_the_record_is_that_of_our_deploy() -> None:
    text = export.record(ENTRIES)["text"]
    assert json.loads(text)["/opt/thing/text"] == {"kind": "file", "keep": False}
    assert json.loads(text).keys() == {entry["path"] for entry in ENTRIES}


def test_a_shell_reads_the_values_as_they_were_written() -> None:
    values = {"words": ["one", "two"], "odd": "it's $HOME", "number": 7}
    script = export.as_shell(values) + 'printf "%s|%s|%s" "$words" "$odd" "$number"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "one two|it's $HOME|7"


def test_a_written_file_is_for_its_user_only_also_in_place_of_another(tmp_path: Path) -> None:
    target = tmp_path / "secrets.json"
    target.write_text("old")
    target.chmod(0o644)
    export.write(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
