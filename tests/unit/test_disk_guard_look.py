"""Room is looked at where the disk really is, and a dead one hangs nobody."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mediastack import disk_guard_look as look
from mediastack.disk_guard_look import Look, Place, Room

THRESHOLDS = {"warn": "10%", "pause": "4% or 20 GiB", "resume": "6%"}
GIB = 1024**3


def rooms(monkeypatch: pytest.MonkeyPatch, known: dict[str, Room | None]) -> None:
    def room_of(path: str) -> Room:
        found = known.get(path)
        if found is None:
            raise FileNotFoundError(path)
        return found

    monkeypatch.setattr(look, "room_of", room_of)


def place(path: str, *, pauses: bool = True, needed: bool = True) -> Place:
    return Place(path, path, pauses, needed)


def test_the_kernel_says_how_much_is_free_for_those_who_are_not_root(tmp_path: Path) -> None:
    found, said = look.room_of(str(tmp_path)), os.statvfs(tmp_path)
    assert found.device == os.stat(tmp_path).st_dev
    assert abs(found.free - said.f_bavail * said.f_frsize) < GIB
    assert found.total == said.f_blocks * said.f_frsize


def test_data_is_where_its_sentinel_is_and_unknown_without_it(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / name) for name in ("data", "config", "state", "backups")}
    paths["sentinel"] = f"{paths['data']}/.sentinel"
    for name in ("data", "config", "state"):
        (tmp_path / name).mkdir()
    watched = look.places(paths, str(tmp_path / "daemon.json"))
    disks, unknown = Look(watched, THRESHOLDS).disks()
    # An empty mount point is no disk; backups that nobody makes are none that is missing.
    assert unknown == [paths["data"]]
    assert paths["config"] in disks[0]["paths"] and paths["backups"] not in disks[0]["paths"]
    Path(paths["sentinel"]).touch()
    disks, unknown = Look(watched, THRESHOLDS).disks()
    assert unknown == [] and disks[0]["paths"][:2] == [paths["data"], paths["config"]]
    assert disks[0]["pauses"] and disks[0]["pause"] == min(disks[0]["total"] // 25, 20 * GIB)


def test_where_docker_keeps_its_data_is_in_its_settings(tmp_path: Path) -> None:
    paths = dict.fromkeys(("data", "sentinel", "config", "state", "backups"), "/x")
    settings = tmp_path / "daemon.json"
    assert look.places(paths, str(settings))[3].path == "/var/lib/docker"
    settings.write_text('{"data-root": "/mnt/docker"}')
    assert look.places(paths, str(settings))[3] == Place("/mnt/docker", "/mnt/docker", False, False)


def test_each_disk_is_one_and_pauses_when_one_of_its_paths_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = Room(1, 5 * GIB, 100 * GIB), Room(2, 50 * GIB, 1000 * GIB)
    rooms(monkeypatch, {"/data": one, "/docker": other, "/config": other})
    watched = [place("/data"), place("/config"), place("/docker", pauses=False, needed=False)]
    disks, unknown = Look(watched, THRESHOLDS).disks()
    assert unknown == []
    assert [(disk["paths"], disk["pauses"]) for disk in disks] == [
        (["/data"], True),
        (["/config", "/docker"], True),
    ]
    assert [(disk["warn"], disk["pause"], disk["resume"]) for disk in disks] == [
        (10 * GIB, 4 * GIB, 6 * GIB),
        (100 * GIB, 20 * GIB, 60 * GIB),
    ]
    disks, _ = Look(watched[2:], THRESHOLDS).disks()
    assert not disks[0]["pauses"]


def test_a_dead_disk_is_unknown_after_a_moment_and_asked_again_only_when_it_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive, asked = threading.Event(), []

    def room_of(path: str) -> Room:
        asked.append(path)
        if path == "/dead":
            alive.wait(20)
        return Room(hash(path), GIB, GIB)

    monkeypatch.setattr(look, "room_of", room_of)
    monkeypatch.setattr(look, "DEADLINE_SECONDS", 0.05)
    watched = Look([place("/dead", needed=False), place("/well")], THRESHOLDS)
    started = time.monotonic()
    for _ in range(3):
        disks, unknown = watched.disks()
        assert unknown == ["/dead"] and [disk["paths"] for disk in disks] == [["/well"]]
    assert time.monotonic() - started < 2
    assert asked.count("/dead") == 1
    alive.set()
    time.sleep(0.1)
    assert watched.disks()[1] == []


def test_an_error_of_the_kernel_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(path: str) -> Any:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(look, "room_of", stale)
    assert Look([place("/data"), place("/b", needed=False)], THRESHOLDS).disks() == ([], ["/data"])
