"""The drill on a real repository: what it proves, what it finds, and that nothing stays behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import repository_house
import restic_house
from drill_house import House, furnish
from skips import needs_restic

from mediastack.backup import drill, report, run_lock
from mediastack.backup.drill_apps import Answer
from mediastack.backup.snapshots import Snapshot
from mediastack.docker_client import NotReachable


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


@needs_restic
def test_a_good_backup_is_proven_and_nothing_stays(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = restic_house.saved(house.found).snapshot
    assert house.run() == 0
    assert house.nothing_stays()
    proven = report.read()["proven"]
    assert (proven["snapshot"], proven["target"]) == (snapshot, "local")
    assert report.read()["drill"]["error"] == ""
    assert house.recorded == [("restore proven", "")]
    assert house.sent == []
    # The app saw what was backed up, its database among it; who is not to be started was not.
    ((service, image, seen),) = house.asked
    assert (service, image) == ("sonarr", "ghcr.io/linuxserver/sonarr:4.0.20")
    assert {"config.xml", "sonarr.db", "sub"} <= set(seen)
    printed = capsys.readouterr().out
    assert "1 database with 7 rows; well after 0.1 s" in printed
    assert "qbittorrent    restored; not started" in printed
    assert printed.endswith("s\n") and "all is well" in printed


def damaged_page(house: House) -> None:
    path = Path(house.paths["stage"]) / "databases/sonarr/sonarr.db"
    content = bytearray(path.read_bytes())
    content[-100:] = os.urandom(100)
    path.write_bytes(content)


def one_row_more(house: House) -> None:
    house.record["tables"]["entries"] += 1


def another_schema(house: House) -> None:
    house.record["user_version"] += 1


def known_damage(house: House) -> None:
    house.record |= {"damage": "page 3 is never used", "checked": "no"}


def no_database(house: House) -> None:
    (Path(house.paths["stage"]) / "databases/sonarr/sonarr.db").unlink()


def newer_lock(house: House) -> None:
    (house.found.root / "state/images.lock").write_text('{"schema": 7}')


@needs_restic
@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (damaged_page, "sonarr: database sonarr.db"),
        (one_row_more, "entries has 7 rows instead of 8"),
        (another_schema, "user_version"),
        (known_damage, "was damaged when it was backed up: page 3"),
        (no_database, "sonarr.db is missing"),
        (newer_lock, "schema is 7"),
    ],
)
def test_what_is_not_what_was_backed_up_fails_and_is_told(
    house: House, plant: Any, words: str
) -> None:
    before = {"at": "2026-11-01T00:00:00.000+00:00", "snapshot": "old", "target": "local"}
    report.note(proven=before)
    plant(house)
    restic_house.saved(house.found)
    assert house.run() == 1
    assert house.nothing_stays()
    assert house.asked == []
    assert report.read()["proven"] == before
    error = report.read()["drill"]["error"]
    # Where it lay for a moment helps nobody.
    assert words in error and "/drill/" not in error
    ((outcome, cause),) = house.recorded
    assert outcome == "restore not proven" and words in cause
    ((title, text, priority),) = house.sent
    assert title == "here: the restore drill failed" and words in text and priority == 4


@needs_restic
def test_an_app_that_does_not_start_fails_it(house: House) -> None:
    restic_house.saved(house.found)
    house.answers["sonarr"] = Answer("ended with 3 (no such table)")
    assert house.run() == 1
    assert report.read()["drill"]["error"] == "sonarr: its app ended with 3 (no such table)"
    assert house.nothing_stays()


@needs_restic
def test_that_it_is_well_again_is_told_once(house: House) -> None:
    restic_house.saved(house.found)
    house.answers["sonarr"] = Answer("is not well")
    house.run()
    house.answers.clear()
    assert [house.run(), house.run()] == [0, 0]
    assert [title for title, _, _ in house.sent] == [
        "here: the restore drill failed",
        "here: the restore drill is well again",
    ]


@needs_restic
def test_one_service_alone_proves_no_restore(house: House) -> None:
    restic_house.saved(house.found)
    assert house.run(("qbittorrent",)) == 0
    assert report.read()["proven"] == {} and house.recorded == house.sent == []
    assert house.asked == [] and house.nothing_stays()


@needs_restic
def test_without_any_backup_it_fails_and_says_how_to_make_one(house: House) -> None:
    repository_house.place(house.found.target.repository)
    assert house.run() == 1
    assert "fix: stack-manage.sh backup" in report.read()["drill"]["error"]


def test_without_a_target_or_a_repository_it_fails(house: House) -> None:
    house.config["backup"]["local"] = False
    docker: Any = house.docker
    assert drill.run(house.config, docker) == 1
    assert "no target" in report.read()["drill"]["error"]
    assert house.run() == 1
    assert house.nothing_stays()


def test_while_docker_is_away_it_fails_and_sweeps_the_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> list[dict[str, Any]]:
        raise NotReachable("Docker does not answer")

    monkeypatch.setattr(house.docker, "containers", away)
    assert house.run() == 1
    assert "does not answer" in report.read()["drill"]["error"]


def test_while_a_backup_is_at_work_it_does_nothing(house: House) -> None:
    with run_lock.hold() as ours:
        assert ours
        assert house.run() == 1
    assert house.recorded == house.sent == []


def test_the_newest_of_this_host_is_taken_else_of_any(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [
        Snapshot("b", "2026-11-02T00:00:00Z", "here", []),
        Snapshot("c", "2026-11-03T00:00:00Z", "elsewhere", []),
        Snapshot("a", "2026-11-01T00:00:00Z", "here", []),
    ]
    monkeypatch.setattr(drill.snapshots, "listed", lambda _: listed)
    assert drill.latest(house.config, house.found.target).id == "b"
    house.config["host"]["name"] = "renamed"
    assert drill.latest(house.config, house.found.target).id == "c"


@pytest.mark.parametrize(
    ("made_by", "image"),
    [
        ("4.0.19", "ghcr.io/x/sonarr:4.0.20"),
        ("4.0.20", "ghcr.io/x/sonarr:4.0.20"),
        ("4.0.21", "ghcr.io/x/sonarr:4.0.21@sha256:" + "b" * 64),
    ],
)
def test_no_older_image_meets_what_a_newer_one_made(house: House, made_by: str, image: str) -> None:
    config = {"services": {"sonarr": {"image": "ghcr.io/x/sonarr:4.0.20"}}}
    entry = {"image": f"ghcr.io/x/sonarr:{made_by}", "digest": "sha256:" + "b" * 64}
    assert drill.image_of(config, "sonarr", entry) == image
