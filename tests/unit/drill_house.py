"""A house for tests of the drill: a real repository, the host it is of, an app on paper."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import restic_house

from mediastack.backup import databases, drill, drill_apps, report, run_lock
from mediastack.backup.drill_apps import Answer


class FakeDocker:
    """No container but those that a killed drill has left."""

    def __init__(self) -> None:
        self.left: list[str] = []

    def containers(self, _: str) -> list[dict[str, Any]]:
        return [{"Id": one} for one in self.left]

    def remove(self, name: str, _: int) -> None:
        self.left.remove(name)


class House:
    """A repository with one backup, the host it is of, and what was asked, sent and recorded."""

    def __init__(self, folder: Path) -> None:
        self.found = restic_house.furnish(folder)
        self.paths = {**self.found.manifest["paths"], "backups": str(folder / "backups")}
        self.docker = FakeDocker()
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, list[str]]] = []
        self.sent: list[tuple[str, str, int]] = []
        self.recorded: list[tuple[str, str]] = []
        services = self.found.manifest["services"]
        database = Path(self.paths["stage"]) / "databases/sonarr/sonarr.db"
        made = databases.copy(str(database), f"{database}.copy")
        os.replace(f"{database}.copy", database)
        self.record = {**made, **services["sonarr"]["databases"]["sonarr.db"]}
        services["sonarr"]["databases"]["sonarr.db"] = self.record
        self.config: dict[str, Any] = {
            "host": {"name": "here"},
            "paths": self.paths,
            "backup": {"enabled": True, "local": True, "drill": True},
            "services": {
                "sonarr": {"image": "ghcr.io/linuxserver/sonarr:4.0.20", "drill": True},
                "qbittorrent": {"image": "ghcr.io/linuxserver/qbittorrent:5.2.3", "drill": False},
            },
        }
        for one in self.config["services"].values():
            one |= {"uid": os.getuid(), "gid": os.getgid()}

    def ask(self, _: Any, __: Any, service: str, image: str, places: Any) -> Answer:
        seen = sorted(os.listdir(places.state))
        self.asked.append((service, image, seen))
        assert Path(places.secrets, "sonarr/api_key").read_text() == "k"
        return self.answers.get(service, Answer(said="well after 0.1 s"))

    def run(self, services: tuple[str, ...] = ()) -> int:
        docker: Any = self.docker
        return drill.run(self.config, docker, self.found.target, services)

    def nothing_stays(self) -> bool:
        below = Path(self.paths["config"]) / ".mediastack-backup"
        return sorted(os.listdir(below)) == ["stage"] and self.docker.left == []


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A repository to be, no app to start, and what would be sent or recorded is noted."""
    made = House(tmp_path)
    monkeypatch.setattr(drill_apps, "ask", made.ask)
    monkeypatch.setattr(report, "default_path", lambda: str(tmp_path / "backup.json"))
    monkeypatch.setattr(run_lock.config, "paths", lambda: made.paths)
    monkeypatch.setattr(drill.image_lock, "default_path", lambda: str(tmp_path / "images.lock"))
    monkeypatch.setattr(drill.restic, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        drill.notify,
        "send",
        lambda _, title, text, *, priority, **__: made.sent.append((title, text, priority)),
    )
    monkeypatch.setattr(
        drill.ledger,
        "append",
        lambda _, __, outcome, *, cause, **___: made.recorded.append((outcome, cause)),
    )
    return made
