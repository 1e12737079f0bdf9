"""remote/tree.py: any host becomes the wanted tree, kills or not; nobody else's file is touched."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote import tree

Spec = dict[str, Any]
PATHS = ("a", "a/b", "a/b/c", "a/d", "e", "e/f", "g")
MODES = {"file": ("0400", "0600", "0644", "0755"), "directory": ("0700", "0750", "0755", "0775")}
MUTATING = (
    *("open", "mkdir", "rename", "fchown", "fchmod", "fsync", "symlink", "unlink", "rmdir"),
    "makedirs",
)
# Only root can give files away.
OWNERS = (0, 1234) if os.geteuid() == 0 else (os.geteuid(),)


def file(path: str, content: str = "content", **more: Any) -> Spec:
    return entry(path, "file", **{"mode": "0644", "text": content, **more})


def directory(path: str, **more: Any) -> Spec:
    return entry(path, "directory", **{"mode": "0755", **more})


def entry(path: str, kind: str, mode: str, text: str = "", **more: Any) -> Spec:
    made: Spec = {"path": path, "kind": kind, "mode": mode, "keep": False}
    made |= {"uid": os.geteuid(), "gid": os.getegid()}
    if kind == "file":
        made["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        made["content"] = base64.b64encode(text.encode()).decode()
    if kind == "link":
        made |= {"target": text or "nowhere", "mode": "0777"}
    return {**made, **more}


def spec(root: Path, *entries: Spec) -> Spec:
    """The wanted state below a root, with a record beside it."""
    placed = [{**one, "path": str(root / one["path"])} for one in entries]
    return {"record": str(root.parent / "state" / "managed.json"), "entries": placed}


def without_content(wanted: Spec) -> Spec:
    """What the operation sends for a check."""
    bare = [
        {key: value for key, value in one.items() if key != "content"} for one in wanted["entries"]
    ]
    return {**wanted, "entries": bare}


def snapshot(root: Path) -> dict[str, tuple[Any, ...]]:
    """What is there: kind, content or target, mode and owner of every path."""
    seen: dict[str, tuple[Any, ...]] = {}
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        content: bytes | str = b""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        mode = 0 if path.is_symlink() else stat.S_IMODE(found.st_mode)
        owner = (0, 0) if path.is_symlink() else (found.st_uid, found.st_gid)
        seen[str(path.relative_to(root))] = (stat.S_IFMT(found.st_mode), content, mode, owner)
    return seen


def expected(root: Path, wanted: Spec) -> dict[str, tuple[Any, ...]]:
    """The same, from the wanted state."""
    kinds = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}
    shown: dict[str, tuple[Any, ...]] = {}
    for one in wanted["entries"]:
        link = one["kind"] == "link"
        content = one["target"] if link else base64.b64decode(one.get("content", ""))
        mode = 0 if link else int(one["mode"], 8)
        owner = (0, 0) if link else (one["uid"], one["gid"])
        path = str(Path(one["path"]).relative_to(root))
        shown[path] = (kinds[one["kind"]], content, mode, owner)
    return shown


class Killed(BaseException):
    """SIGKILL: nothing that follows in the process happens."""


class WatchedOs:
    """The os module with every changing call counted: dead from the n-th on, or looked at."""

    def __init__(self, *, dies_at: int = 0, after: Callable[[], None] | None = None) -> None:
        self.calls, self.dies_at, self.after = 0, dies_at, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in MUTATING:
            return real

        def called(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.dies_at and self.calls >= self.dies_at:
                raise Killed
            result = real(*arguments, **named)
            if self.after:
                self.after()
            return result

        return called


@contextmanager
def through(watched: WatchedOs) -> Iterator[WatchedOs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "os", watched)
        yield watched


@contextmanager
def host() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        yield root


@st.composite
def entries(draw: st.DrawFn) -> list[Spec]:
    """A tree in creation order: a path is in it only when its parent is a directory of it."""
    made: dict[str, Spec] = {}
    for path in PATHS:
        parent = str(Path(path).parent)
        if parent != "." and made.get(parent, {}).get("kind") != "directory":
            continue
        kind = draw(st.sampled_from(["none", "file", "directory", "directory", "link"]))
        if kind == "none":
            continue
        mode = draw(st.sampled_from(MODES.get(kind, ("0777",))))
        text = draw(st.sampled_from(["", "one", "two"]))
        owner = draw(st.sampled_from(OWNERS))
        keep = kind == "directory" and draw(st.booleans())
        made[path] = entry(path, kind, mode, text, uid=owner, gid=owner or os.getegid(), keep=keep)
    return list(made.values())


DISTURBANCES = st.lists(
    st.tuples(
        st.sampled_from(["mode", "content", "remove", "link", "owner"]), st.sampled_from(PATHS)
    ),
    max_size=6,
)


def disturb(root: Path, how: str, name: str) -> None:
    """What happens to managed paths: somebody edits, chmods, deletes, puts a link there."""
    path = root / name
    if not path.exists() or path.is_symlink() or not path.resolve().is_relative_to(root):
        return
    if how == "mode":
        path.chmod(0o711 if path.is_dir() else 0o606)
    elif how == "owner":
        os.chown(path, OWNERS[-1], -1)
    elif how == "content" and path.is_file():
        path.write_text("of somebody else")
    elif how == "remove" and path.is_file():
        path.unlink()
    elif how == "link" and path.is_file():
        path.unlink()
        path.symlink_to(root.parent / "victim")


EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@EXAMPLES
@given(old=entries(), new=entries(), disturbances=DISTURBANCES, foreign=st.sets(st.integers(0, 6)))
def test_any_host_becomes_the_wanted_tree_and_foreign_files_stay(
    old: list[Spec],
    new: list[Spec],
    disturbances: list[tuple[str, str]],
    foreign: set[int],
) -> None:
    with host() as root:
        victim = root.parent / "victim"
        victim.write_text("not ours")
        tree.apply(spec(root, *old))
        for how, name in disturbances:
            disturb(root, how, name)
        theirs = [
            root / PATHS[index] / "foreign"
            for index in foreign
            if (root / PATHS[index]).is_dir() and not (root / PATHS[index]).is_symlink()
        ]
        for path in theirs:
            path.write_text("theirs")
        planted = [
            path for path in root.rglob("*") if path.is_symlink() and path.resolve() == victim
        ]
        kept = [root / one["path"] for one in old if one["keep"]]
        wanted = spec(root, *new)
        try:
            tree.apply(wanted)
        except OSError as error:
            # Only where something of somebody else's stands in the way, and then it says so.
            planted_on = {one["kind"] for one in new if root / one["path"] in planted}
            others = {root / one["path"] for one in new if one["kind"] != "directory"}
            held = {place for path in (*theirs, *kept) for place in (path, *path.parents)}
            assert "directory" in planted_on or others & held
            assert "fix:" in str(error)
        else:
            seen = snapshot(root)
            assert tree.check(without_content(wanted)) == []
            assert {path: seen[path] for path in expected(root, wanted)} == expected(root, wanted)
            others = {root / path for path in seen} - {root / one["path"] for one in new}
            stay = (*theirs, *kept, *planted)
            assert others <= {place for path in stay for place in (path, *path.parents)}
        assert all(path.read_text() == "theirs" for path in theirs)
        assert all(path.is_dir() for path in kept)
        assert victim.read_text() == "not ours"
        assert not list(root.rglob("*.mediastack-new"))


@EXAMPLES
@given(old=entries(), new=entries(), data=st.data())
def test_a_kill_at_any_call_leaves_what_the_next_run_finishes(
    old: list[Spec], new: list[Spec], data: st.DataObject
) -> None:
    old = [{**one, "keep": False} for one in old]
    with host() as root:
        tree.apply(spec(root, *old))
        with through(WatchedOs()) as watched:
            tree.apply(spec(root, *new))
        undisturbed = snapshot(root)
    calls = watched.calls
    dies_at = data.draw(st.integers(1, max(calls, 1)))
    with host() as root:
        wanted = spec(root, *new)
        tree.apply(spec(root, *old))
        if calls:
            with through(WatchedOs(dies_at=dies_at)), pytest.raises(Killed):
                tree.apply(wanted)
        tree.apply(wanted)
        assert snapshot(root) == undisturbed
        assert tree.check(without_content(wanted)) == []
        # What came in with the killed run leaves with the next release.
        tree.apply(spec(root))
        assert set(snapshot(root)) == {one["path"] for one in new if one["keep"]}


def test_a_kill_at_each_call_of_a_whole_change_is_finished_by_the_next_run() -> None:
    old = [directory("a"), file("a/gone"), file("a/edited", "old"), file("kind"), directory("g")]
    new = [
        *(directory("a"), file("a/edited", "new"), directory("kind"), file("kind/in", mode="0600")),
        *(entry("link", "link", "0777", "a"), file("g")),
    ]
    died, dies_at = True, 0
    while died:
        dies_at += 1
        with host() as root:
            wanted = spec(root, *new)
            tree.apply(spec(root, *old))
            try:
                with through(WatchedOs(dies_at=dies_at)):
                    tree.apply(wanted)
                died = False
            except Killed:
                tree.apply(wanted)
            assert snapshot(root) == expected(root, wanted)
            assert tree.check(without_content(wanted)) == []
    assert dies_at > 25


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
