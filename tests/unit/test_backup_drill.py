"""The drill on a real repository: what it proves, what it finds, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import repository_house
import restic_house
from restic_house import needs_restic

from mediastack.backup import databases, drill, drill_apps, drill_verb, report, run_lock
from mediastack.backup.drill_apps import Answer
from mediastack.backup.snapshots import Snapshot
from mediastack.docker_client import NotReachable

FILES = str(Path(__file__).resolve().parents[2] / "files")


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


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
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
def test_what_a_killed_drill_left_is_swept_first(house: House) -> None:
    restic_house.saved(house.found)
    left = Path(drill.place(house.config)) / "sonarr"
    left.mkdir(parents=True)
    (left / "sonarr.db").write_text("left")
    house.docker.left = ["one", "two"]
    assert house.run() == 0
    assert house.nothing_stays()


def test_a_container_that_docker_was_still_making_is_swept_without_its_directory(
    house: House,
) -> None:
    house.docker.left = ["late"]
    docker: Any = house.docker
    drill.sweep(house.config, docker)
    assert house.docker.left == []


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


@needs_restic
@pytest.mark.parametrize(
    ("number", "stays"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGKILL, True)]
)
def test_ended_in_its_middle_it_leaves_nothing_or_the_next_sweep_does(
    house: House, tmp_path: Path, number: int, stays: bool
) -> None:
    restic_house.saved(house.found)
    (tmp_path / "config.json").write_text(json.dumps(house.config))
    program = f"""
import json, sys, time
sys.path.insert(0, {FILES!r})
from mediastack.backup import drill, drill_apps, report, run_lock, settings
config = json.load(open({str(tmp_path / "config.json")!r}))
run_lock.config.paths = lambda: config["paths"]
report.default_path = lambda: {str(tmp_path / "backup.json")!r}
drill.image_lock.default_path = lambda: "/nowhere"
drill.restic.CACHE = {str(tmp_path / "cache")!r}
drill.drill_apps.sweep = lambda docker: None
def ask(*given):
    print("asked", flush=True)
    time.sleep(60)
drill_apps.ask = ask
target = settings.Target("local", {house.found.target.repository!r},
                         {house.found.target.password_file!r}, "/nowhere")
drill.run(config, None, target)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert process.stdout
        deadline = time.monotonic() + 60
        while "asked" not in process.stdout.readline():
            assert time.monotonic() < deadline and process.poll() is None
        process.send_signal(number)
        process.wait(20)
    finally:
        process.kill()
        process.wait()
    assert os.path.exists(drill.place(house.config)) is stays
    docker: Any = house.docker
    drill.sweep(house.config, docker)
    assert house.nothing_stays()


@pytest.mark.parametrize(
    ("words", "said"), [(["--target", "moon"], "local"), (["--service", "x"], "sonarr")]
)
def test_an_unknown_name_is_refused_with_those_there_are(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(drill_verb.configuration, "load", lambda: house.config)
    assert drill_verb.main(words) == 2
    assert said in capsys.readouterr().err


def test_the_verb_hands_on_what_was_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(drill_verb.configuration, "load", lambda: house.config)
    monkeypatch.setattr(drill, "run", lambda *words: given.append(words[2:]) or 0)
    assert drill_verb.main([]) == 0
    assert drill_verb.main(["--target", "local", "--service", "sonarr"]) == 0
    assert given[0] == (None, [])
    assert (given[1][0].name, given[1][1]) == ("local", ["sonarr"])
