"""A house for tests of restores: a simulated Docker, config trees that are real directories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import transaction_house
from stacks_house import DIGEST

from mediastack import lock
from mediastack.restore import host, inflight, places, run, swap, transaction

TWO = "sha256:" + "2" * 64
ID = "20270101-000000-aa"


class Stage(transaction_house.Stage):
    """Each service has an old config. `looks_at`: {service: inode of the tree that its container
    had the name of when it was started}."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.config["updates"] = {"stable_seconds": 1, "deadline_seconds": 20}
        for name, entry in self.config["services"].items():
            entry |= {"config": f"{root}/config/{name}", "uid": os.getuid(), "gid": os.getgid()}
            made_tree(root / "config" / name, "old")
        self.looks_at: dict[str, int | None] = {}

    def stop(self, name: str, grace: int) -> None:
        holder = lock.holder()
        assert holder is not None and holder["actor"] == "restore"
        super().stop(name, grace)

    def start(self, name: str) -> None:
        super().start(name)
        self.looks_at[name] = swap.identity(self.config["services"][name]["config"])

    def run_compose(self, arguments: Any, timeout_seconds: float) -> None:
        super().run_compose(arguments, timeout_seconds)
        for name in self.config["services"]:
            if name in self.composed[-1]:
                self.looks_at[name] = swap.identity(self.config["services"][name]["config"])

    def sees_another(self, docker: Any, service: str, live: str) -> bool:
        found = self.docker.get(service)
        up = found is not None and found["status"] == "running"
        return up and self.looks_at.get(service) != swap.identity(live)

    def tree(self, service: str) -> str:
        """Which of the trees is in place."""
        path = Path(self.config["services"][service]["config"])
        return (path / "which").read_text() if path.is_dir() else ""


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Everything runs on the old configs."""
    made = transaction_house.furnish(tmp_path, monkeypatch, Stage, inflight.held)
    monkeypatch.setattr("mediastack.restore.containers.sees_another", made.sees_another)
    monkeypatch.setattr("time.sleep", made.sleep)
    for service in made.config["services"]:
        made.looks_at[service] = swap.identity(made.config["services"][service]["config"])
    return made


def made_tree(path: Path, which: str) -> None:
    path.mkdir(parents=True)
    (path / "which").write_text(which)


def begun(stage: Stage, service: str = "seerr", **changes: Any) -> transaction.Transaction:
    """A new tree lies there, and the transaction that puts it in place."""
    places.make(stage.config, ID)
    live, staged = (
        stage.config["services"][service]["config"],
        places.tree(stage.config, ID, service),
    )
    made_tree(Path(staged), "new")
    new = swap.identity(staged)
    assert new is not None
    values: dict[str, Any] = {
        "live": live, "staged": staged, "old": swap.identity(live), "new": new, "runs": True,
        "atomic": True, **changes,
    }  # fmt: skip
    return transaction.begin(service, **values)


def move(service: str = "seerr") -> dict[str, dict[str, str]]:
    """From the image that is locked to another one."""
    return {
        "old": {"image": f"registry/{service}:1", "digest": DIGEST},
        "new": {"image": f"registry/{service}:2", "digest": TWO},
    }


def on(stage: Stage) -> host.Host:
    engine: Any = stage
    return host.Host(lambda: stage.config, engine, ID)


def step(stage: Stage, tx: transaction.Transaction, name: str) -> None:
    """One step, as the loop begins it."""
    tx = {**tx, "step": name, "tries": 1}
    inflight.write({"schema": 1, "id": ID, "phase": "apply", "services": {tx["service"]: tx}})
    act = getattr(on(stage), {"return": "give_back"}.get(name, name))
    with lock.hold("restore", "test", wait_seconds=0):
        act(tx)


def world(stage: Stage, write: Any) -> run.World:
    def locked() -> Any:
        return lock.hold("restore", "test", wait_seconds=0)

    vpn = ("qbittorrent", "sonarr", "flaresolverr")
    steady = lambda: stage.now  # noqa: E731
    return run.World(write, locked, steady, stage.sleep, "gluetun", vpn)
