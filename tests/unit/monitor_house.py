"""A group of Gluetun's as looks, and a monitor's pure core that is played pass by pass."""

from __future__ import annotations

import copy
from typing import Any

from group_data.all import monitor
from mediastack.monitor import state as states
from mediastack.monitor.step import step

OWNER = "gluetun"
DEPENDENTS = ("qbittorrent", "sonarr", "radarr")
# The defaults; the port of the metrics is nothing that a look says.
SETTINGS: dict[str, Any] = {k: v for k, v in monitor.items() if k != "metrics_port"}


class House:
    """Docker as the look shows it; every change is one that Docker would make."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.boot = "boot-1"
        self.count = 0
        self.services = {name: self._made(name) for name in (OWNER, *DEPENDENTS)}
        self.actions: list[dict[str, str]] = []
        self.undecided: list[str] = []
        self.busy = ""
        self.firewall: bool | None = True
        self.disk_free: float | None = 0.5
        self.settings = dict(SETTINGS)
        self.state = states.initial_state()
        self.told: list[dict[str, Any]] = []
        self.acts: list[tuple[str, list[str]]] = []
        self.decision: Any = None
        self.start_owner()
        self.revive(*DEPENDENTS)

    def _made(self, name: str) -> dict[str, Any]:
        self.count += 1
        return {
            "status": "exited",
            "id": f"{name}-{self.count}",
            "name": name,
            "health": "none",
            "health_check": True,
            "netns": None,
            "network_mode": "bridge",
            "started_at": None,
            "finished_at": None,
            "exit_code": 0,
            "oom_killed": False,
            "restarts": 0,
            "error": "",
            "pid": 0,
            "wanted": True,
            "stopped_by_user": False,
        }

    def start_owner(self, *, anew: bool = False, restarts: int = 0) -> None:
        """Gluetun starts: another namespace each time, with `anew` in another container."""
        if anew:
            self.services[OWNER] = self._made(OWNER)
        self.count += 1
        self.services[OWNER] |= {
            "status": "running",
            "health": "healthy",
            "netns": 4000 + self.count,
            "started_at": self.now,
            "restarts": restarts,
            "oom_killed": False,
        }

    def end_owner(self, **facts: Any) -> None:
        """Gluetun's process ends."""
        self.services[OWNER] |= {"status": "exited", "netns": None, "health": "none", **facts}

    def revive(self, *names: str) -> None:
        """Dependents are in the owner's present namespace and healthy."""
        owner = self.services[OWNER]
        for name in names:
            self.services[name] |= {
                "status": "running",
                "health": "healthy",
                "netns": owner["netns"],
                "network_mode": f"container:{owner['id']}",
                "started_at": self.now,
            }

    def stop(self, *names: str) -> None:
        """Dependents have ended."""
        for name in names:
            self.services[name] |= {"status": "exited", "netns": None, "health": "none"}

    def look(self) -> dict[str, Any]:
        """What the healer would answer."""
        return copy.deepcopy(
            {
                "schema": 1,
                "owner": OWNER,
                "boot": self.boot,
                "services": self.services,
                "actions": self.actions,
                "undecided": self.undecided,
                "busy": self.busy,
                "data": True,
                "firewall": self.firewall,
                "disk_free": self.disk_free,
                "settings": self.settings,
            }
        )

    def see(
        self,
        seconds: float = 2.0,
        *,
        known: bool = True,
        resume: bool = False,
        result: dict[str, Any] | None = None,
    ) -> list[tuple[str, list[str]]]:
        """One pass, `seconds` after the last; return what was asked for, which nobody does."""
        self.now += seconds
        results: list[Any] = []
        if (acting := self.state["acting"]) is not None:
            ended = {"verb": acting["verb"], "services": acting["services"]}
            results = [{**ended, "failed": {}, "busy": "", "unknown": "", **(result or {})}]
        look = self.look() if known else None
        before = copy.deepcopy(self.state)
        self.decision, after = step(look, self.state, self.now, results, {"resume": resume})
        assert self.state == before, "step changed its argument"
        self.state = after
        self.told += self.state["outbox"]
        self.state["outbox"] = []
        asked = [(act["verb"], list(act["services"])) for act in self.decision["acts"]]
        self.acts += asked
        return asked

    def obey(self, seconds: float = 2.0) -> list[tuple[str, list[str]]]:
        """Like see, and what is asked for is done before the next pass."""
        asked = self.see(seconds)
        for verb, names in asked:
            if verb == "hold":
                self.stop(*names)
            elif OWNER not in names:
                self.revive(*names)
        return asked

    def cascade(self, *, anew: bool = False, restarts: int = 0) -> None:
        """Gluetun starts anew, and the monitor does what it does until it is quiet."""
        self.start_owner(anew=anew, restarts=restarts)
        for _ in range(4):
            self.obey()

    def kinds(self) -> list[str]:
        """What was told so far."""
        return [message["kind"] for message in self.told]
