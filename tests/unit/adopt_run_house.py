"""A house that is about to adopt all of theirs, with states of its own; what runs is on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import adopt_house as house
import pytest

from mediastack import intent
from mediastack.adopt import copy, prove, survey
from mediastack.adopt import journal as adoptions
from mediastack.adopt.house import DIRECTORY, Source
from mediastack.restore import swap


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A house below tmp_path; three of its services have a database with one row."""
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 0)
    monkeypatch.setattr(swap, "to_disk", lambda where: None)
    made = house.furnish(tmp_path, monkeypatch)
    for name in ("sonarr", "bazarr", "seerr"):
        relative = house.DATABASES[name][0]
        house.a_database(Path(made["services"][name]["config"], relative), 1)
    return made


def on_paper(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    """Docker on paper; a test says who is sick."""
    made = house.PaperDocker(config)

    def begin(_config: Any, docker: Any, _actor: str, service: str) -> str:
        if service in intent.stopped():
            return ""
        docker.done.append(f"start {service}")
        docker.states[service] = "running"
        return ""

    def unwell(_config: Any, docker: Any, service: str) -> str:
        # It does not do well with the new state alone.
        live = config["services"][service]["config"]
        sick = docker.sick.get(service) and Path(live, "new").exists()
        return docker.sick[service] if sick else ""

    monkeypatch.setattr(prove, "begin", begin)
    monkeypatch.setattr(prove, "unwell", unwell)
    monkeypatch.setattr(survey, "_together", lambda *_: [])
    return made


def theirs(tmp_path: Path) -> Path:
    """The config directories of a hand-made stack, each with a mark."""
    made = house.theirs(tmp_path)
    for name in ("sonarr", "bazarr", "seerr", "qbittorrent"):
        (made / name / "new").write_text("theirs")
    return made


def proposals(config: dict[str, Any], docker: Any, top: Path, *names: str) -> list[Any]:
    return survey.look(config, docker, [Source(name, str(top / name)) for name in names])


def live(config: dict[str, Any], service: str) -> Path:
    return Path(config["services"][service]["config"])


def secret(config: dict[str, Any], name: str) -> str:
    return Path(config["paths"]["etc"], "secrets", name).read_text()


def is_tidy(config: dict[str, Any]) -> bool:
    return not adoptions.entries() and not Path(config["paths"]["config"], DIRECTORY).exists()
