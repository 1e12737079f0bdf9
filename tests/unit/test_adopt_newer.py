"""adopt.newer: what is ahead of ours is told by its database, or else by its image."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
from adopt_survey_house import furnish, on_paper, source

from mediastack.adopt import containers, newer


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    return on_paper(config, monkeypatch)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return house.theirs(tmp_path)


def test_a_database_ahead_of_ours_is_newer(config: dict[str, Any], docker: Any, top: Path) -> None:
    ours = Path(config["services"]["sonarr"]["config"], "sonarr.db")
    house.a_database(ours, version=217)
    for version, newer_one in ((216, False), (217, False), (218, True)):
        connection = sqlite3.connect(top / "sonarr" / "sonarr.db")
        connection.execute("UPDATE VersionInfo SET Version = ?", (version,))
        connection.commit()
        connection.close()
        why = newer.problem(config, docker, source(top, "sonarr"), ["sonarr.db"])
        assert bool(why) == newer_one
    assert "VersionInfo 218, ours 217" in why and "stack-manage.sh update sonarr" in why


@pytest.mark.parametrize(
    ("theirs", "ours", "is_newer"),
    [
        ("4.0.21", "4.0.20", True),
        ("4.0.20.2979-ls316", "4.0.20", False),
        ("4.0.21.2979-ls316", "4.0.20", True),
        ("v3.6.0", "3.5.9", True),
        ("latest", "4.0.20", False),
        ("4.0.19", "latest", False),
        ("develop", "v1", False),
        ("10.2.0", "9.9.9", True),
    ],
)
def test_versions_are_compared_as_far_as_both_go(theirs: str, ours: str, is_newer: bool) -> None:
    assert newer.is_later(theirs, ours) == is_newer


def test_images_tell_where_databases_do_not(config: dict[str, Any], docker: Any, top: Path) -> None:
    one = source(top, "seerr", image="x/seerr:4.1.0")
    assert "version 4.1.0, ours 4.0.20" in newer.problem(config, docker, one, ["db/db.sqlite3"])
    # What the image says of itself counts before its tag.
    docker.labels[config["services"]["seerr"]["image"]] = {containers.VERSION: "4.2.0"}
    assert newer.problem(config, docker, one, ["db/db.sqlite3"]) == ""
