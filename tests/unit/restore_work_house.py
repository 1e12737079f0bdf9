"""A house for tests of whole restores: the stage of restore_house, and a repository on paper."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import restore_house
from restore_house import DIGEST, Stage

from mediastack import notify
from mediastack.backup import repository_files, snapshots
from mediastack.backup.snapshots import Snapshot
from mediastack.restore import extract, inflight, resume, work


class House:
    """A stage, and a repository on paper."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        services = stage.config["services"]
        stage.config |= {"host": {"name": "here"}, "backup": {"local": True}}
        stage.config["paths"] |= {"etc": "/nowhere", "backups": "/nowhere"}
        then = {"digest": DIGEST, "locked_at": "", "excludes": [], "databases": {"x.db": {}}}
        then |= {"uid": os.getuid(), "gid": os.getgid(), "stopped": False}
        self.manifest: dict[str, Any] = {
            "made_at": "2027-01-01T03:30:00.000+00:00",
            "host": "here",
            "services": {
                name: {**then, "image": services[name]["image"], "root": services[name]["config"]}
                for name in services
            },
        }
        self.snapshots = [
            Snapshot("a" * 64, "2027", "here", ()),
            Snapshot("b" * 64, "2028", "x", ()),
        ]
        self.damage: list[str] = []
        self.trouble: Exception | BaseException | None = None
        self.sent: list[str] = []

    def load(self) -> dict[str, Any]:
        return self.stage.config

    def extracted(
        self, target: Any, snapshot: str, manifest: Any, wanted: dict[str, str], **_: Any
    ) -> list[str]:
        assert snapshot == "a" * 64
        journal = inflight.read()
        assert journal is not None and journal["phase"] == "fetch", "written down before"
        for path in wanted.values():
            restore_house.made_tree(Path(path), "new")
            if self.trouble:
                raise self.trouble
        return list(wanted)

    def restore(self, **asked: Any) -> int:
        engine: Any = self.stage
        return work.restore(self.load, engine, work.Asked(**asked))

    def finish(self) -> int:
        engine: Any = self.stage
        return resume.finish(self.load, engine)

    def trees(self) -> set[str]:
        return {self.stage.tree(name) for name in self.stage.config["services"]}


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Everything runs, and its backup is sound."""
    made = House(restore_house.furnish(tmp_path, monkeypatch))
    monkeypatch.setattr(snapshots, "listed", lambda target: made.snapshots)
    monkeypatch.setattr(repository_files, "problems", lambda target: made.damage)
    monkeypatch.setattr(extract, "manifest", lambda target, snapshot: made.manifest)
    monkeypatch.setattr(extract, "services", made.extracted)
    monkeypatch.setattr("mediastack.monitor.report.read", lambda config: {})
    monkeypatch.setattr("time.clock_gettime", lambda _: made.stage.now)
    monkeypatch.setattr(resume, "start_unit", lambda: made.sent.append("unit"))
    monkeypatch.setattr(notify, "send", lambda *a, **_: made.sent.append(a[1]))
    monkeypatch.setattr("mediastack.healing.wake", lambda *_: False)
    return made
