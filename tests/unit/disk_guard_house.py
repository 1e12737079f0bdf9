"""A house for tests of the disk guard: disks, torrents, steps, a diary of what was asked of it."""

from __future__ import annotations

import copy
from typing import Any

from mediastack import disk_guard_step as steps
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


LOW, BETWEEN, ROOM = disk(10), disk(25), disk(500)


def step(
    state: Any, *disks: Any, torrents: Any = None, now: float = 100.0, **more: Any
) -> tuple[list[Any], Any]:
    return steps.step(observed(*disks, torrents=torrents, **more), state, now, pausing=True)


def titles(actions: list[Any]) -> list[str]:
    return [one["title"].partition(":")[0] for one in actions if one["do"] == "tell"]


def do(state: Any, actions: list[Any], said: str = "ok") -> Any:
    for one in actions:
        if one["do"] in ("stop", "start"):
            state = steps.acknowledge(state, one, said)
    return state


def paused(*torrents: Any) -> Any:
    """The state after a pause of these, all done."""
    _, state = step(steps.initial_state(), LOW)
    actions, state = step(state, LOW, torrents=list(torrents))
    state = do(state, actions)
    gone = [{**one, "kind": "stopped"} if one["kind"] == "down" else one for one in torrents]
    _, state = step(state, LOW, torrents=gone)
    assert state["phase"] == "paused"
    return state


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
