"""restore.places, carry, same, changes, containers: trees beside and over each other."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from restic_house import OLD_TIME

from mediastack.docker_client import NotReachable
from mediastack.restore import carry, changes, containers, listing, places
from mediastack.restore.same import same
from mediastack.updater.house import Trouble


def a_config(tmp_path: Path) -> dict[str, Any]:
    seerr = {"config": f"{tmp_path}/seerr", "uid": os.getuid(), "gid": os.getgid()}
    return {"paths": {"config": str(tmp_path)}, "services": {"seerr": seerr}}


def test_trees_are_kept_until_the_service_is_well_or_they_are_old(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    made = places.make(config, "run")
    assert os.stat(made).st_mode & 0o777 == 0o700
    for name in ("seerr", "cross-seed"):
        os.makedirs(f"{made}/{name}/x")
        places.keep(config, f"{made}/{name}", name, "run")
    assert sorted(places.kept(config).values()) == ["cross-seed", "seerr"]
    os.makedirs(f"{places.root(config)}/.left.part/x")
    gone = places.sweep(config, {"cross-seed"}, busy="run")
    assert {os.path.basename(one) for one in gone} == {".left.part", "cross-seed.run"}
    assert os.path.isdir(made)
    later = time.time() + places.KEEP_SECONDS + 60
    assert len(places.sweep(config, (), now=later)) == 2
    assert places.kept(config) == {} and not os.path.isdir(made)
    assert places.sweep(a_config(tmp_path / "nothing"), ()) == []


def two_trees(tmp_path: Path) -> tuple[Path, Path]:
    live, staged = tmp_path / "live", tmp_path / "staged"
    (live / "cache/deep").mkdir(parents=True)
    (live / "cache/deep/poster").write_text("poster")
    (live / "logs.db").write_text("x")
    staged.mkdir()
    return live, staged


def test_caches_go_on_in_the_new_tree_without_any_room(tmp_path: Path) -> None:
    live, staged = two_trees(tmp_path)
    (live / "cache").chmod(0o2755)
    os.symlink("deep", live / "cache/link")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(live / "cache/socket"))
    os.utime(staged, ns=(OLD_TIME, OLD_TIME))
    excluded = ["cache", "logs.db", "absent", "no/parent"]
    assert carry.over(str(live), str(staged), excluded) == ["cache"]
    linked = (staged / "cache/deep/poster").stat()
    assert (linked.st_ino, linked.st_nlink) == ((live / "cache/deep/poster").stat().st_ino, 2)
    assert (staged / "cache").stat().st_mode & 0o7777 == 0o2755
    assert os.readlink(staged / "cache/link") == "deep"
    assert sorted(os.listdir(staged / "cache")) == ["deep", "link"]
    assert staged.stat().st_mtime_ns == OLD_TIME and os.listdir(staged) == ["cache"]
    assert carry.over(str(live), str(staged), excluded) == [], "what the backup has is the backup's"


def test_nothing_is_carried_through_a_link_that_leads_out(tmp_path: Path) -> None:
    live, staged = two_trees(tmp_path)
    (tmp_path / "outside").mkdir()
    (live / "way").mkdir()
    (live / "way/cache").mkdir()
    os.symlink(tmp_path / "outside", staged / "way")
    assert carry.over(str(live), str(staged), ["way/cache"]) == []
    assert os.listdir(tmp_path / "outside") == []


def test_two_trees_are_the_same_to_the_last_bit_or_not(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for top in (one, other):
        (top / "a").mkdir(parents=True)
        (top / "a/file").write_text("good")
        os.symlink("file", top / "a/link")
        os.mkfifo(top / "fifo")
        os.utime(top / "a/file", ns=(OLD_TIME, OLD_TIME))
    (one / "cache").mkdir()
    assert same(str(one), str(other), ["/cache/"])
    assert not same(str(one), str(other), [])
    assert not same(str(tmp_path / "absent"), str(other), [])
    for change in (
        lambda: (other / "a/file").write_text("baad"),
        lambda: (other / "a/file").chmod(0o600),
        lambda: ((other / "a/link").unlink(), os.symlink("x", other / "a/link")),
        lambda: ((other / "fifo").unlink(), (other / "fifo").touch()),
    ):
        change()
        os.utime(other / "a/file", ns=(OLD_TIME, OLD_TIME))
        assert not same(str(one), str(other), ["cache"])
        (other / "a/file").write_text("good")
        (other / "a/file").chmod(0o644)


def test_what_would_change_is_told_from_the_list_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = a_config(tmp_path)
    live = tmp_path / "seerr"
    for name in ("settings.json", "added", "seerr.db", "seerr.db-wal", "cache/x", "same"):
        (live / name).parent.mkdir(parents=True, exist_ok=True)
        (live / name).write_text("now")
    entry = {"root": "/then/seerr", "excludes": ["cache"], "uid": 7, "gid": 7,
             "databases": {"seerr.db": {"tables": {"rows": 3}}}}  # fmt: skip
    manifest = {"paths": {"stage": "/then/stage"}, "services": {"seerr": entry}}

    def node(name: str, **changes: Any) -> listing.Node:
        there = live / name
        found = there.stat() if there.exists() else live.stat()
        kind = "dir" if there.is_dir() else "file"
        made = listing.Node(f"/then/seerr/{name}".rstrip("/"), kind, found.st_size,
                            found.st_mode & 0o7777, 7, 7, found.st_mtime_ns)  # fmt: skip
        return made._replace(**changes)

    def nodes(target: Any, snapshot: str, tops: Any) -> list[listing.Node]:
        assert list(tops) == ["/then/seerr"]
        return [node(""), node("settings.json", size=9), node("gone", mode=0o600), node("same")]

    monkeypatch.setattr(listing, "nodes", nodes)
    target: Any = None
    found = changes.find(config, target, "abc", manifest, ["seerr"])["seerr"]
    assert found == changes.Changes(["gone"], ["settings.json"], ["added"])
    said = list(changes.lines("seerr", found, entry["databases"]))
    assert said == [
        "seerr: database seerr.db as it was then (rows 3)",
        "seerr: comes back: gone",
        "seerr: changes: settings.json",
        "seerr: goes: added",
    ]
    many = changes.Changes([str(number) for number in range(99)], [], [])
    assert len(list(changes.lines("x", many, {}))) == changes.SHOWN + 1
    assert list(changes.lines("x", changes.Changes([], [], []), {})) == ["x: nothing changes"]


def test_a_container_that_sees_another_tree_than_the_one_in_place(tmp_path: Path) -> None:
    live, other = tmp_path / "live", tmp_path / "other"
    for path in (live, other):
        path.mkdir()
    (tmp_path / "proc/7").mkdir(parents=True)
    mount = {"Source": str(live), "Destination": "/config"}
    state: dict[str, Any] = {"Status": "running", "Pid": 7}

    class Engine:
        trouble = False

        def inspect(self, _: str) -> dict[str, Any]:
            if self.trouble:
                raise NotReachable("away")
            return {"State": state, "Mounts": [{"Source": "/data", "Destination": "/data"}, mount]}

    engine: Any = Engine()

    def sees() -> bool:
        return containers.sees_another(engine, "seerr", str(live), str(tmp_path / "proc"))

    assert not sees(), "it ended meanwhile"
    os.symlink(tmp_path / "inside", tmp_path / "proc/7/root")
    (tmp_path / "inside").mkdir()
    os.symlink(live, tmp_path / "inside/config")
    assert not sees()
    (tmp_path / "inside/config").unlink()
    os.symlink(other, tmp_path / "inside/config")
    assert sees()
    state["Status"] = "exited"
    assert not sees()
    engine.trouble = True
    with pytest.raises(Trouble, match="away"):
        sees()
