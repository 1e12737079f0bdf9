"""What was there before the first deploy: noted once, ahead of any change, never on an old host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remote import before, packages


def spec(folder: Path) -> dict[str, Any]:
    return {
        "record": str(folder / "state" / "before.json"),
        "managed": str(folder / "state" / "managed.json"),
        "daemon_json": str(folder / "daemon.json"),
        "directories": [str(folder), str(folder / "new")],
        "uid": 0,
        "gid": 4_000_000_000,
    }


def test_a_bare_host_is_noted_once(tmp_path: Path) -> None:
    asked = spec(tmp_path)
    assert [one["problem"] for one in before.check(asked)] == ["absent"]
    assert before.apply(asked) == [asked["record"]]
    assert before.check(asked) == [] and before.apply(asked) == []
    assert json.loads(Path(asked["record"]).read_text()) == {
        "daemon_json": None,
        "absent": [str(tmp_path / "new")],
        "account": True,
        "packages": [],
        "repository": [],
    }


def test_the_users_docker_settings_are_kept_word_by_word(tmp_path: Path) -> None:
    asked = spec(tmp_path) | {"gid": 0}
    (tmp_path / "daemon.json").write_text('{ "debug": true }\n')
    before.apply(asked)
    noted = json.loads(Path(asked["record"]).read_text())
    assert noted["daemon_json"] == '{ "debug": true }\n'
    assert noted["account"] is False


def test_a_host_that_was_deployed_without_a_note_gets_none(tmp_path: Path) -> None:
    asked = spec(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "managed.json").write_text("{}")
    assert before.check(asked) == [] and before.apply(asked) == []
    packages.note(asked["record"], ["docker.io"], [])
    assert not Path(asked["record"]).exists()


def test_packages_add_to_the_note_and_take_nothing_from_it(tmp_path: Path) -> None:
    asked = spec(tmp_path)
    before.apply(asked)
    packages.note(asked["record"], ["b", "a"], [asked["daemon_json"]])
    packages.note(asked["record"], ["c", "a"], [str(tmp_path)])
    noted = json.loads(Path(asked["record"]).read_text())
    assert noted["packages"] == ["a", "b", "c"]
    # What was there already is somebody else's.
    assert noted["repository"] == [asked["daemon_json"]]


def test_what_is_coming_is_what_apt_says_it_will_add(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        "Inst runc (1.1 Debian:13 [amd64])\nInst libc6 [2.40] (2.41 Debian:13 [amd64])\nConf runc"
    )

    class Done:
        stdout = said

    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: Done())
    assert packages.coming(["docker.io"]) == ["runc"]
