"""Histories of the monitor that are told by hand, and what is found broken in them."""

from __future__ import annotations

from typing import Any

from checks.monitor_group import DEPENDENTS, GROUP, SETTINGS
from checks.monitor_history import check

OWNER = "gluetun"


class Story:
    """A history that is told by hand; all is well at its beginning."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.at = 0.0
        self.cascades: list[float] = []
        self.namespace = 1
        for name in GROUP:
            self.container(name)
        self.saved()

    def note(self, kind: str, **facts: Any) -> None:
        self.entries.append({"at": self.at, "powered": self.at, "kind": kind, **facts})

    def wait(self, seconds: float) -> None:
        self.at += seconds

    def container(self, name: str, status: str = "running", **facts: Any) -> None:
        usual = {
            "service": name,
            "status": status,
            "health": "healthy",
            "netns": self.namespace if status == "running" else None,
            "incarnation": ["id", self.namespace, "boot-1"],
            "firewall": True,
            "started_by": "",
        }
        self.note("container", **{**usual, **facts})

    def saved(self, **facts: Any) -> None:
        usual = {"cascades": list(self.cascades), "pause": None, "resumed": None, "numbers": []}
        self.note("saved", steady=self.at, **{**usual, **facts})

    def act(self, verb: str, *services: str, seconds: float = 1.0) -> None:
        self.note("looked", known=True, ready=True)
        self.note("asked", verb=verb, services=list(services))
        self.note("act", phase="begin", verb=verb, services=list(services))
        self.wait(seconds)
        nothing = {"failed": {}, "busy": "", "unknown": ""}
        self.note("act", phase="end", verb=verb, services=list(services), **nothing)
        self.note("answered")

    def moved(self) -> None:
        """Gluetun has another namespace, and nobody has followed."""
        self.namespace += 1
        self.container(OWNER)

    def cascade(self, *, counted: bool = True) -> None:
        self.moved()
        if counted:
            self.cascades.append(self.at)
            self.saved()
        self.act("revive", *DEPENDENTS)
        for name in DEPENDENTS:
            self.container(name, started_by="monitor")

    def told(self, kind: str, number: int, **facts: Any) -> None:
        self.note("told", message={"number": number, "kind": kind, **facts})

    def end(self) -> list[str]:
        self.wait(60.0)
        self.note("end", converged=True, why="")
        return check(self.entries, SETTINGS)


def found(problems: list[str]) -> set[str]:
    return {problem[:3] for problem in problems}
