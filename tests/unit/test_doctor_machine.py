"""doctor_machine: packages, account, engine and leftovers, gathered and judged."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import doctor_checks, doctor_machine

LISTING = "docker.io installed\npython3-venv config-files\n"


def judged(config: dict[str, Any], facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (one.check, one.subject, one.problem)
        for check in doctor_machine.CHECKS
        for one in check(config, facts)
        if not one.ok
    ]


def test_a_clean_house_passes_and_every_finding_is_drift() -> None:
    config, facts = house.config() | {"packages": ["docker.io"]}, house.facts()
    assert judged(config, facts) == []
    found = [one for check in doctor_machine.CHECKS for one in check(config, facts)]
    assert len(found) == 5 and all(doctor_checks.is_drift(one) for one in found)


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"packages": {}}, ("package", "docker.io", "is not installed")),
        (
            {"packages": {"docker.io": "config-files"}},
            ("package", "docker.io", "is config-files"),
        ),
        ({"user": ""}, ("account", "uid 0", "has no user")),
        ({"group": ""}, ("account", "gid 0", "has no group")),
        (
            {"engine_older": True},
            ("engine", "docker.service", "runs with an older daemon.json"),
        ),
        ({"leftovers": ["/opt/old"]}, ("leftover", "/opt/old", "is no longer wanted")),
    ],
)
def test_each_fault_is_one_finding(fault: dict[str, Any], finding: tuple[str, str, str]) -> None:
    facts = house.facts()
    facts["machine"].update(fault)
    assert judged(house.config() | {"packages": ["docker.io"]}, facts) == [finding]


def test_without_dpkg_packages_are_not_judged() -> None:
    assert doctor_machine.packages(["docker.io"], lambda _: None) is None
    facts = house.facts()
    facts["machine"]["packages"] = None
    assert judged(house.config() | {"packages": ["docker.io"]}, facts) == []


def test_packages_are_asked_for_in_one_call() -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        asked.append(command)
        return LISTING

    found = doctor_machine.packages(["docker.io", "python3-venv"], run)
    assert found == {"docker.io": "installed", "python3-venv": "config-files"}
    assert [list(command[-2:]) for command in asked] == [["docker.io", "python3-venv"]]


@pytest.mark.parametrize(("seconds", "older"), [(-100, False), (100, True)])
def test_a_docker_that_started_before_its_settings_changed_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, older: bool
) -> None:
    settings = tmp_path / "daemon.json"
    settings.write_text("{}")
    monkeypatch.setattr(doctor_machine, "DAEMON_SETTINGS", str(settings))
    (tmp_path / "7").mkdir()
    ticks = 50 * os.sysconf("SC_CLK_TCK")
    (tmp_path / "7" / "stat").write_text(f"7 (doc ker) S {' '.join(['0'] * 18)} {ticks} 0")
    (tmp_path / "stat").write_text("cpu 0\nbtime 1800000000\n")
    changed = 1800000050 + seconds
    os.utime(settings, (changed, changed))
    assert doctor_machine.engine_older(lambda _: "7\n", str(tmp_path)) is older


@pytest.mark.parametrize("answer", [None, "", "0\n", "no number"])
def test_a_docker_that_cannot_be_looked_at_is_not_called_older(
    tmp_path: Path, answer: str | None
) -> None:
    assert doctor_machine.engine_older(lambda _: answer, str(tmp_path)) is False


def test_leftovers_are_recorded_unwanted_and_removable(tmp_path: Path) -> None:
    for name in ("wanted", "old", "kept"):
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "theirs").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    own = tmp_path / "mediastack.toml"
    own.write_text("")
    record = {
        f"{tmp_path}/{name}": {"kind": kind, "keep": name == "kept"}
        for name, kind in {
            "wanted": "file",
            "old": "file",
            "kept": "file",
            "gone": "file",
            "dangling": "link",
            "empty": "directory",
            "full": "directory",
            "mediastack.toml": "file",
        }.items()
    }
    (tmp_path / "managed.json").write_text(json.dumps(record))
    config = {
        "paths": {"state": str(tmp_path), "etc": str(tmp_path)},
        "files": [{"path": f"{tmp_path}/wanted"}],
    }
    found = doctor_machine.leftovers(config)
    assert found == [f"{tmp_path}/{name}" for name in ("dangling", "empty", "old")]


@pytest.mark.parametrize("text", [None, "", "{"])
def test_without_a_readable_record_nothing_is_called_left_over(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "managed.json").write_text(text)
    paths = {"state": str(tmp_path), "etc": str(tmp_path)}
    assert doctor_machine.leftovers({"paths": paths, "files": []}) == []


def test_gather_names_the_owner_of_a_known_and_an_unknown_number(tmp_path: Path) -> None:
    config = {
        "paths": {"state": str(tmp_path), "etc": str(tmp_path), "program": str(tmp_path)},
        "files": [],
        "host": {"puid": 0, "pgid": 4_000_000_000},
    }
    found = doctor_machine.gather(config, lambda _: "")
    assert (found["user"], found["group"]) == ("root", "")
