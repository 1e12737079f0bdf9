"""A house for tests of updates and restores: what a transaction asks of Docker besides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from stacks_house import House
from stacks_house import furnish as furnish_stacks

from mediastack import journal

Kind = TypeVar("Kind", bound="Stage")


class Stage(House):
    """stacks_house, where containers are stopped one by one. `sneaky`: so many stops are followed
    by somebody who starts it again."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.config["paths"]["config"] = f"{root}/config"
        self.calls: list[str] = []
        self.sneaky = 0

    def containers(self, label: str, services: Any = None) -> list[dict[str, Any]]:
        if services is None:
            return super().containers(label)
        return [self.document(one) for one in self.docker.containers if one["service"] in services]

    def document(self, one: dict[str, Any]) -> dict[str, Any]:
        state = {"Status": one["status"], "StartedAt": one["started_at"]}
        state["Health"] = {"Status": one["health"], "Log": [{"End": str(self.now)}]}
        return {
            "Id": one["id"], "Name": one["name"], "State": state,
            "Config": {"Image": one["image"], "Labels": {}},
        }  # fmt: skip

    def inspect(self, name: str) -> dict[str, Any] | None:
        if name == "autoheal":
            return super().inspect(name)
        found = self.docker.get(name)
        return self.document(found) if found else None

    def stop(self, name: str, grace: int) -> None:
        found = next(one for one in self.docker.containers if one["id"] == name)
        assert found["service"] in journal.entries(), "stopped before it was written down"
        self.calls.append(f"stop {found['service']}")
        found.update(status="exited", netns=None)
        if self.sneaky:
            self.sneaky -= 1
            found.update(status="running", started_at=f"again {self.sneaky}")

    def start_never(self, name: str) -> None:
        self.calls.append("never")

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.calls.append(f"tag {repository}:{tag}")

    def status(self, service: str) -> str:
        found = self.docker.get(service)
        return f"{found['image']} {found['status']}" if found else ""


def furnish(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Kind],
    held: Callable[[], dict[str, str]],
) -> Kind:
    """Everything runs; who looks sees which services are held."""
    made: Any = furnish_stacks(tmp_path, monkeypatch, kind)
    observe = made.observe

    def observed(*arguments: Any, **options: Any) -> dict[str, Any]:
        return {**observe(*arguments, **options), "held": held()}

    monkeypatch.setattr("mediastack.observe.observe", observed)
    made.local |= set(made.config["services"])
    made.apply()
    for noted in (made.composed, made.trials, made.calls):
        noted.clear()
    return made
