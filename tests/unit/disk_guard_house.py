"""A house for tests of the disk guard: disks, torrents, and a diary of what was asked of it."""

from __future__ import annotations

import copy
from typing import Any

from mediastack.qbittorrent_client import LoginNeeded, TorrentError

GIB = 1024**3


def disk(free_gib: float, path: str = "/data", *, pauses: bool = True, **more: Any) -> Any:
    """A disk of 1000 GiB: warned of at 50, paused at 20, resumed at 30."""
    known = {"paths": [path], "pauses": pauses, "total": 1000 * GIB, "free": int(free_gib * GIB)}
    return {**known, "warn": 50 * GIB, "pause": 20 * GIB, "resume": 30 * GIB, **more}


def torrent(name: str, kind: str = "down", *, added_on: int = 1, forced: bool = False) -> Any:
    known = {"hash": name, "added_on": added_on, "name": f"The {name}"}
    return {**known, "kind": kind, "forced": forced}


def observed(*disks: Any, torrents: Any = None, **more: Any) -> Any:
    return {
        "disks": list(disks) or [disk(500)],
        "unknown": [],
        "asked": torrents is not None,
        "torrents": torrents,
        "started": "1",
        "login": False,
        "tried": "",
        "password": "a",
        "trouble": "",
        **more,
    }


class FakeHouse:
    """qBittorrent does what it is told; tests change the fields."""

    def __init__(self, *torrents: Any) -> None:
        self.diary: list[Any] = []
        self.free = 500.0
        self.unknown: list[str] = []
        self.items = {one["hash"]: one for one in torrents}
        self.session = True
        self.answers = True
        self.said = "ok"
        self.full = False
        self.time = 100.0
        self.saved: Any = {}
        self.report: dict[str, Any] = {}

    def now(self) -> float:
        return self.time

    def disks(self) -> Any:
        return ([] if "/data" in self.unknown else [disk(self.free)]), list(self.unknown)

    def client(self) -> tuple[str, str]:
        return "1", "a"

    def torrents(self) -> Any:
        self.diary.append("look")
        if not self.answers:
            raise TorrentError("away")
        if not self.session:
            raise LoginNeeded
        return copy.deepcopy(list(self.items.values()))

    def login(self) -> str:
        self.diary.append("login")
        self.session = True
        return "ok"

    def stop(self, hashes: list[str]) -> str:
        self.diary.append(("stop", *hashes))
        if self.said != "unsent":
            for name in hashes:
                self.items[name]["kind"] = "stopped"
        return self.said

    def start(self, hashes: list[str], *, forced: bool) -> str:
        self.diary.append(("force" if forced else "start", *hashes))
        if self.said != "unsent":
            for name in hashes:
                self.items[name] |= {"kind": "down", "forced": forced}
        return self.said

    def tell(self, action: Any) -> None:
        self.diary.append(action.get("title") or action["outcome"])

    def save(self, state: Any) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.diary.append("save")
        self.saved = copy.deepcopy(state)

    def publish(self, report: Any) -> None:
        self.report = report
