"""restore.verb: what is typed and what is asked for by it; it waits for nobody who is at work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from restore_work_house import House, furnish

from mediastack.backup import run_lock
from mediastack.restore import resume, verb, work
from mediastack.updater import run_lock as updaters_lock


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def typed(house: House, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the verb asks for."""
    heard: list[Any] = []
    monkeypatch.setattr(verb.configuration, "load", lambda: house.stage.config)
    monkeypatch.setattr(verb, "DockerImages", lambda: None)
    monkeypatch.setattr(verb, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(work, "restore", lambda load, docker, asked: heard.append(asked) or 0)
    monkeypatch.setattr(resume, "finish", lambda *_: heard.append("finish") or 0)
    return heard


def test_the_verb(
    typed: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "--snapshot ab --target nas --service seerr --service plex --images --yes"
    assert verb.main(words.split()) == 0
    assert typed[0][:6] == ("ab", "nas", ("seerr", "plex"), False, True, False)
    assert typed[0].agreed() is True
    assert verb.main(["--resume"]) == 0
    assert typed[1] == "finish" and "there is none to go on with" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        verb.main(["--service", "nobody"])
    assert error.value.code == 2 and "no service 'nobody'" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    assert verb.main([]) == 0 and typed[2].agreed() is False


def test_the_verb_waits_for_nobody_who_is_at_work(
    typed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with run_lock.hold() as ours:
        assert ours and verb.main(["--yes"]) == 1
    with updaters_lock.hold() as ours:
        assert ours and verb.main(["--yes"]) == 1
        assert verb.main(["--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "a backup, a drill or a restore is at work" in said and "the updater is at work" in said
    assert len(typed) == 1
