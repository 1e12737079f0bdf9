"""remote/tree.py: what is shown, refused, kept, and never followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tree_house import OWNERS, WatchedOs, directory, file, spec, through, without_content

from remote import tree


@pytest.mark.parametrize("mode", ["0600", "0400", "0640"])
def test_no_content_is_ever_visible_with_a_wider_mode_than_the_final_one(
    tmp_path: Path, mode: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    seen: list[int] = []

    def look() -> None:
        for path in root.rglob("*"):
            if path.is_file():
                seen.append(stat.S_IMODE(path.stat().st_mode))

    previous = os.umask(0)  # the worst that a host may have
    try:
        with through(WatchedOs(after=look)):
            tree.apply(spec(root, file("secret", "s3cret", mode=mode, uid=OWNERS[-1])))
    finally:
        os.umask(previous)
    allowed = int(mode, 8) | 0o600
    assert seen
    assert all(one & ~allowed == 0 for one in seen)
    assert seen[-1] == int(mode, 8)


def test_a_directory_is_closed_until_it_has_its_owner(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    seen: list[tuple[int, int]] = []

    def look() -> None:
        for path in root.rglob("state"):
            seen.append((stat.S_IMODE(path.stat().st_mode), path.stat().st_uid))

    with through(WatchedOs(after=look)):
        tree.apply(spec(root, directory("state", mode="0775", uid=OWNERS[-1])))
    assert seen[0][0] == 0o700
    assert all(mode == 0o700 for mode, uid in seen if uid != OWNERS[-1])


def test_a_link_at_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    root.mkdir()
    victim.write_text("theirs")
    victim.chmod(0o640)
    (root / "f").symlink_to(victim)
    wanted = spec(root, file("f", "ours"))
    tree.apply(wanted)
    assert (root / "f").read_text() == "ours"
    assert not (root / "f").is_symlink()
    assert victim.read_text() == "theirs"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o640


def test_a_link_at_the_place_of_a_directory_is_refused_and_not_followed(tmp_path: Path) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    root.mkdir()
    victim.mkdir(mode=0o711)
    (root / "d").symlink_to(victim)
    wanted = spec(root, directory("d", mode="0775"), file("d/f"))
    for _ in range(2):  # and it stays refused: having recorded the path does not make it ours
        with pytest.raises(OSError, match=r"root/d is not a directory.*fix:"):
            tree.apply(wanted)
    assert list(victim.iterdir()) == []
    assert stat.S_IMODE(victim.stat().st_mode) == 0o711
    assert (root / "d").is_symlink()


def test_a_link_planted_between_check_and_change_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    victim.chmod(0o600)
    link = tmp_path / "f"
    link.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        tree.own({**file(str(link)), "mode": "0666"})
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


def test_a_link_planted_at_the_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    root.mkdir()
    victim.write_text("theirs")
    (root / ".f.mediastack-new").symlink_to(victim)
    tree.apply(spec(root, file("f", "ours")))
    assert (victim.read_text(), (root / "f").read_text()) == ("theirs", "ours")


def test_a_file_of_somebody_else_where_a_directory_belongs_is_named_and_kept(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "d").write_text("theirs")
    assert tree.check(spec(root, directory("d"), file("d/f")))[0]["problem"] == "is not a directory"
    with pytest.raises(OSError, match=r"fix: move it away"):
        tree.apply(spec(root, directory("d"), file("d/f")))
    assert (root / "d").read_text() == "theirs"


def test_a_directory_of_somebody_else_where_a_file_belongs_is_named_and_kept(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    (root / "f").mkdir(parents=True)
    with pytest.raises(OSError, match=r"root/f is a directory.*fix: move it away"):
        tree.apply(spec(root, file("f")))
    assert (root / "f").is_dir()


def test_stale_directories_leave_with_their_files_in_one_run(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    tree.apply(spec(root, directory("a"), directory("a/b"), file("a/b/c")))
    empty = spec(root)
    problems = {one["path"] for one in tree.check(empty)}
    assert problems == {str(root / path) for path in ("a", "a/b", "a/b/c")}
    tree.apply(empty)
    assert list(root.iterdir()) == []
    assert tree.check(empty) == []


def test_a_stale_directory_with_a_foreign_file_stays_and_is_not_reported(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    tree.apply(spec(root, directory("a"), file("a/ours")))
    (root / "a" / "theirs").write_text("theirs")
    tree.apply(spec(root))
    assert [path.name for path in (root / "a").iterdir()] == ["theirs"]
    assert tree.check(spec(root)) == []
    (root / "a" / "theirs").unlink()
    tree.apply(spec(root))
    assert list(root.iterdir()) == []  # it was ours: it goes when it can


def test_a_kept_path_outlives_its_service(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    tree.apply(spec(root, directory("config", keep=True), file("sentinel", keep=True)))
    tree.apply(spec(root))
    assert sorted(path.name for path in root.iterdir()) == ["config", "sentinel"]
    assert tree.check(spec(root)) == []


def test_a_file_put_where_we_once_had_one_is_not_ours(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    tree.apply(spec(root, file("f")))
    (root / "f").unlink()
    tree.apply(spec(root))
    (root / "f").write_text("theirs")
    tree.apply(spec(root))
    assert (root / "f").read_text() == "theirs"


def test_what_took_the_place_of_a_path_of_ours_is_not_ours(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    tree.apply(spec(root, directory("d"), file("f")))
    (root / "d").rmdir()
    (root / "d").write_text("theirs")
    (root / "f").unlink()
    (root / "f").mkdir()
    tree.apply(spec(root))
    assert (root / "d").read_text() == "theirs"
    assert (root / "f").is_dir()
    assert tree.check(spec(root)) == []


def test_only_a_mode_is_mended_without_the_content(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    wanted = spec(root, file("f", "text"))
    tree.apply(wanted)
    inode = (root / "f").stat().st_ino
    (root / "f").chmod(0o666)
    (problem,) = tree.check(without_content(wanted))
    assert problem["content"] == "same"
    assert problem["problem"] == "mode 0666 instead of 0644"
    tree.apply(without_content(wanted))
    found = (root / "f").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_ino) == (0o644, inode)


def test_the_old_text_is_told_for_a_diff_but_not_binary_or_large_files(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    cases = {"text": b"before\n", "binary": b"\xff\xfe", "large": b"x" * 70000}
    for name, content in cases.items():
        (root / name).write_bytes(content)
    found = tree.check(spec(root, *(file(name, "after") for name in cases)))
    assert {one["path"].rpartition("/")[2]: one["old"] for one in found if "old" in one} == {
        "text": "before\n",
        "binary": "",
        "large": "",
    }


def test_a_torn_record_is_an_empty_one(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    wanted = spec(root, file("f"))
    tree.apply(wanted)
    Path(wanted["record"]).write_text('{"f": {"ki')
    assert [one["problem"] for one in tree.check(wanted)] == ["is out of date"]
    tree.apply(wanted)
    assert tree.check(wanted) == []
    assert stat.S_IMODE(Path(wanted["record"]).stat().st_mode) == 0o600


def test_a_directory_on_the_way_is_made_when_absent_and_else_left_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    wanted = spec(root, directory("way", keep=True, as_found=True), directory("way/ours"))
    assert len(tree.check(wanted)) == 3
    tree.apply(wanted)
    assert stat.S_IMODE((root / "way").stat().st_mode) == 0o755
    (root / "way").chmod(0o770)
    assert tree.check(wanted) == []


def test_a_directory_on_the_way_may_be_a_link(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    root.mkdir()
    disk.mkdir(mode=0o711)
    (root / "way").symlink_to(disk)
    wanted = spec(root, directory("way", keep=True, as_found=True), directory("way/ours"))
    tree.apply(wanted)
    assert tree.check(wanted) == []
    assert (disk / "ours").is_dir()
    assert stat.S_IMODE(disk.stat().st_mode) == 0o711


def test_a_file_on_the_way_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "way").write_text("theirs")
    with pytest.raises(OSError, match=r"root/way is not a directory.*fix:"):
        tree.apply(spec(root, directory("way", keep=True, as_found=True)))
