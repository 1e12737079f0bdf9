"""inbox: what the door could have put there, what it leads to, and that nothing is left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediastack import door_sources, inbox, inbox_files

GOOD = {"schema": 1, "at": "x", "source": "wud", "service": "sonarr", "tag": "1.2", "digest": ""}


class World:
    """An inbox, and what it led to."""

    def __init__(self, folder: Path) -> None:
        self.new = folder / "inbox" / "new"
        self.new.mkdir(parents=True)
        self.config: dict[str, Any] = {
            "updates": {"inbox": str(folder / "inbox")},
            "services": {"sonarr": {"updates": "auto"}, "plex": {"updates": "pinned"}},
        }
        self.did: list[Any] = []
        self.keeper = False

    def put(self, entry: Any, name: str = "wud-1.json") -> Path:
        path = self.new / name
        path.write_text(entry if isinstance(entry, str) else json.dumps(entry))
        return path

    def read(self, uid: int | None = None) -> int:
        house = inbox.House(
            lambda *hint: self.did.append(hint),
            lambda subject, title, *_, **more: self.did.append((subject, title, more)),
            lambda: self.did.append("started"),
            lambda: self.keeper,
        )
        return inbox.read_all(self.config, os.getuid() if uid is None else uid, house)

    def titles(self) -> list[str]:
        return [one[1] for one in self.did if len(one) == 3 and isinstance(one[2], dict)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    assert list(made.new.iterdir()) == [], "something is left, and the path unit comes again"


def test_a_hint_is_handed_on_and_the_updater_started_once(world: World) -> None:
    world.put(GOOD)
    world.put({**GOOD, "tag": "1.3"}, "wud-2.json")
    assert world.read() == 2
    assert world.did == [("sonarr", "wud", "1.2"), ("sonarr", "wud", "1.3"), "started"]
    assert world.read() == 0


@pytest.mark.parametrize(
    "entry",
    [
        {**GOOD, "service": "plex"},
        {**GOOD, "service": "nobody"},
        {**GOOD, "service": "../x"},
        {**GOOD, "service": ["sonarr"]},
        {**GOOD, "tag": "a/b"},
        {**GOOD, "tag": None},
        {**GOOD, "digest": "sha256:x"},
        {**GOOD, "schema": 2},
        {**GOOD, "source": "nobody"},
        {**GOOD, "source": ["wud"]},
        {"schema": 1, "source": "sonarr"},
        {"schema": 1, "source": "abuse", "peer": "<b>", "count": 1},
        {"schema": 1, "source": "abuse", "peer": "172.30.0.9", "count": True},
        "[" * 5000,
        "{",
        "9" * 9000,
        " " * (inbox_files.LARGEST_FILE + 1),
    ],
)
def test_what_the_door_would_not_write_is_removed_told_and_leads_nowhere(
    world: World, entry: Any
) -> None:
    world.put(entry)
    world.read()
    assert world.titles() == ["Something strange in the updater's inbox"]
    assert len(world.did) == 1


def test_links_pipes_directories_and_other_names_are_removed_unread(
    world: World, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(GOOD))
    (world.new / "a.json").symlink_to(secret)
    os.mkfifo(world.new / "b.json")
    os.link(secret, world.new / "c.json")
    (world.new / "d.json" / "deep" / "er").mkdir(parents=True)
    (world.new / "d.json" / "file").write_text("x")
    (world.new / "d.json" / "out").symlink_to(tmp_path)
    world.put(GOOD, "..json")
    world.put(GOOD, "A B.json")
    (world.new / os.fsdecode(b"\xff\n.json")).write_text("x")
    world.read()
    assert len(world.titles()) == len(world.did) == 7
    assert json.loads(secret.read_text()) == GOOD


def test_a_file_of_another_user_is_not_the_doors(world: World) -> None:
    world.put(GOOD)
    world.read(uid=os.getuid() + 1)
    assert len(world.titles()) == len(world.did) == 1


def test_a_directory_that_is_a_link_is_not_followed(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "wud-1.json").write_text(json.dumps(GOOD))
    world.new.rmdir()
    world.new.symlink_to(other)
    with pytest.raises(OSError):
        world.read()
    assert world.did == [] and list(other.iterdir()) != []
    world.new.unlink()
    world.new.mkdir()


def test_many_refusals_are_one_message(world: World) -> None:
    world.put({"schema": 1, "source": "abuse", "peer": "172.30.0.9", "count": 10}, "abuse-1.json")
    world.read()
    ((subject, title, more),) = world.did
    assert (subject, title, more["key"]) == ("webhook", "Somebody tries the door", "abuse")


def test_an_applications_message_is_translated_and_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = door_sources.Message("sonarr", "Sonarr: test", "it works", key="k")
    monkeypatch.setattr(door_sources, "translate", lambda source, body: said if body else None)
    world.put({"schema": 1, "source": "sonarr", "body": {"x": 1}}, "sonarr-1.json")
    world.put({"schema": 1, "source": "sonarr", "body": {}}, "sonarr-2.json")
    world.read()
    ((subject, title, more),) = world.did
    assert (subject, title, more["at_once"]) == ("sonarr", "Sonarr: test", True)


@pytest.mark.parametrize("keeper", [True, False])
def test_what_the_keeper_tells_is_not_told_twice(world: World, keeper: bool) -> None:
    world.keeper = keeper
    content = "Container /seerr (0123456789ab) found to be unhealthy. Successfully restarted"
    world.put({"schema": 1, "source": "autoheal", "body": {"content": content}}, "autoheal-1.json")
    world.read()
    assert (world.did == []) is keeper
