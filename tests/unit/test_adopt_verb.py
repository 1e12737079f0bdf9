"""adopt.verb: a dry run, what it is refused for before anything is touched, and its exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
from adopt_survey_house import furnish, on_paper
from test_adopt_copy import everything

from mediastack.adopt import containers, verb
from mediastack.adopt.house import DIRECTORY
from mediastack.backup import run_lock
from mediastack.updater import run_lock as updates


class Theirs(house.PaperDocker):
    def __init__(self, config: dict[str, Any], top: Path) -> None:
        super().__init__(config)
        self.top = top

    def all(self) -> list[dict[str, Any]]:
        return [{
            "Name": "/tv",
            "Config": {"Image": "linuxserver/sonarr:latest", "Labels": {}, "Env": []},
            "Mounts": [{"Type": "bind", "Source": str(self.top / "sonarr"),
                        "Destination": "/config"}],
            "State": {"Status": "exited"},
        }]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    return on_paper(config, monkeypatch)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return house.theirs(tmp_path)


@pytest.fixture
def theirs(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> Theirs:
    made = Theirs(config, top)
    monkeypatch.setattr(containers, "Theirs", lambda: made)
    monkeypatch.setattr(verb.configuration, "load", lambda path=None: config)
    return made


def test_a_dry_run_tells_and_changes_nothing(
    config: dict[str, Any], theirs: Theirs, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(top), everything(Path(config["paths"]["config"]))
    assert verb.main(["--dry-run"]) == 0
    assert (everything(top), everything(Path(config["paths"]["config"]))) == before
    assert "dry run: nothing was changed" in capsys.readouterr().out
    assert not Path(config["paths"]["config"], DIRECTORY).exists()


def test_without_a_yes_nothing_is_done(
    config: dict[str, Any], theirs: Theirs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main([]) == verb.USAGE
    assert "say --yes to go on" in capsys.readouterr().err
    assert theirs.done == []


def test_while_a_backup_is_at_work_it_is_refused(
    theirs: Theirs, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_lock.hold() as is_ours:
        assert is_ours and verb.main(["--dry-run"]) == 1
    assert "a backup, a restore or another adoption is at work" in capsys.readouterr().err


def test_while_the_updater_is_at_work_it_is_refused(
    theirs: Theirs, capsys: pytest.CaptureFixture[str]
) -> None:
    with updates.hold() as is_ours:
        assert is_ours and verb.main(["--yes"]) == 1
    assert "an update" in capsys.readouterr().err and theirs.done == []


def test_a_refusal_is_a_line_for_each_reason_and_exit_code_1(
    theirs: Theirs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(["--service", "one", "--service", "two", "--yes"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[:2] for line in said] == [
        ["mediastack adopt", " one"],
        ["mediastack adopt", " two"],
    ]


@pytest.mark.parametrize("words", [["--container", "sonarr"], ["--directory", "=x"], ["more"]])
def test_wrong_usage_is_exit_code_2(theirs: Theirs, words: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        verb.main(words)
    assert raised.value.code == verb.USAGE
