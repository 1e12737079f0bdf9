"""A house for tests of updater.host: a simulated Docker, copies that are words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transaction_house
import updater_house as house
from stacks_house import DIGEST

from mediastack import lock
from mediastack.updater import copies, host, inflight, transaction

OLD = {"image": "registry/seerr:1", "digest": DIGEST}
NEW = {"image": "registry/seerr:2", "digest": house.TWO}


class Stage(transaction_house.Stage):
    """What the updater does to the copies is noted."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.copied: list[str] = []


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Everything runs, and a copy is made by saying so."""
    made = transaction_house.furnish(tmp_path, monkeypatch, Stage, inflight.held)
    for step in ("begin", "finish", "restore", "drop"):
        monkeypatch.setattr(copies, step, lambda *_, name=step: made.copied.append(name))
    monkeypatch.setattr(copies, "is_whole", lambda *_: True)
    return made


def begun(stage: Stage, service: str = "seerr", **changes: Any) -> transaction.Transaction:
    old = {**OLD, "image": f"registry/{service}:1"}
    new = {**NEW, "image": f"registry/{service}:2"}
    return house.a_transaction(service=service, old=old, new=new, **changes)


def on(stage: Stage) -> host.Host:
    engine: Any = stage
    return host.Host(lambda: stage.config, engine)


def step(stage: Stage, tx: transaction.Transaction, name: str) -> None:
    """One step, as the loop begins it."""
    inflight.write({**tx, "step": name})
    with lock.hold("updater", "test", wait_seconds=0):
        getattr(on(stage), {"return": "give_back"}.get(name, name))({**tx, "step": name})
