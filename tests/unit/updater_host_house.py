"""A house for tests of updater.host: a simulated Docker, copies that are words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import updater_house as house
from stacks_house import DIGEST, House
from stacks_house import furnish as furnish_stacks

from mediastack import journal, lock
from mediastack.updater import copies, host, inflight, transaction

OLD = {"image": "registry/seerr:1", "digest": DIGEST}
NEW = {"image": "registry/seerr:2", "digest": house.TWO}


class Stage(House):
    """stacks_house with what the updater asks besides."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.config["paths"]["config"] = f"{root}/config"
        self.calls: list[str] = []
        self.copied: list[str] = []
        self.sneaky = 0

    def containers(self, label: str, services: Any = None) -> list[dict[str, Any]]:
        if services is None:
            return super().containers(label)
        return [self.document(one) for one in self.docker.containers if one["service"] in services]

    def document(self, one: dict[str, Any]) -> dict[str, Any]:
        return {
            "Id": one["id"],
            "Name": one["name"],
            "Config": {"Image": one["image"], "Labels": {}},
            "State": {"Status": one["status"], "StartedAt": one["started_at"]},
        }

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


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Everything runs, and a copy is made by saying so."""
    made: Any = furnish_stacks(tmp_path, monkeypatch, Stage)
    observe = made.observe

    def observed(*arguments: Any, **options: Any) -> dict[str, Any]:
        return {**observe(*arguments, **options), "held": inflight.held()}

    monkeypatch.setattr("mediastack.observe.observe", observed)
    made.local |= set(made.config["services"])
    made.apply()
    for step in ("begin", "finish", "restore", "drop"):
        monkeypatch.setattr(copies, step, lambda *_, name=step: made.copied.append(name))
    monkeypatch.setattr(copies, "is_whole", lambda *_: True)
    made.composed.clear()
    made.trials.clear()
    return made


def begun(stage: Stage, service: str = "seerr", **changes: Any) -> transaction.Transaction:
    old = {**OLD, "image": f"registry/{service}:1"}
    new = {**NEW, "image": f"registry/{service}:2"}
    return house.a_transaction(service=service, old=old, new=new, **changes)


def on(stage: Stage) -> host.Host:
    engine: Any = stage
    return host.Host(lambda: stage.config, engine)


def image(stage: Stage, service: str = "seerr") -> str:
    found = stage.docker.get(service)
    return f"{found['image']} {found['status']}" if found else ""


def step(stage: Stage, tx: transaction.Transaction, name: str) -> None:
    """One step, as the loop begins it."""
    inflight.write({**tx, "step": name})
    with lock.hold("updater", "test", wait_seconds=0):
        getattr(on(stage), {"return": "give_back"}.get(name, name))({**tx, "step": name})
