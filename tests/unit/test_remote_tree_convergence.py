"""remote/tree.py: any host becomes the wanted tree, kills or not; nobody else's file is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tree_house import (
    MODES,
    OWNERS,
    PATHS,
    Killed,
    Spec,
    WatchedOs,
    directory,
    entry,
    expected,
    file,
    host,
    snapshot,
    spec,
    through,
    without_content,
)

from remote import tree


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
        kept = [Path(one["path"]) for one in new if one["keep"]]
        stay = {str(place) for path in kept for place in (path, *path.parents)} - {"."}
        assert set(snapshot(root)) == stay


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


def test_what_a_killed_run_had_begun_leaves_with_the_next_release() -> None:
    new = [directory("a"), directory("a/b"), file("a/b/c"), entry("l", "link", "0777", "a")]
    died, dies_at = True, 0
    while died:
        dies_at += 1
        with host() as root:
            try:
                with through(WatchedOs(dies_at=dies_at)):
                    tree.apply(spec(root, *new))
                died = False
            except Killed:
                pass
            tree.apply(spec(root))
            assert snapshot(root) == {}
            assert tree.check(spec(root)) == []
    assert dies_at > 20


def test_what_a_killed_run_had_prepared_is_a_difference_also_when_the_file_is_as_wanted() -> None:
    with host() as root:
        wanted = spec(root, directory("a"), file("a/f"), entry("l", "link", "0777", "a"))
        tree.apply(wanted)
        (root / "a" / ".f.mediastack-new").write_text("half")
        (root / ".l.mediastack-new").symlink_to("elsewhere")
        found = {one["path"]: one["problem"] for one in tree.check(without_content(wanted))}
        left = [str(root / "a" / ".f.mediastack-new"), str(root / ".l.mediastack-new")]
        assert found == dict.fromkeys(left, "left by a killed run")
        tree.apply(wanted)
        assert snapshot(root) == expected(root, wanted)
        assert tree.check(without_content(wanted)) == []


def test_names_are_on_the_disk_before_the_record_says_that_all_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with host() as root:
        order: list[str] = []
        remember, sync = tree.remember, tree.sync
        monkeypatch.setattr(
            tree, "remember", lambda *given: (order.append("record"), remember(*given))
        )
        monkeypatch.setattr(tree, "sync", lambda paths: (order.extend(sorted(paths)), sync(paths)))
        tree.apply(spec(root, directory("a"), file("a/f")))
        last = len(order) - 1 - order[::-1].index("record")
        assert {str(root), str(root / "a")} <= set(order[:last])
