"""The judge of a rebuild sees each thing that a house can lose, and nothing where all is there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from settings_house import load

from checks import checkout, disaster
from checks.disaster_house import Burnt
from checks.disaster_judge import databases, files, kept, secrets
from checks.framework import Context
from sandbox.state import ROOT
from settings import Settings

FILE = ["0o100640", 1000, 1000, "abc", 7, {"user.check": "6b"}]
ROOT_FILE = ["0o100600", 0, 0, "def", 7, {}]
TABLES = {"version": 3, "schema": "s", "tables": {"entries": [20, "h"], "starts": [1, "i"]}}
SECRET = ["0o100400", 1000, 1000, "key", 7, {}]
SALT = ["0o100400", 0, 0, "s", 7, {}]
Found = dict[str, Any]


@pytest.fixture
def burnt(tmp_path: Path) -> Burnt:
    seen = {
        "sonarr/config.xml": FILE,
        "sonarr/of-root": ROOT_FILE,
        "seerr/settings.json": FILE,
        "sonarr/logs/a.txt": FILE,
        "sonarr/sonarr.db": FILE,
        "sonarr/sonarr.db-wal": FILE,
    }
    facts = {
        "files": seen,
        "databases": {"sonarr/sonarr.db": TABLES, "sonarr/logs.db": TABLES},
        "secrets": {"recyclarr/sonarr_api_key": SECRET, ".salt-key": SALT},
        "lock": {},
    }  # fmt: skip
    said = {"rows": {"sonarr": ["one"]}, "torrents": [{"hash": "h"}], "keys": {"sonarr": 200}}
    return Burnt(facts, said, seen, "", load(tmp_path))


@pytest.fixture
def now(tmp_path: Path) -> Settings:
    (tmp_path / "new").mkdir()
    return load(tmp_path / "new", {"host": {"puid": 1500, "pgid": 1600}})


@pytest.fixture
def found(burnt: Burnt) -> Found:
    """What a right rebuild leads to."""
    ours = ["0o100640", 1500, 1600, *FILE[3:]]
    secret = ["0o100400", 1500, 1600, *SECRET[3:]]
    return {
        "files": {
            "sonarr/config.xml": ours, "sonarr/of-root": ROOT_FILE, "sonarr/sonarr.db": ours,
            "seerr/settings.json": FILE,
        },
        "databases": {"sonarr/sonarr.db": copy.deepcopy(TABLES)},
        "secrets": {**burnt.facts["secrets"], "recyclarr/sonarr_api_key": secret},
    }  # fmt: skip


def judged(burnt: Burnt, found: Found, now: Settings) -> list[str]:
    return [
        *files(burnt, found["files"], now),
        *databases(burnt, found["databases"]),
        *secrets(burnt, found["secrets"], now),
    ]


def test_a_house_that_is_all_there_is_not_complained_of(
    burnt: Burnt, found: Found, now: Settings
) -> None:
    assert judged(burnt, found, now) == []


CHANGES: list[tuple[Callable[[Found], Any], str]] = [
    (lambda f: f["files"].pop("sonarr/config.xml"), "sonarr/config.xml is missing"),
    (lambda f: f["files"].update({"sonarr/config.xml": FILE}), "uid is 1000 instead of 1500"),
    (lambda f: f["files"]["seerr/settings.json"] and f["files"].update(
        {"seerr/settings.json": ["0o100640", 1500, 1600, *FILE[3:]]}), "uid is 1500 instead"),
    (lambda f: f["files"].update({"sonarr/of-root": [*ROOT_FILE[:4], 8, {}]}), "time is 8"),
    (lambda f: f["files"].update({"sonarr/logs": FILE}), "a cache or a log"),
    (lambda f: f["files"].update({"sonarr/more": FILE}), "is there and was not"),
    (lambda f: f["databases"].clear(), "the database sonarr/sonarr.db is missing"),
    (lambda f: f["databases"]["sonarr/sonarr.db"]["tables"].update({"entries": [19, "x"]}),
     "entries (20 -> 19 rows)"),
    (lambda f: f["databases"]["sonarr/sonarr.db"].update({"version": 2}), "its schema"),
    (lambda f: f["secrets"].pop(".salt-key"), "the secret .salt-key is missing"),
    (lambda f: f["secrets"].update({".salt-key": ["0o100400", 0, 0, "t", 7, {}]}), "content is t"),
    (lambda f: f["secrets"].update({"recyclarr/sonarr_api_key": SECRET}), "uid is 1000"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_what_is_lost_is_told_once(
    burnt: Burnt, found: Found, now: Settings, change: Callable[[Found], Any], words: str
) -> None:
    change(found)
    told = judged(burnt, found, now)
    assert any(words in one for one in told), told
    assert len(told) <= 2


def test_apps_that_say_something_else_are_told(burnt: Burnt) -> None:
    context = Context("disaster")
    kept(context, burnt, copy.deepcopy(burnt.kept))
    assert context.violations == []
    kept(context, burnt, {"rows": {}, "torrents": [], "keys": {"sonarr": 401}})
    assert len(context.violations) == 3


@pytest.mark.parametrize("name", sorted(disaster.BREAKS))
def test_every_fault_can_be_planted_into_these_sources(name: str) -> None:
    context = Context("disaster")
    with checkout.frozen(ROOT) as sources:
        context.box = type("Box", (), {"sources": sources})()
        with disaster.BREAKS[name].plant(context):
            assert context.fault_sources != sources
