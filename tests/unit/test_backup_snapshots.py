"""snapshots: which of what a repository holds are backups of ours, and which one is meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from backup_house import furnish, local, placed, ran
from skips import needs_restic

from mediastack import clock
from mediastack.backup import report, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.snapshots import Snapshot

ONE = Snapshot("a1" * 32, "2026-01-01T00:00:00.000+00:00", "here", ())
TWO = Snapshot("a2" * 32, "2026-01-02T00:00:00.000+00:00", "here", ())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-27T18:52:49.315513476Z", "2026-11-27T18:52:49.315+00:00"),
        ("2026-11-27T19:52:49+01:00", "2026-11-27T18:52:49.000+00:00"),
        ("2026-11-27T13:22:49.9-05:30", "2026-11-27T18:52:49.900+00:00"),
    ],
)
def test_a_moment_of_restics_is_understood(text: str, same: str) -> None:
    assert snapshots.moment(text) == pytest.approx(clock.seconds(same), abs=0.001)


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="no time of restic's"):
        snapshots.moment("yesterday")


def test_latest_is_the_last_and_a_beginning_names_one() -> None:
    assert snapshots.find([ONE, TWO]) == TWO
    assert snapshots.find([ONE, TWO], "a1a1") == ONE


def test_one_of_the_future_is_the_latest_only_where_there_is_no_other() -> None:
    wrong = TWO._replace(id="b3" * 32, time="2099-01-01T00:00:00.000+00:00")
    assert snapshots.find([ONE, TWO, wrong]) == TWO
    assert snapshots.find([wrong]) == wrong and snapshots.find([ONE, wrong], "b3") == wrong


@pytest.mark.parametrize(
    ("there", "wanted", "words"),
    [
        ([], "latest", "nas holds no backup"),
        ([ONE, TWO], "b", "no backup is 'b'"),
        ([ONE, TWO], "a", "2 backups begin with 'a'"),
        ([ONE, TWO], "", "no backup is ''"),
    ],
)
def test_what_names_none_or_several_is_said(there: list[Snapshot], wanted: str, words: str) -> None:
    with pytest.raises(LookupError, match=words):
        snapshots.find(there, wanted, target="nas")


def test_a_short_identity_is_the_same_as_the_whole_one() -> None:
    assert snapshots.same(ONE.id[:8], ONE.id) and snapshots.same(ONE.id, ONE.id)
    assert not snapshots.same(ONE.id[:8], TWO.id)
    assert not snapshots.same("", ONE.id) and not snapshots.same(ONE.id[:4], ONE.id)


@needs_restic
def test_only_backups_of_ours_are_listed_the_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = placed(furnish(tmp_path, monkeypatch))
    file = str(tmp_path / "etc/mediastack.toml")
    for time in ("2026-01-02 03:00:00", "2026-01-01 03:00:00"):
        ran(config, "backup", "--tag", "mediastack", "--host", "h", "--time", time, file)
    ran(config, "backup", "--host", "h", file)
    found = snapshots.listed(local(config))
    assert [one.time[:10] for one in found] == ["2026-01-01", "2026-01-02"]
    assert {(one.host, one.paths) for one in found} == {("h", (file,))}


@needs_restic
def test_a_partial_one_is_never_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = placed(furnish(tmp_path, monkeypatch))
    for _ in range(2):
        ran(config, "backup", "--tag", "mediastack", str(tmp_path / "etc"))
    first, second = snapshots.listed(local(config))
    report.note_target("local", partial=[second.id[:8]])
    assert snapshots.listed(local(config)) == [first]


@needs_restic
def test_a_list_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = placed(furnish(tmp_path, monkeypatch))
    locks = tmp_path / "backups/restic/locks"
    (locks / ("0" * 64)).write_text("what nobody can read")
    assert snapshots.listed(local(config)) == []


@needs_restic
def test_a_wrong_password_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = placed(furnish(tmp_path, monkeypatch))
    Path(local(config).password_file).write_text("another")
    with pytest.raises(ResticError, match=r"local: .*wrong password.*; fix: ") as found:
        snapshots.listed(local(config))
    assert found.value.kind == "password"


@needs_restic
def test_one_that_cannot_be_read_is_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = placed(furnish(tmp_path, monkeypatch))
    for _ in range(2):
        ran(config, "backup", "--tag", "mediastack", str(tmp_path / "etc"))
    first, newest = snapshots.listed(local(config))
    path = tmp_path / "backups/restic/snapshots" / newest.id
    path.chmod(0o600)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(ResticError, match=f"snapshot {newest.id[:8]} cannot be read") as found:
        snapshots.listed(local(config))
    assert found.value.kind == "damaged"
    assert snapshots.listed(local(config), despite_damage=True) == [first]
