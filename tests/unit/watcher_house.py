"""All that the monitor's loop has around it, with a diary of its calls; it can be killed."""

from __future__ import annotations

import json
from typing import Any

from monitor_house import House

from mediastack.monitor.step import step
from mediastack.monitor.watcher import Watcher


class Killed(BaseException):
    """SIGKILL, as far as a test can play it."""


class FakeHouse:
    """Docker is a House; disk, healer and clock are here, with a diary of what was called."""

    def __init__(self) -> None:
        self.docker = House()
        self.disk = "{}"
        self.diary: list[Any] = []
        self.boot, self.seconds = "boot-1", 100.0
        self.answers = self.takes = self.hears = True
        self.full = False
        self.resume = False
        self.ended: list[Any] = []
        self.killed_in = ""

    def _called(self, name: str, *details: Any) -> None:
        if name == self.killed_in:
            raise Killed
        self.diary.append((name, *details))

    def boottime(self) -> tuple[str, float]:
        return self.boot, self.seconds

    def wall_clock(self) -> float:
        return 1.8e9 + self.seconds

    def load(self) -> Any:
        return json.loads(self.disk)

    def save(self, state: Any) -> None:
        self._called("save")
        if self.full:
            raise OSError(28, "no space left")
        self.disk = json.dumps(state)

    def requests(self) -> Any:
        return {"resume": self.resume}

    def granted(self, requests: Any) -> None:
        self._called("granted")
        self.resume = False

    def look(self, firewall: bool) -> Any:
        self._called("look", firewall)
        return self.docker.look() if self.answers else None

    def act(self, act: Any) -> None:
        self._called("act", act["verb"], tuple(act["services"]))

    def results(self) -> Any:
        ended, self.ended = self.ended, []
        return ended

    def tell(self, message: Any) -> bool:
        self._called("tell", message["number"], message["kind"])
        return self.takes

    def hearing(self) -> bool:
        return self.hears

    def restart(self) -> None:
        """Gluetun starts anew, a moment later than before."""
        self.docker.now += 10.0
        self.docker.start_owner()

    def did(self, what: str) -> list[Any]:
        return [entry[1:] for entry in self.diary if entry[0] == what]

    def kept(self) -> Any:
        return json.loads(self.disk)

    def end(self, verb: str, services: tuple[str, ...], **more: Any) -> None:
        result = {"verb": verb, "services": list(services), "failed": {}, "busy": "", "unknown": ""}
        self.ended.append({**result, **more})


def settled(house: FakeHouse) -> Watcher:
    """A watcher for which all is quiet."""
    watcher = Watcher(house, step)
    for _ in range(4):
        watcher.make_pass()
        house.seconds += 2
    house.diary.clear()
    return watcher
